import assert from "node:assert/strict";
import { RemotePath } from "../../../../protocol/mod.ts";
import { openClientWorld } from "../client_world.ts";

Deno.test("mkdir, rmdir, rm, mv change the namespace and answer with exit codes", async () => {
  await using world = await openClientWorld();
  const code = async (...words: string[]) => (await world.run(words)).code;
  assert.equal(await code("mkdir", "/a", "/b"), 0);
  assert.equal(await code("mkdir", "-p", "/a/x/y"), 0);
  assert.equal(await code("mkdir", "/a"), 4);
  assert.equal(await code("mkdir", "/none/x"), 3);
  assert.equal(await code("mv", "/a/x", "/b"), 0);
  assert.equal((await world.run(["ls", "/b"])).output, "x\n");
  assert.equal(await code("mv", "/b/x", "/b/z"), 0);
  assert.equal(await code("mv", "/nothing", "/b"), 3);
  assert.equal(await code("mv", "/a", "/b", "/nowhere"), 4);
  assert.equal(await code("rmdir", "/b/z"), 4);
  assert.equal(await code("rm", "/b"), 4);
  assert.equal(await code("rm", "-r", "/b"), 0);
  assert.equal(await code("rmdir", "/a"), 0);
  assert.equal((await world.run(["ls", "/"])).output, "");
});

Deno.test("ls shows names safely, in columns on a terminal and in full with -l", async () => {
  await using world = await openClientWorld();
  const access = world.cluster.session.tracker;
  const paths = ["/\x1b[31mred", "/b b", "/c"].map((path) => RemotePath.parse(path));
  await access.makeDirectories({ paths, parents: false });
  await access.makeLinks({
    links: [{ path: RemotePath.parse("/l"), target: "c\x07", modifiedMs: 0, replace: false }],
  });
  assert.equal((await world.run(["ls"])).output, "\\e[31mred\nb b\nc\nl\n");
  const terminal = { outputIsTerminal: true, columns: 40 };
  assert.equal((await world.run(["ls"], terminal)).output, "\\e[31mred/  b b/  c/  l@\n");
  const long = (await world.run(["ls", "-l"])).output.split("\n");
  assert.match(long[0] ?? "", /^drwx[rwx-]{6} +- +\S+ \S+ +- +\\e\[31mred$/);
  assert.match(long[3] ?? "", /^l.* l -> c\\x07$/);
  const json = (await world.run(["ls", "--json"])).json();
  assert.deepEqual(json.map((entry) => entry.name), ["\x1b[31mred", "b b", "c", "l"]);
  assert.equal(json[3]?.target, "c\x07");
});

Deno.test("ls goes through all pages of a large directory", async () => {
  await using world = await openClientWorld();
  const tracker = world.cluster.session.tracker;
  const names = Array.from({ length: 2500 }, (_, i) => `n${String(i).padStart(4, "0")}`);
  for (let i = 0; i < names.length; i += 1000) {
    const paths = names.slice(i, i + 1000).map((name) => RemotePath.parse(`/${name}`));
    await tracker.makeDirectories({ paths, parents: true });
  }
  assert.deepEqual((await world.run(["ls"])).output.trimEnd().split("\n"), names);
});

Deno.test("several operands: one that fails is told, the rest is done", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "/a", "/b"]);
  const ran = await world.run(["rmdir", "/a", "/none", "/b"]);
  assert.equal(ran.code, 3);
  assert.match(ran.error, /^rmdir: .*\/none.*\n {2}next: /);
  assert.equal((await world.run(["ls"])).output, "");
});

Deno.test("cd, pwd, lcd and lpwd keep the place of the shell", async () => {
  await using world = await openClientWorld();
  await Deno.mkdir(`${world.local}/sub`);
  const ran = await world.script([
    "mkdir -p '/a b/c'",
    "cd 'a b'",
    "pwd",
    "cd c/../c",
    "pwd",
    "mkdir ../d",
    "ls ..",
    "cd",
    "pwd",
    "lcd sub",
    "lpwd",
    "lcd ~",
    "lpwd --json",
  ]);
  assert.equal(ran.code, 0, ran.error);
  const expected = ["/a b", "/a b/c", "c", "d", "/", `${world.local}/sub`];
  assert.equal(
    ran.output,
    `${expected.join("\n")}\n${JSON.stringify({ path: world.local })}\n`,
  );
  assert.equal((await world.script(["cd /none", "lcd none", "cd /"])).code, 3);
});

Deno.test("stat, du, policy, df, seeders, status, codes and ping print, also as JSON", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "-p", "/a/b"]);
  const lines: [string[], RegExp][] = [
    [["stat", "/a"], /path +\/a\nkind +directory\n[^]*copies +2 wanted/],
    [["du", "/a"], /0 B +0 files +1 directory +0 links +\/a/],
    [["policy", "/a"], /\/a: 2 copies/],
    [["policy", "/a", "3"], /\/a: 3 copies/],
    [["policy", "/a", "inherit"], /\/a: 2 copies/],
    [["df"], /SEEDER +STATE/],
    [["status"], /! 0 seeders for 2 copies of each file\n {4}next: add seeders: join-code/],
    [["join-code"], /^offshore-join-/],
    [["login-code"], /^offshore-login-/],
    [["ping"], /^tracker +\S.* ms +http:\/\/tracker:1/],
  ];
  for (const [words, pattern] of lines) {
    const ran = await world.run(words);
    assert.equal(ran.code, 0, ran.error);
    assert.match(ran.output, pattern);
    assert(((await world.run([...words, "--json"])).json()).length > 0, words.join(" "));
  }
  assert.match((await world.run(["seeders"])).error, /no seeder has joined/);
  assert.equal((await world.run(["policy", "/a", "many"])).code, 2);
});
