/** What is true of every command that changes something, whichever it is: a walk over all. */
import assert from "node:assert/strict";
import { commands } from "../../../../roles/client/command_tree.ts";
import { type ClientWorld, openClientWorld } from "../client_world.ts";

const changing = commands.map(({ spec }) => spec).filter(({ changes }) => changes === "cluster");

/**
 * Words for each command that changes something, with an id typed bare where it names its object.
 * `V` is digits of a version, `T` the number of an entry of the trash, `S` digits of a seeder.
 * Undefined: takes no name of anything.
 */
const typed: Readonly<Record<string, readonly (readonly string[])[] | undefined>> = {
  put: undefined,
  mkdir: undefined,
  rmdir: [["V"]],
  rm: [["V"], ["--now", "V"], ["-r", "--now", "V"]],
  mv: [["V", "/moved"], ["V", "/none", "/directory"]],
  trash: [["empty", "T"], ["empty", "V"]],
  restore: [["T"], ["V"], ["T", "/moved"]],
  versions: [["V"], ["empty", "V"]],
  revert: [["V"], ["/file", "V"]],
  undo: [["V"]],
  scrub: [["--now", "S"]],
  fsck: undefined,
  maintenance: [["S", "30m"]],
  drain: [["S"]],
  forget: [["S"], ["--force", "S"]],
  seeders: [["accept", "S"]],
  pace: undefined,
  "confirm-loss": undefined,
  policy: [["V", "3"], ["V", "--versions", "0"]],
  "join-code": undefined,
  "login-code": undefined,
};

async function stateOf(world: ClientWorld): Promise<string> {
  const parts = [["ls", "-l"], ["trash", "--json"], ["versions", "/file", "--json"]];
  const outputs = await Promise.all(
    parts.map(async (words) => (await world.run(words)).output),
  );
  const [status] = (await world.run(["status", "--json"])).json();
  return JSON.stringify([outputs, status?.logSequence]);
}

Deno.test("no command that changes something takes bare digits for an id", async () => {
  await using world = await openClientWorld(2);
  await world.run(["mkdir", "/directory"]);
  for (const text of ["one", "two"]) {
    await Deno.writeTextFile(`${world.local}/file`, text);
    await world.run(["put", "file", "/"]);
  }
  await world.run(["put", "file", "/kept"]);
  await world.run(["put", "file", "/gone"]);
  await world.run(["rm", "/gone"]);
  const [kept] = (await world.run(["stat", "--json", "/kept"])).json();
  const [entry] = (await world.run(["trash", "--json"])).json();
  const [seeder] = (await world.run(["seeders", "--json"])).json();
  const digits = {
    V: String(kept?.versionId).slice(0, 12),
    T: String(entry?.trashId),
    S: String(seeder?.seederId).slice(0, 12),
  };
  const before = await stateOf(world);
  for (const { name } of changing) {
    assert(name in typed, `${name} is in the table of this test`);
    for (const words of typed[name] ?? []) {
      const line = [name, ...words.map((word) => digits[word as keyof typeof digits] ?? word)];
      const ran = await world.run(line);
      assert.notEqual(ran.code, 0, line.join(" "));
      assert.equal(await stateOf(world), before, line.join(" "));
    }
  }
  assert.deepEqual(Object.keys(typed).sort(), changing.map(({ name }) => name).sort());
});

Deno.test("an id with its sign means what it names, and is never a path", async () => {
  await using world = await openClientWorld(2);
  await Deno.writeTextFile(`${world.local}/file`, "one");
  const [put] = (await world.run(["put", "--json", "file", "/a"])).json();
  const id = `@${String(put?.versionId).slice(0, 8)}`;
  // A file of that name is there, and is not what is meant.
  assert.equal((await world.run(["put", "file", `./${id}`])).code, 0);
  assert.equal((await world.run(["mv", id, "/b"])).code, 0);
  assert.equal((await world.run(["ls"])).output, `${id}\nb\n`);
  for (const words of [["put", "file", id], ["mkdir", id], ["mv", "/b", id], ["undo", id]]) {
    const ran = await world.run(words);
    assert.equal(ran.code, 2, words.join(" "));
    assert(ran.error.includes(`./${id}`), ran.error);
  }
  const none = await world.run(["rm", "@fffffff"]);
  assert.equal(none.code, 3);
  assert.match(none.error, /no version has an id that begins fffffff/);
  assert.equal((await world.run(["rm", `./${id}`])).code, 0);
  assert.equal((await world.run(["ls"])).output, "b\n");
  const [entry] = (await world.run(["trash", "--json"])).json();
  assert.equal((await world.run(["restore", `@${entry?.trashId}`])).code, 0);
  assert.equal((await world.run(["ls"])).output, `${id}\nb\n`);
});

Deno.test("a typing mistake is never answered with a command that changes something", async () => {
  await using world = await openClientWorld();
  const names = changing.flatMap(({ name, aliases }) => [name, ...(aliases ?? [])]);
  const letters = "abcdefghijklmnopqrstuvwxyz-";
  const mistakes = ["more", "sudo"];
  const all = commands.map(({ spec }) => spec.name);
  for (const name of all) {
    for (let i = 0; i < name.length; i++) {
      mistakes.push(
        name.slice(0, i) + name.slice(i + 1),
        name.slice(0, i) + name.slice(i).repeat(2),
      );
      mistakes.push(name.slice(0, i) + letters.charAt(i * 7 % 27) + name.slice(i + 1));
    }
  }
  let guesses = 0;
  for (const word of new Set(mistakes)) {
    const { error } = await world.run([word]);
    const guess = /did you mean ([^?]*)\?/.exec(error)?.[1] ?? "";
    for (const name of guess.split(", ")) assert(!names.includes(name), `${word}: ${error}`);
    if (guess !== "") guesses++;
  }
  assert(guesses > 10, "harmless ones are still guessed at");
  for (const line of [["rm", "--nwo", "/a"], ["forget", "--forec", "x"]]) {
    assert.doesNotMatch((await world.run(line)).error, /did you mean/);
  }
});
