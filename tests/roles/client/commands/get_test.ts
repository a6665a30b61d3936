import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";
import { makeTree, shape } from "../trees.ts";

Deno.test("get -r writes nothing through a local link", async () => {
  await using world = await openClientWorld();
  await makeTree(`${world.local}/tree`);
  await world.run(["put", "-r", "tree", "/"]);
  await Deno.mkdir(`${world.local}/outside`);
  await Deno.mkdir(`${world.local}/back`);
  await Deno.symlink("../outside", `${world.local}/back/sub dir`);
  await Deno.symlink("../outside/escaped", `${world.local}/back/a`);
  const ran = await world.run(["get", "-r", "-f", "/tree/.", "back"]);
  assert.equal(ran.code, 1);
  assert.match(ran.error, /back\/sub dir is a link, where a directory is to be/);
  assert.deepEqual(await shape(`${world.local}/outside`), []);
  assert.equal((await Deno.lstat(`${world.local}/back/a`)).isFile, true);
});

Deno.test("get names what it cannot do", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "/d"]);
  await Deno.writeTextFile(`${world.local}/file`, "");
  await world.run(["put", "file", "/d"]);
  for (
    const [words, code, message] of [
      [["/none"], 3, /\/none/],
      [["/d", "x"], 4, /next: type: get -r \/d/],
      [["/d/file"], 4, /file[^]*--force/],
      [["/d/file", "/d/file", "x"], 3, /x is no local directory/],
      [["/d/file", "none/x"], 3, /no local directory/],
      [["/d", "-"], 4, /\/d is a directory/],
    ] as [string[], number, RegExp][]
  ) {
    const ran = await world.run(["get", ...words]);
    assert.match(ran.error, message);
    assert.equal(ran.code, code, `${words.join(" ")}: ${ran.error}`);
  }
  assert.equal((await world.run(["get", "-f", "/d/file"])).code, 0);
});
