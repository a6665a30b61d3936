import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("stat tells all about a file, a directory and a link", async () => {
  await using world = await openClientWorld(2);
  await world.run(["mkdir", "/d"]);
  await world.run(["put", "-", "/d/file"], { input: "some bytes" });
  await Deno.mkdir(`${world.local}/t`);
  await Deno.symlink("file\x07", `${world.local}/t/link`);
  await world.run(["put", "-r", "t/.", "/d"]);
  const file = (await world.run(["stat", "/d/file"])).output;
  assert.match(file, /kind +file\nsize +10 B \(10 bytes\)\n/);
  assert.match(file, /mode +-rw-r--r-- \(0644\)\nid +[0-9a-f]{32}\nchunks +1 of 4 MiB\n/);
  assert.match(file, /copies +2 of 2 wanted/);
  assert.match((await world.run(["stat", "/d/link"])).output, /kind +link\nleads to +file\\x07\n/);
  const json = (await world.run(["stat", "--json", "/d", "/d/file"])).json();
  assert.deepEqual(json.map(({ path, kind }) => [path, kind]), [
    ["/d", "directory"],
    ["/d/file", "file"],
  ]);
});

Deno.test("du sums up trees", async () => {
  await using world = await openClientWorld(2);
  await world.run(["mkdir", "-p", "/d/e"]);
  await world.run(["put", "-", "/d/a"], { input: "x".repeat(1024) });
  await world.run(["put", "-", "/d/e/b"], { input: "y".repeat(1024) });
  const ran = await world.run(["du", "/d", "/d/e"]);
  assert.equal(
    ran.output,
    "2 KiB  2 files    1 directory  0 links  /d\n1 KiB   1 file  0 directories  0 links  /d/e\n",
  );
  const [json] = (await world.run(["du", "--json", "/d"])).json();
  assert.deepEqual(json, { path: "/d", files: 2, directories: 1, links: 0, fileBytes: 2048 });
});
