import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

/** Every name below a directory with what it is, as `find` would tell. */
async function shape(directory: string, below = ""): Promise<string[]> {
  const lines: string[] = [];
  for await (const entry of Deno.readDir(`${directory}${below}`)) {
    const path = `${below}/${entry.name}`;
    if (entry.isSymlink) lines.push(`${path} -> ${await Deno.readLink(directory + path)}`);
    else if (entry.isDirectory) lines.push(`${path}/`, ...await shape(directory, path));
    else lines.push(path);
  }
  return lines.toSorted();
}

async function makeTree(top: string): Promise<void> {
  await Deno.mkdir(`${top}/sub dir/deeper`, { recursive: true });
  await Deno.mkdir(`${top}/empty`);
  await Deno.writeTextFile(`${top}/a`, "");
  await Deno.writeTextFile(`${top}/sub dir/b`, "");
  await Deno.writeTextFile(`${top}/sub dir/deeper/ü 漢`, "");
  await Deno.symlink("../a", `${top}/sub dir/link`);
  await Deno.symlink("sub dir", `${top}/directory-link`);
  await Deno.symlink("/nowhere", `${top}/dangling`);
}

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
  assert.equal((await world.run(["mv", id.slice(0, 12), "/moved"])).code, 0);
  assert.equal((await world.run(["stat", "00000"])).code, 3);
  await world.run(["put", "file", `/${id.slice(0, 12)}`]);
  assert.match(
    (await world.run(["stat", id.slice(0, 12)])).output,
    new RegExp(`/${id.slice(0, 12)}`),
  );
});
