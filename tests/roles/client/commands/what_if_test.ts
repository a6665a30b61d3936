import assert from "node:assert/strict";
import { RemotePath } from "../../../../protocol/mod.ts";
import {
  estimateOf,
  linesOf,
  sumOf,
  worstFirst,
} from "../../../../roles/client/commands/what_if.ts";
import { openClientWorld } from "../client_world.ts";

const nothing = {
  chunksUnreadable: 0,
  bytesUnreadable: 0,
  chunksOneCopy: 0,
  chunksFewer: 0,
  bytesToCopy: 0,
  filesUntouched: 0,
  filesFewer: 0,
  filesOneCopy: 0,
  filesUnreadable: 0,
};
const left = { seeders: 3, freeBytes: 1000, bytesPerSecond: 100, measured: true };

Deno.test("whatif lose says what stays readable, from words to exit code", async () => {
  await using world = await openClientWorld(3);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const ran = await world.run(["whatif", "lose", "seeder-1"]);
  assert.equal(ran.code, 0, ran.error);
  assert.match(ran.output, /^Without seeder-1, 2 seeders would be left\.\nEvery file stays/);
  const all = await world.run(["whatif", "lose", "seeder-1", "seeder-2", "seeder-3"]);
  assert.match(all.output, /\n! 1 file could not be read: 1 chunk, 10 B\.\n/);
  assert.match(all.output, /\n {4}unreadable {2}\/a\n/);
  const [json] = (await world.run(["whatif", "lose", "seeder-1", "--json"])).json();
  assert.deepEqual(json?.["lose"], ["seeder-1"]);
  assert.equal((await world.run(["whatif", "lose", "nobody"])).code, 3);
  assert.equal((await world.run(["whatif", "gain", "seeder-1"])).code, 2);
  assert.equal((await world.run(["whatif", "lose"])).code, 2);
});

Deno.test("estimateOf gives a time only where copying is possible", () => {
  const of = (bytesToCopy: number, changes = {}) =>
    estimateOf({
      tally: { ...nothing, bytesToCopy },
      examples: [],
      left: { ...left, ...changes },
    });
  assert.deepEqual(of(0).repairMs, 0);
  assert.deepEqual(of(500), { repairMs: 5000, why: "at 100 B/s, as measured" });
  assert.equal(of(1001).repairMs, null);
  assert.equal(of(500, { seeders: 1 }).repairMs, null);
  assert.equal(of(500, { bytesPerSecond: 0 }).repairMs, null);
});

Deno.test("linesOf counts what stays, and sumOf adds every number", () => {
  const tally = { ...nothing, filesUntouched: 2, filesOneCopy: 1, filesFewer: 1 };
  const lines = linesOf(["a"], { tally, examples: [], left });
  assert.equal(
    lines[2],
    "4 files of 4 stay; 1 of them with one copy, 1 with fewer copies than now, 2 untouched.",
  );
  assert.deepEqual(sumOf(tally, tally), {
    ...nothing,
    filesUntouched: 4,
    filesOneCopy: 2,
    filesFewer: 2,
  });
});

Deno.test("worstFirst lists what could not be read before all others, however late it came", () => {
  const example = (effect: "unreadable" | "one-copy", i: number) => ({
    path: RemotePath.parse(`/${effect}-${i}`),
    effect,
  });
  const many = Array.from({ length: 150 }, (_, i) => example("one-copy", i));
  const first = worstFirst([...many, example("unreadable", 1), example("unreadable", 2)]);
  assert.deepEqual(
    first.slice(0, 3).map(({ path }) => path),
    ["/unreadable-1", "/unreadable-2", "/one-copy-0"],
  );
  assert.equal(first.length, 10);
});
