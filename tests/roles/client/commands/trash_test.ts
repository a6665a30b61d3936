import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("rm, trash, restore and trash empty, from words to exit code", async () => {
  await using world = await openClientWorld();
  const code = async (...words: string[]) => (await world.run(words)).code;
  assert.equal(await code("mkdir", "-p", "/a/b"), 0);
  const removed = await world.run(["rm", "-r", "/a"]);
  assert.equal(removed.code, 0);
  const id = /^rm: \/a is in the trash for at least 1 d 0 h; to have it back: restore @(\d+)\n$/
    .exec(removed.error)
    ?.[1];
  assert(id !== undefined, removed.error);
  const listed = await world.run(["trash"]);
  assert.match(listed.output, /^ *ID +REMOVED/);
  assert.match(listed.output, new RegExp(`\\n *@${id} .* tree, 0 files .* /a\\n$`));
  assert.equal((await world.run(["trash", "--json"])).json()[0]?.["path"], "/a");
  assert.match((await world.run(["df"])).output, /\ntrash: 0 files, 0 B of at most /);
  assert.match((await world.run(["status"])).output, /\ntrash +0 files/);

  assert.equal((await world.run(["restore", "/a"])).output, "/a is back: 0 files\n");
  assert.equal((await world.run(["ls", "/a"])).output, "b\n");
  assert.equal(await code("rm", "-r", "/a"), 0);
  assert.equal(await code("mkdir", "/a"), 0);
  const refused = await world.run(["restore", "/a"]);
  assert.equal(refused.code, 4);
  assert.match(refused.error, /next: type another name: restore @\d+ \/a.restored/);
  assert.equal(await code("restore", "/a", "/c/d"), 0);
  assert.equal(await code("restore", "/a"), 3);
  assert.equal(await code("restore", "@999"), 3);

  assert.equal(await code("rm", "-r", "/c"), 0);
  assert.equal(await code("rm", "-r", "--now", "/a"), 0);
  assert.equal(await code("trash", "empty", "nonsense"), 2);
  assert.equal(await code("trash", "full"), 2);
  assert.equal(await code("trash", "empty", "@999"), 3);
  assert.equal(await code("trash", "empty", "999"), 2);
  const purged = await world.run(["trash", "empty"]);
  assert.equal(purged.output, "purged 1 entry: 0 files, 0 B\n");
  assert.match((await world.run(["trash"])).error, /the trash is empty/);
});
