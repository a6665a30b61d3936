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

/** `caf` and an E9 byte, beside a neighbour whose name really holds U+FFFD; and so a directory. */
async function makeForeign(folder: string): Promise<void> {
  const script = `mkdir "$1" && cd "$1" && printf ok >plain && printf no >"$(printf 'caf\\351')" &&
    printf neighbour >"$(printf 'caf\\357\\277\\275')" &&
    mkdir "$(printf 'dir\\351')" "$(printf 'dir\\357\\277\\275')" &&
    printf no >"$(printf 'dir\\351')/inside" && ln -s "$(printf 'to\\351')" link`;
  const made = await new Deno.Command("sh", { args: ["-c", script, "sh", folder] }).output();
  assert.ok(made.success, new TextDecoder().decode(made.stderr));
}

Deno.test("put leaves names out that are no UTF-8, one by one, and takes no neighbour for one", async () => {
  await using world = await openClientWorld(2);
  await makeForeign(`${world.local}/tree`);
  const put = await world.run(["put", "-r", "tree", "/"]);
  assert.equal(put.code, 1, put.error);
  for (const name of ["tree/caf\\xe9", "tree/dir\\xe9", "tree/link"]) {
    assert.ok(put.error.includes(name), `${name} in ${put.error}`);
  }
  assert.match(put.error, /not valid UTF-8/);
  assert.equal((await world.run(["ls", "/tree"])).output, "caf\ufffd\ndir\ufffd\nplain\n");
  assert.equal((await world.run(["cat", "/tree/caf\ufffd"])).output, "neighbour");
  assert.equal((await world.run(["ls", "/tree/dir\ufffd"])).output, "");

  const words = ["put", "tree/caf\udce9", "tree/caf\udc00", "tree/plain", "/tree/dir\ufffd"];
  const named = await world.run(words);
  assert.equal(named.code, 1);
  assert.match(named.error, /caf\\xe9.*not valid UTF-8[^]*caf\\x\?\?.*not valid UTF-8/);
  assert.equal((await world.run(["ls", "/tree/dir\ufffd"])).output, "plain\n");
  const to = await world.run(["get", "/tree/plain", "caf\udce9"]);
  assert.equal(to.code, 2, to.error);
  assert.match(to.error, /caf\\xe9.*not valid UTF-8/);
  const listed = await world.run(["ll", "-l", "tree"]);
  assert.equal(listed.code, 2);
  assert.match(listed.output, /plain/);
  assert.match(listed.error, /caf\\xe9: the name is not valid UTF-8/);
});

Deno.test("put reads a file to its end whose size says 0", async () => {
  await using world = await openClientWorld(2);
  const put = await world.run(["put", "/proc/version", "/proc/cpuinfo", "/"]);
  assert.equal(put.code, 0, put.error);
  assert.equal(
    (await world.run(["cat", "/version"])).output,
    await Deno.readTextFile("/proc/version"),
  );
  assert.notEqual((await world.run(["cat", "/cpuinfo"])).output, "");
  await Deno.writeTextFile(`${world.local}/empty`, "");
  assert.equal((await world.run(["put", "empty", "/"])).code, 0);
  assert.match((await world.run(["ls", "-l", "/empty"])).output, / 0 B /);
});
