import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("digits of an id are taken where a path is, and a path that exists wins", async () => {
  await using world = await openClientWorld();
  await Deno.writeTextFile(`${world.local}/file`, "");
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    const ran = await world.run(["put", "--json", "file", `/file-${i}`]);
    ids.push(String(ran.json()[0]?.versionId));
  }
  const [id = ""] = ids;
  assert.match((await world.run(["stat", id.slice(0, 12)])).output, /path +\/file-0\n/);
  assert.equal((await world.run(["get", id.slice(0, 12), "by-id"])).code, 0);
  assert.equal((await world.run(["cat", id])).code, 0);
  assert.equal((await world.run(["mv", id.slice(0, 12), "/moved"])).code, 3);
  assert.equal((await world.run(["mv", `@${id.slice(0, 12)}`, "/moved"])).code, 0);
  assert.equal((await world.run(["stat", "00000"])).code, 3);
  await world.run(["put", "file", `/${id.slice(0, 12)}`]);
  assert.match(
    (await world.run(["stat", id.slice(0, 12)])).output,
    new RegExp(`/${id.slice(0, 12)}`),
  );
});

Deno.test("digits that begin several ids are refused with the list of them", async () => {
  await using world = await openClientWorld();
  const matches = ["1", "2"].map((digit) => ({
    versionId: `abcde${digit.repeat(27)}`,
    path: `/file-${digit}\x1b`,
    sizeBytes: 2048,
  }));
  world.cluster.trackerBehave = (path) =>
    path === "/v1/files/resolve-prefix" ? { reply: { matches } } : "ok";
  const ran = await world.run(["get", "abcde"]);
  assert.equal(ran.code, 2);
  assert.match(
    ran.error,
    /abcde begins 2 ids:\n {2}@abcde1+ {2}2 KiB {2}\/file-1\\e\n {2}@abcde2+/,
  );
  assert.match(ran.error, /next: type more digits/);
});
