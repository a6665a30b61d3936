import assert from "node:assert/strict";
import { chunkIdOf, Fault } from "../../../../protocol/mod.ts";
import { FakeTerminal, openClientWorld } from "../client_world.ts";
import { bytesOf, mib } from "../world.ts";

Deno.test("a transfer sums up: what is done, what was there, what failed", async () => {
  await using world = await openClientWorld(2);
  await Deno.mkdir(`${world.local}/t`);
  await Deno.writeFile(`${world.local}/t/one`, bytesOf(2 * mib, 1));
  await Deno.writeFile(`${world.local}/t/two`, bytesOf(1000, 2));
  const first = await world.run(["put", "-r", "t", "/"]);
  assert.match(first.error, /^put: 2 files, 1 directory, 2 MiB sent in .*\/s\)/);
  const again = await world.run(["put", "-r", "t", "/"]);
  assert.match(again.error, /0 B sent in .*, 2 MiB was there already/);
  await Deno.writeTextFile(`${world.local}/two`, "in the way");
  const got = await world.run(["get", "/t/one", "/t/two", "."]);
  assert.equal(got.code, 1);
  assert.match(
    got.error,
    /^get: .*two[^]*get: 1 of 2 files, 2 MiB received[^]*1 of 2 files failed/,
  );
  const one = await Deno.readFile(`${world.local}/one`);
  assert.equal(chunkIdOf(one), chunkIdOf(bytesOf(2 * mib, 1)));
  assert.equal(await Deno.readTextFile(`${world.local}/two`), "in the way");
});

Deno.test("a transfer as JSON: a line for each file and one for all", async () => {
  await using world = await openClientWorld(2);
  await Deno.writeFile(`${world.local}/one`, bytesOf(1000, 1));
  const put = (await world.run(["put", "--json", "one", "none", "/"])).json();
  assert.deepEqual(put.map(({ ok }) => ok), [false, true, undefined]);
  assert.equal(put[0]?.code, "local-not-found");
  const { path, sizeBytes, copies } = put[1] ?? {};
  assert.deepEqual([path, sizeBytes, copies], ["/one", 1000, 2]);
  assert.deepEqual([put[2]?.done, put[2]?.failed, put[2]?.bytes], [1, 1, 1000]);
});

Deno.test("a terminal sees a progress line that goes away", async () => {
  await using world = await openClientWorld(2);
  await Deno.writeFile(`${world.local}/one`, bytesOf(9 * mib, 1));
  const terminal = new FakeTerminal({ errorIsTerminal: true, columns: 100 });
  assert.equal((await world.run(["put", "one"], terminal)).code, 0);
  const lines = terminal.error.split("\r\x1b[2K");
  assert.match(lines[1] ?? "", /^ +\d+ % +\S+ \S+ of 9 MiB/);
  assert.match(lines.at(-1) ?? "", /^put: \/one, 9 MiB sent in .*\n$/);
});

Deno.test("a put over a file that is there tells a person where the version before is", async () => {
  await using world = await openClientWorld(2);
  const terminal = () => new FakeTerminal({ errorIsTerminal: true });
  const put = async (text: string, words: string[], at?: FakeTerminal) => {
    await Deno.writeTextFile(`${world.local}/one`, text);
    return await world.run(["put", "one", ...words], at);
  };
  const first = terminal();
  await put("first", [], first);
  assert.doesNotMatch(first.error, /kept/);
  const [{ versionId = "" } = {}] = (await world.run(["versions", "/one", "--json"])).json();
  const second = terminal();
  await put("second", [], second);
  const id = String(versionId).slice(0, 8);
  assert.match(
    second.error,
    new RegExp(`put: the version before is kept as @${id}: versions /one\n$`),
  );
  // The same bytes again are no other version.
  const same = terminal();
  await put("second", [], same);
  assert.doesNotMatch(same.error, /kept/);
  // In a pipe nothing more is said, and programs are told in a field.
  assert.doesNotMatch((await put("third", [])).error, /kept/);
  const lines = (await put("fourth", ["--json"])).json();
  assert.match(String(lines[0]?.kept), /^[0-9a-f]{32}$/);
  assert.equal(lines[1]?.kept, 1);
  // Of many files the number, once.
  await Deno.mkdir(`${world.local}/t`);
  for (const round of ["a", "b"]) {
    for (const name of ["x", "y", "z"]) {
      await Deno.writeTextFile(`${world.local}/t/${name}`, round + name);
    }
    const tree = terminal();
    await world.run(["put", "-r", "t", "/"], tree);
    const told = /put: 3 earlier versions kept; those of a file: versions PATH\n$/.test(tree.error);
    assert.equal(told, round === "b", tree.error);
  }
});

Deno.test("a put says when the version before is not kept, to people and to programs", async () => {
  await using world = await openClientWorld(2);
  const versionId = "a".repeat(32), gone = { versionId: "b".repeat(32), why: "room" };
  const result = { ok: true, versionId, path: "/one", copies: 2, wanted: 2, gone };
  world.cluster.trackerBehave = (path) =>
    path === "/v1/uploads/commit" ? { reply: { results: [result] } } : "ok";
  await Deno.writeTextFile(`${world.local}/one`, "text");
  const told = /put: the version before is not kept: those of the last day take all room .*see: df/;
  assert.match((await world.run(["put", "one", "/one"])).error, told);
  const [file, all] = (await world.run(["put", "--json", "one", "/one"])).json();
  assert.deepEqual([file?.gone, all?.gone, all?.kept], [gone, 1, 0]);
});

Deno.test("an rm that would not fit into the trash says what to type instead", async () => {
  await using world = await openClientWorld(2);
  await world.run(["mkdir", "/a"]);
  const next = "for good, past the trash: rm -r --now /a; or make room: trash empty";
  world.cluster.trackerBehave = (path) =>
    path === "/v1/files/remove" ? new Fault("trash-full", "/a does not fit", { next }) : "ok";
  const ran = await world.run(["rm", "-r", "/a"]);
  assert.equal(ran.code, 4);
  assert.equal(ran.error, `rm: /a does not fit\n  next: ${next}\n`);
});
