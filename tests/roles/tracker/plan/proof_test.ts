/** What answers prove: only all of them together, only beside a proved copy, and no majority. */
import assert from "node:assert/strict";
import { ChunkId, limits, SeederId, type SeederState } from "../../../../protocol/mod.ts";
import { askedOf, needsProof, verdictOn } from "../../../../roles/tracker/plan/proof.ts";
import type { ChunkFacts } from "../../../../roles/tracker/plan/repair.ts";
import type { SeederFacts } from "../../../../roles/tracker/plan/view.ts";

const [a, b, c, d] = [1, 2, 3, 4].map((number) => SeederId.parse(String(number).repeat(16))) as [
  SeederId,
  SeederId,
  SeederId,
  SeederId,
];
const right = "r", wrong = "w", other = "o";

Deno.test("verdictOn believes an answer against another's only", () => {
  type Row = [string, SeederId[], Record<string, string>, SeederId[], string | undefined, unknown];
  const rows: Row[] = [
    ["nobody has answered", [a, b], {}, [a], undefined, { kind: "ask", seeders: [a, b] }],
    ["one is silent", [a, b], { [a]: right }, [a], undefined, { kind: "ask", seeders: [b] }],
    ["all agree with a proved one", [a, b], { [a]: right, [b]: right }, [a], undefined, "proved"],
    ["all agree and none is proved", [a, b], { [a]: right, [b]: right }, [], undefined, "look"],
    ["a sole claimant", [a], { [a]: right }, [], undefined, "look"],
    [
      "two liars against one",
      [a, b, c],
      { [a]: wrong, [b]: wrong, [c]: right },
      [c],
      undefined,
      "look",
    ],
    [
      "two proved ones against one",
      [a, b, c],
      { [a]: right, [b]: right, [c]: wrong },
      [a, b],
      undefined,
      "look",
    ],
    ["the bytes were seen", [a, b, c], { [a]: wrong, [b]: wrong, [c]: right }, [], right, {
      kind: "false",
      seeders: [a, b],
    }],
    ["a liar is told before the silent are asked", [a, b], { [a]: wrong }, [], right, {
      kind: "false",
      seeders: [a],
    }],
    ["all gave what was seen", [a, b], { [a]: right, [b]: right }, [], right, "proved"],
    ["nobody gave what was seen", [a], { [a]: other }, [a], right, { kind: "false", seeders: [a] }],
  ];
  for (const [what, asked, answers, proved, truth, expected] of rows) {
    const verdict = verdictOn(
      asked,
      new Map(Object.entries(answers) as [SeederId, string][]),
      new Set(proved),
      truth,
    );
    assert.deepEqual(verdict, typeof expected === "string" ? { kind: expected } : expected, what);
  }
});

const nowMs = 1_000_000;

function seeder(seederId: SeederId, state: SeederState, leaving = false): SeederFacts {
  const silentMs = state === "green" ? 0 : limits.redAfterMs + limits.repairGraceMs;
  const room = { writable: true, totalBytes: 1000, freeBytes: 500 };
  return { seederId, zone: seederId, state, ...room, leaving, heardMs: nowMs - silentMs };
}

function facts(holders: SeederId[], proved: [SeederId, number][] = [], wanted = 2): ChunkFacts {
  const chunkId = ChunkId.parse("7".repeat(64));
  return { chunkId, sizeBytes: 10, wanted, holders, proved: new Map(proved), arriving: [] };
}

Deno.test("askedOf names whoever holds the chunk and answers", () => {
  const seeders = [seeder(a, "green"), seeder(b, "red"), seeder(c, "yellow"), seeder(d, "green")];
  assert.deepEqual(askedOf({ nowMs, seeders }, facts([a, b, c])), [a, c]);
});

Deno.test("needsProof is for copies too many, drains and what only claims are left of", () => {
  const all = [a, b, c, d];
  const view = (states: [SeederState, boolean?][]) => ({
    nowMs,
    seeders: states.map(([state, leaving], i) => seeder(all[i] as SeederId, state, leaving)),
  });
  const well = view([["green"], ["green"], ["green"], ["green"]]);
  const drained = view([["green", true], ["green"], ["green"], ["green"]]);
  const dead = view([["red"], ["green"], ["green"], ["green"]]);
  const since = new Map([[a, 100]]);
  const needs = (of: typeof well, chunk: ChunkFacts) => needsProof(of, chunk, since);
  assert.equal(needs(well, facts([a, b])), false, "claims alone are no reason to ask");
  assert.equal(needs(well, facts([a, b, c])), true, "one is too many");
  assert.equal(needs(well, facts([a, b, c], [], 0)), false, "nobody wants it");
  assert.equal(needs(drained, facts([a, b, c], [[b, 0], [c, 0]])), true, "receipts do not do");
  assert.equal(needs(drained, facts([a, b, c], [[b, 150], [c, 99]])), true, "one answered before");
  assert.equal(needs(drained, facts([a, b, c], [[b, 150], [c, 100]])), false);
  assert.equal(needs(drained, facts([a, b], [[b, 0]])), false, "a copy is made first");
  assert.equal(needs(dead, facts([a, b, c])), true, "nothing proves what is left");
  assert.equal(needs(dead, facts([a, b, c], [[b, 0]])), false, "a receipt does");
  assert.equal(needs(dead, facts([a, b])), false, "a copy is made first");
  assert.equal(needs(dead, facts([a])), false, "there is nobody to ask");
});
