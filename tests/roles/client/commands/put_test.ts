import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";
import { makeTree, shape } from "../trees.ts";

Deno.test("put -r and get -r bring a tree back with empty directories and links", async () => {
  await using world = await openClientWorld();
  await makeTree(`${world.local}/tree`);
  const put = await world.run(["put", "-r", "tree", "/"]);
  assert.equal(put.code, 0, put.error);
  assert.match(put.error, /^put: 3 files, 4 directories, 3 links, 0 B sent/);
  const got = await world.run(["get", "-r", "/tree", "back"]);
  assert.equal(got.code, 0, got.error);
  assert.deepEqual(await shape(`${world.local}/back`), await shape(`${world.local}/tree`));
  // Again, into the directory that is there, and over what is there.
  assert.equal((await world.run(["put", "-r", "tree", "/"])).code, 0);
  assert.equal((await world.run(["get", "-r", "/tree", "."])).code, 1);
  assert.equal((await world.run(["get", "-r", "-f", "/tree", "."])).code, 0);
  assert.deepEqual(await shape(`${world.local}/tree`), await shape(`${world.local}/back`));
  assert.equal((await world.run(["put", "-r", "-n", "tree", "/"])).code, 1);
});

Deno.test("put has the manners of cp", async () => {
  await using world = await openClientWorld();
  await makeTree(`${world.local}/tree`);
  await world.run(["mkdir", "/d"]);
  const put = (...words: string[]) => world.run(["put", ...words]);
  assert.equal((await put("tree/a")).code, 0);
  assert.equal((await put("tree/a", "/renamed")).code, 0);
  assert.equal((await put("tree/a", "tree/sub dir/b", "/d")).code, 0);
  assert.equal((await put("-r", "tree/sub dir/", "/d/new")).code, 0);
  assert.equal((await put("-r", "tree/sub dir/.", "/d")).code, 0);
  assert.equal((await put("tree/sub dir/link", "/followed")).code, 0);
  const listed = async (path: string) => (await world.run(["ls", path])).output;
  assert.equal(await listed("/"), "a\nd\nfollowed\nrenamed\n");
  assert.equal(await listed("/d"), "a\nb\ndeeper\nlink\nnew\n");
  assert.equal(await listed("/d/new"), "b\ndeeper\nlink\n");
  assert.match((await world.run(["stat", "/followed"])).output, /kind +file/);

  for (
    const [words, code, message] of [
      [["tree", "/x"], 4, /tree is a directory\n {2}next: type: put -r tree/],
      [["tree/a", "tree/sub dir/b", "/x"], 4, /\/x is no directory/],
      [["tree/a", "/x/"], 3, /\/x is no directory\n {2}next: type: mkdir/],
      [["tree/a", "/none/x"], 3, /\/none/],
      [["missing", "/x"], 3, /missing/],
      [["tree/dangling", "/x"], 3, /dangling/],
      [["-n", "tree/a", "/renamed"], 4, /renamed/],
      [["/dev/null", "/x"], 1, /neither file, directory nor link/],
      [["-r", "tree", "/renamed"], 1, /renamed/],
    ] as [string[], number, RegExp][]
  ) {
    const ran = await put(...words);
    assert.match(ran.error, message);
    assert.equal(ran.code, code, `${words.join(" ")}: ${ran.error}`);
  }
  assert.equal((await put("missing", "tree/a", "/d")).code, 1);
});

Deno.test("put -r tells special files and goes on", async () => {
  await using world = await openClientWorld();
  await makeTree(`${world.local}/tree`);
  using _socket = Deno.listen({ transport: "unix", path: `${world.local}/tree/socket` });
  const ran = await world.run(["put", "-r", "tree", "/", "--json"]);
  assert.equal(ran.code, 1);
  assert.match(ran.error, /socket is neither[^]*1 of 4 files failed/);
  const lines = ran.json();
  assert.deepEqual(lines.filter((line) => line.ok === false).length, 1);
  const { done, failed, directories, links } = lines.at(-1) ?? {};
  assert.deepEqual([done, failed, directories, links], [3, 1, 4, 3]);
});
