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
  assert.match(ran.output, /6 operations/);
  const [first, ...rest] = (await Deno.readTextFile(path)).trimEnd().split("\n");
  const head = readLogLine(BackupHead, first!);
  const records = rest.map((line) => readLogLine(LogRecord, line));
  assert.equal(records.length, 6);
  assert.deepEqual(head?.upTo, positionOf(records.at(-1)));
  const again = await world.run(["backup", path]);
  assert.equal(again.code, 4);
  assert.match(again.error, /is there already/);
  assert.deepEqual((await Array.fromAsync(Deno.readDir(directory))).length, 1);
  await Deno.remove(directory, { recursive: true });
});
