import assert from "node:assert/strict";
import { FakeTerminal, openClientWorld } from "../client_world.ts";

Deno.test("versions, revert, undo and versions empty, from words to exit code", async () => {
  await using world = await openClientWorld(2);
  const code = async (...words: string[]) => (await world.run(words)).code;
  const put = async (text: string, path = "/f.txt") => {
    await Deno.writeTextFile(`${world.local}/f.txt`, text);
    assert.equal(await code("put", "f.txt", path), 0);
  };
  const content = async (what = "/f.txt") => (await world.run(["cat", what])).output;
  await put("first");
  assert.match(
    (await world.run(["undo", "/f.txt"])).error,
    /no earlier version of \/f.txt is kept/,
  );
  await put("the second");
  await put("and the third");

  const listed = await world.run(["versions", "/f.txt"]);
  assert.match(listed.output, /^ID +WRITTEN +SIZE +BY +KEPT\n/);
  assert.match(listed.output, /\n@[0-9a-f]{8} .* 13 B .* current\n@[0-9a-f]{8} .* 10 B .* more\n/);
  const all = (await world.run(["history", "/f.txt", "--json"])).json();
  assert.deepEqual(all.map((one) => one["sizeBytes"]), [13, 10, 5]);
  const [third = "", second = "", first = ""] = all.map((one) => String(one["versionId"]));
  assert.equal(await content(first.slice(0, 8)), "first");
  assert.equal(await code("get", second.slice(0, 8), "old.txt"), 0);
  assert.equal(await Deno.readTextFile(`${world.local}/old.txt`), "the second");
  const stat = await world.run(["stat", "/f.txt"]);
  assert.match(stat.output, /\nversions +2 earlier\n/);
  assert.match((await world.run(["stat", first])).output, /\nsize +5 B .*\nearlier +not current/s);
  assert.match((await world.run(["df"])).output, /\nearlier versions: 2, 15 B of at most /);
  assert.match((await world.run(["status"])).output, /\nversions +earlier ones: 2, 15 B/);
  assert.match((await world.run(["du", "/"])).output, /^13 B +1 file/);

  const reverted = await world.run(["revert", "/f.txt", `@${first.slice(0, 6)}`]);
  assert.match(
    reverted.output,
    /^\/f.txt is @[0-9a-f]{8} of .*, 5 B again; @[0-9a-f]{8} is kept\n$/,
  );
  assert.equal(await content(), "first");
  assert.match((await world.run(["revert", "/f.txt", `@${first}`])).output, /5 B already\n$/);
  assert.equal(await code("revert", `@${second.slice(0, 8)}`), 0);
  assert.equal(await content(), "the second");
  assert.equal(await code("revert", "/f.txt", "@99999"), 3);
  assert.equal(await code("revert", "/none"), 3);
  assert.equal(await code("rm", `@${third.slice(0, 8)}`), 2, "an earlier version is not the file");

  assert.equal(await code("undo", "/f.txt"), 0);
  assert.equal(await content(), "first");
  assert.equal(await code("undo"), 0);
  assert.equal(await content(), "the second");
  assert.equal(await code("rm", "/f.txt"), 0);
  assert.match(
    (await world.run(["undo", "/f.txt"])).output,
    /^\/f.txt, removed .*, is back: 1 file/,
  );
  assert.equal(await code("rm", "/f.txt"), 0);
  assert.match((await world.run(["undo"])).output, /is back/);
  assert.equal((await world.run(["versions", "/f.txt", "--json"])).json().length, 3);
  await world.run(["mkdir", "/d"]);
  assert.match((await world.run(["undo"])).error, /your last change \(make-directory\)/);
  assert.equal(await code("undo", "/never"), 3);
  assert.equal(await code("undo", "/d"), 4);

  assert.equal(await code("versions", "empty"), 2);
  assert.equal(await code("versions", "/f.txt", "/d"), 2);
  assert.equal(await code("versions", "/none"), 3);
  const emptied = await world.run(["versions", "empty", "/f.txt"]);
  assert.equal(emptied.output, "gave up 2 earlier versions, 18 B\n");
  assert.equal(await code("get", third.slice(0, 8), "gone.txt"), 3);
  assert.equal(await content(), "the second");
  const rest = await world.run(["versions", "empty", "/", "--json"]);
  assert.deepEqual(rest.json(), [{ versions: 0, fileBytes: 0 }]);
});

Deno.test("Tab completes the ids of a file's earlier versions", async () => {
  await using world = await openClientWorld(2);
  for (const text of ["one", "two"]) {
    await Deno.writeTextFile(`${world.local}/f`, text);
    await world.run(["put", "f", "/f"]);
  }
  const [, old] = (await world.run(["versions", "/f", "--json"])).json();
  const id = `@${String(old?.["versionId"]).slice(0, 8)}`;
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: async (parts) => {
      assert.deepEqual((await parts.complete("revert f ")).candidates, [`${id} `]);
      assert.deepEqual((await parts.complete(`revert /f ${id.slice(0, 3)}`)).candidates, [
        `${id} `,
      ]);
      assert.deepEqual((await parts.complete("revert /f zz")).candidates, []);
      return undefined;
    },
  });
  assert.equal((await world.run([], terminal)).code, 0, terminal.error);
});
