import assert from "node:assert/strict";
import { BackupHead, LogRecord, positionOf, readLogLine } from "../../../../protocol/mod.ts";
import { openClientWorld } from "../client_world.ts";

Deno.test("backup writes the whole log into a new file, and never over another", async () => {
  await using world = await openClientWorld(2);
  for (const name of ["/a", "/b", "/c"]) assert.equal((await world.run(["mkdir", name])).code, 0);
  const directory = await Deno.makeTempDir();
  const path = `${directory}/offshore.backup`;
  const ran = await world.run(["backup", path]);
  assert.equal(ran.code, 0, ran.error);
  // A start, two joins, two logins and three directories.
  assert.match(ran.output, /8 operations/);
  const [first, ...rest] = (await Deno.readTextFile(path)).trimEnd().split("\n");
  const head = readLogLine(BackupHead, first!);
  const records = rest.map((line) => readLogLine(LogRecord, line));
  assert.equal(records.length, 8);
  assert.deepEqual(head?.upTo, positionOf(records.at(-1)));
  const again = await world.run(["backup", path]);
  assert.equal(again.code, 4);
  assert.match(again.error, /is there already/);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(directory))).length, 1);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("backup removes nothing of a person's, and two at once for one name are one and a refusal", async () => {
  await using world = await openClientWorld(2);
  await Deno.writeTextFile(`${world.local}/b.part`, "theirs");
  const both = await Promise.all([world.run(["backup", "b"]), world.run(["backup", "b"])]);
  assert.deepEqual(both.map(({ code }) => code).sort(), [0, 4]);
  assert.equal((await world.run(["backup", "--check", "b"])).code, 0);
  assert.equal((await Deno.stat(`${world.local}/b`)).mode! & 0o777, 0o600);
  assert.equal(await Deno.readTextFile(`${world.local}/b.part`), "theirs");
  const names = (await Array.fromAsync(Deno.readDir(world.local))).map(({ name }) => name);
  assert.deepEqual(names.filter((name) => name.startsWith(".offshore-")), []);
});
