import assert from "node:assert/strict";
import { RemotePath } from "../../../../protocol/mod.ts";
import { openClientWorld } from "../client_world.ts";

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

Deno.test("-1 is one name a line, -h what it is on Linux, and other digits are no option", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "/a", "/b"]);
  const terminal = { outputIsTerminal: true };
  assert.equal((await world.run(["ls"], terminal)).output, "a/  b/\n");
  assert.equal((await world.run(["ls", "-1"], terminal)).output, "a\nb\n");
  await Deno.writeTextFile(`${world.local}/x`, "");
  assert.equal((await world.run(["ll", "-1"], terminal)).output, "x\n");
  assert.match((await world.run(["ls", "-lh"])).output, /^drwx[^]*a\ndrwx[^]*b\n$/);
  assert.match((await world.run(["df", "-h"])).output, /^SEEDER/);
  assert.match((await world.run(["du", "-h", "/"])).output, /2 directories/);
  for (const words of [["ls", "-2"], ["cat", "-1"], ["rm", "-9", "/a"]]) {
    const ran = await world.run(words);
    assert.equal(ran.code, 2, words.join(" "));
    assert.match(ran.error, /unknown option '-\d'/);
  }
  assert.equal((await world.run(["mkdir", "--", "-1"])).code, 0);
  assert.equal((await world.run(["ls"])).output, "-1\na\nb\n");
});
