import assert from "node:assert/strict";
import { FakeTerminal, openClientWorld } from "../client_world.ts";

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

Deno.test("several operands: one that fails is told, the rest is done", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "/a", "/b"]);
  const ran = await world.run(["rmdir", "/a", "/none", "/b"]);
  assert.equal(ran.code, 3);
  assert.match(ran.error, /^rmdir: .*\/none.*\n {2}next: /);
  assert.equal((await world.run(["ls"])).output, "");
});

Deno.test("mv over a file tells a person how to have it back, and a program where it is", async () => {
  await using world = await openClientWorld(2);
  for (const name of ["a", "b", "c", "d"]) {
    await Deno.writeTextFile(`${world.local}/${name}`, name);
    await world.run(["put", name, "/"]);
  }
  const terminal = new FakeTerminal({ errorIsTerminal: true });
  assert.equal((await world.run(["mv", "/a", "/b"], terminal)).code, 0);
  const [, back = ""] = /^mv: what was at \/b is in the trash; to have it back: (.*)\n$/
    .exec(terminal.error) ?? [];
  assert.equal((await world.run(back.split(" "))).code, 0);
  assert.equal((await world.run(["cat", "/b.restored"])).output, "b");
  assert.equal((await world.run(["mv", "/c", "/d"])).error, "");
  const [moved] = (await world.run(["mv", "/b", "/d", "--json"])).json();
  assert.deepEqual([moved?.from, moved?.to, typeof moved?.trashId], ["/b", "/d", "number"]);
  const free = new FakeTerminal({ errorIsTerminal: true });
  await world.run(["mv", "/d", "/e"], free);
  assert.equal(free.error, "");
});

Deno.test("rm and rmdir refuse what is no name of its own", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "-p", "/a/b", "/a/..c", "/a/d."]);
  for (const word of [".", "..", "./", "/", "//", "/a/.", "/a/b/..", "/a/b/../", "/.."]) {
    for (const line of [`rm -r ${word}`, `rm -r --now ${word}`, `rmdir ${word}`]) {
      const ran = await world.script(["cd /a/b", line]);
      assert.equal(ran.code, 2, line);
      assert.match(
        ran.error,
        /is not removed: that is no name\n {2}next: name the directory/,
        line,
      );
    }
  }
  assert.equal((await world.run(["ls", "/a"])).output, "..c\nb\nd.\n");
  assert.equal((await world.run(["rm", "-r", "/a/..c", "/a/d.", "/a/b/"])).code, 0);
});

Deno.test("mv, put and get refuse two sources that would become one, and do nothing", async () => {
  await using world = await openClientWorld(2);
  await world.run(["mkdir", "-p", "/a", "/b", "/to"]);
  for (const name of ["a", "b", "to"]) {
    await Deno.mkdir(`${world.local}/${name}`);
    await Deno.writeTextFile(`${world.local}/${name}/x`, name);
  }
  await world.run(["put", "a/x", "/a"]);
  await world.run(["put", "b/x", "/b"]);
  const lines = [
    ["mv", "/a/x", "/b/x", "/to"],
    ["mv", "/a/x", "/a/../a/x", "/to"],
    ["put", "a/x", "b/x", "/to"],
    ["put", "-r", "a/.", "b/.", "/to"],
    ["get", "-f", "/a/x", "/b/x", "to"],
    ["get", "-rf", "/a/.", "/b/.", "to"],
  ];
  for (const words of lines) {
    const ran = await world.run(words);
    assert.equal(ran.code, 2, words.join(" "));
    assert.match(
      ran.error,
      /would both become .*: nothing was done\n {2}next: take them one by one/,
    );
  }
  assert.equal((await world.run(["ls", "/a", "/b", "/to"])).output, "/a:\nx\n\n/b:\nx\n\n/to:\n");
  assert.equal(await Deno.readTextFile(`${world.local}/to/x`), "to");
});
