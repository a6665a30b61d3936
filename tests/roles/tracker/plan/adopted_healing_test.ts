/**
 * Repair and rebalance where people's files hold chunks: every set of holders on four seeders, each
 * with a copy of its own or in place, of a chunk that was adopted, sent, or both.
 */
import assert from "node:assert/strict";
import { ChunkId, SeederId } from "../../../../protocol/mod.ts";
import { planMove, superfluous } from "../../../../roles/tracker/plan/rebalance.ts";
import { type ChunkFacts, planRepair } from "../../../../roles/tracker/plan/repair.ts";
import type { ClusterView } from "../../../../roles/tracker/plan/view.ts";

const seeders = [1, 2, 3, 4].map((number) => ({
  seederId: SeederId.parse(String(number).repeat(16)),
  zone: `zone-${number}`,
  state: "green" as const,
  writable: true,
  totalBytes: 1000,
  freeBytes: 500,
}));
const ids = seeders.map(({ seederId }) => seederId);

function* everything(): Generator<{ view: ClusterView; chunk: ChunkFacts }> {
  for (let mix = 0; mix < 3 ** 4; mix++) {
    const of = (i: number) => Math.floor(mix / 3 ** i) % 3;
    const holders = ids.filter((_, i) => of(i) > 0);
    const inPlace = ids.filter((_, i) => of(i) === 2);
    for (const wantedOwn of [0, 1, 2]) {
      for (const number of [1, 7, 9]) {
        const chunkId = ChunkId.parse(String(number).repeat(64));
        const chunk = { chunkId, sizeBytes: 10, wanted: 2, wantedOwn, holders, inPlace };
        yield { view: { nowMs: 0, seeders }, chunk: { ...chunk, arriving: [] } };
      }
    }
  }
}

const inPlaceOf = (chunk: ChunkFacts) => chunk.inPlace ?? [];
const ownOf = (chunk: ChunkFacts) => chunk.holders.filter((id) => !inPlaceOf(chunk).includes(id));

function copiedTo(chunk: ChunkFacts, target: SeederId): ChunkFacts {
  return {
    ...chunk,
    holders: [...new Set([...chunk.holders, target])],
    inPlace: inPlaceOf(chunk).filter((id) => id !== target),
  };
}

Deno.test("planRepair gives what was sent its own copies, and lets files count for the rest", () => {
  for (const { view, chunk } of everything()) {
    let facts = chunk;
    for (let steps = 0;; steps++) {
      const plan = planRepair(view, facts, new Map());
      if (plan.kind !== "copy") break;
      assert(steps < 2, "no more copies than are missing");
      const before = ownOf(facts).length;
      facts = copiedTo(facts, plan.target);
      assert.equal(ownOf(facts).length, before + 1, "each copy is one more");
    }
    if (chunk.holders.length === 0) continue;
    assert(facts.holders.length >= 2, JSON.stringify(chunk));
    assert(ownOf(facts).length >= (chunk.wantedOwn ?? 0), JSON.stringify(chunk));
  }
});

Deno.test("rebalance comes to rest, gives up no file and never falls below", () => {
  for (const { view, chunk } of everything()) {
    let facts = chunk;
    const enough = (each: ChunkFacts) =>
      each.holders.length >= 2 && ownOf(each).length >= (chunk.wantedOwn ?? 0);
    const was = enough(facts);
    let moved = 0;
    for (let steps = 0;; steps++) {
      assert(steps < 12, `it comes to rest: ${JSON.stringify(chunk)}`);
      const [extra] = superfluous(view, facts);
      if (extra !== undefined) {
        assert(!inPlaceOf(facts).includes(extra), "a file is not given up");
        facts = { ...facts, holders: facts.holders.filter((id) => id !== extra) };
        assert(enough(facts) || !was, `never below: ${JSON.stringify({ chunk, facts })}`);
        continue;
      }
      const move = planMove(view, facts, new Map());
      if (move === undefined) break;
      moved++;
      assert(!facts.holders.includes(move.target));
      facts = copiedTo(facts, move.target);
    }
    assert(moved <= 2, "each copy moves once at most");
    assert.deepEqual(inPlaceOf(facts), inPlaceOf(chunk), "files stay where they are");
  }
});

Deno.test("planRepair stores a copy beside a person's file only where nobody else can take one", () => {
  const [one, two] = ids;
  assert(one !== undefined && two !== undefined);
  const chunkId = ChunkId.parse("1".repeat(64));
  const chunk = { chunkId, sizeBytes: 10, wanted: 2, wantedOwn: 2, arriving: [] };
  const facts = { ...chunk, holders: [one, two], inPlace: [one] };
  const all = planRepair({ nowMs: 0, seeders }, facts, new Map());
  assert(all.kind === "copy" && all.target !== one && all.target !== two);
  const few = planRepair({ nowMs: 0, seeders: seeders.slice(0, 2) }, facts, new Map());
  assert(few.kind === "copy" && few.target === one);
});
