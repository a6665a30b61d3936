/**
 * Repair and rebalance on every small cluster: 4 seeders in every mix of states, every set of
 * holders. A step at a time, both come to an end, repair at enough copies, rebalance at the best
 * places, and neither depends on the order in which anything is named.
 */
import assert from "node:assert/strict";
import { ChunkId, limits, SeederId, type SeederState } from "../../../../protocol/mod.ts";
import { planMove, superfluous, unevenness } from "../../../../roles/tracker/plan/rebalance.ts";
import { type ChunkFacts, planRepair } from "../../../../roles/tracker/plan/repair.ts";
import type { ClusterView, SeederFacts } from "../../../../roles/tracker/plan/view.ts";

const nowMs = 1_000_000;
const longMs = limits.redAfterMs + limits.repairGraceMs;

function seeder(number: number, state: SeederState, changes: Partial<SeederFacts> = {}) {
  const silentMs = state === "green" ? 0 : longMs;
  return {
    seederId: SeederId.parse(String(number).repeat(16)),
    zone: `zone-${number}`,
    state,
    writable: true,
    totalBytes: 1000,
    freeBytes: 500,
    heardMs: nowMs - silentMs,
    ...changes,
  };
}

function chunkWith(number: number, holders: readonly SeederId[], wanted = 2): ChunkFacts {
  const chunkId = ChunkId.parse(String(number).repeat(64));
  return { chunkId, sizeBytes: 10, wanted, holders, arriving: [] };
}

const states: readonly (readonly [SeederState, boolean])[] = [
  ["green", false],
  ["red", false],
  ["green", true],
];

/** Every mix of states of four seeders, with every set of holders, for three chunks. */
function* everything(): Generator<{ view: ClusterView; chunk: ChunkFacts }> {
  for (let mix = 0; mix < states.length ** 4; mix++) {
    const seeders = [1, 2, 3, 4].map((number, i) => {
      const [state, leaving] = states[Math.floor(mix / states.length ** i) % states.length]!;
      return seeder(number, state, { leaving });
    });
    for (let set = 0; set < 16; set++) {
      const holders = seeders.filter((_, i) => (set >> i) % 2 === 1).map((one) => one.seederId);
      for (const number of [1, 7, 9]) {
        yield { view: { nowMs, seeders }, chunk: chunkWith(number, holders) };
      }
    }
  }
}

const counts = (view: ClusterView, chunk: ChunkFacts) =>
  view.seeders.filter((one) =>
    one.state === "green" && !one.leaving && chunk.holders.includes(one.seederId)
  ).length;
const room = (view: ClusterView) =>
  view.seeders.filter((one) => one.state === "green" && !one.leaving).length;

Deno.test("planRepair reaches every copy there can be, and stops there", () => {
  for (const { view, chunk } of everything()) {
    let facts = chunk;
    for (let steps = 0;; steps++) {
      const plan = planRepair(view, facts, new Map());
      if (plan.kind !== "copy") break;
      assert(steps < 2, "no more copies than are missing");
      assert(!facts.holders.includes(plan.target));
      const target = view.seeders.find((one) => one.seederId === plan.target);
      assert(target?.state === "green" && !target.leaving);
      for (const source of plan.sources) assert(facts.holders.includes(source));
      facts = { ...facts, holders: [...facts.holders, plan.target] };
    }
    const readable = view.seeders.some((one) =>
      one.state === "green" && chunk.holders.includes(one.seederId)
    );
    const possible = readable ? Math.min(2, room(view)) : 0;
    assert(counts(view, facts) >= possible, JSON.stringify({ view, chunk }));
  }
});

Deno.test("planMove and superfluous come to rest at the best places and never below", () => {
  for (const { view, chunk } of everything()) {
    let facts = chunk;
    let moved = 0;
    for (let steps = 0;; steps++) {
      assert(steps < 12, "it comes to rest");
      const before = counts(view, facts);
      const [extra] = superfluous(view, facts);
      if (extra !== undefined) {
        facts = { ...facts, holders: facts.holders.filter((id) => id !== extra) };
        assert(counts(view, facts) >= Math.min(before, 2), "never below");
        continue;
      }
      const move = planMove(view, facts, new Map());
      if (move === undefined) break;
      moved++;
      facts = { ...facts, holders: [...facts.holders, move.target] };
    }
    assert(moved <= 2, "each copy moves once at most");
    assert(counts(view, facts) >= Math.min(2, counts(view, chunk)));
  }
});

Deno.test("plans do not depend on the order of seeders and holders", () => {
  for (const { view, chunk } of everything()) {
    const turned = { ...view, seeders: view.seeders.toReversed() };
    const facts = { ...chunk, holders: chunk.holders.toReversed() };
    assert.deepEqual(planRepair(turned, facts, new Map()), planRepair(view, chunk, new Map()));
    assert.deepEqual(planMove(turned, facts, new Map()), planMove(view, chunk, new Map()));
    assert.deepEqual(superfluous(turned, facts), superfluous(view, chunk));
  }
});

Deno.test("planRepair waits for those that may be back, but not at one copy", () => {
  const [a, b, c] = [1, 2, 3].map((number) => seeder(number, "green"));
  assert(a && b && c);
  const gone = (silentMs: number, changes: Partial<SeederFacts> = {}) =>
    seeder(4, "red", { heardMs: nowMs - silentMs, ...changes });
  const planOf = (seeders: SeederFacts[], holders: SeederFacts[], wanted: number) =>
    planRepair(
      { nowMs, seeders },
      chunkWith(3, holders.map((one) => one.seederId), wanted),
      new Map(),
    ).kind;
  const soon = gone(limits.redAfterMs), late = gone(longMs);
  assert.equal(planOf([a, b, c, soon], [a, b, soon], 3), "wait");
  assert.equal(planOf([a, b, c, late], [a, b, late], 3), "copy");
  assert.equal(planOf([a, b, c, soon], [a, soon], 2), "copy", "one copy is left");
  const excused = gone(longMs, { excused: true });
  assert.equal(planOf([a, b, c, excused], [a, excused], 2), "wait");
  const away = { ...soon, state: "away" as const };
  assert.equal(planOf([a, b, c, away], [a, away], 2), "wait", "it signed out just now");
  assert.equal(planOf([a, b, c], [], 2), "stuck");
});

Deno.test("unevenness is how far the farthest is from its fair share", () => {
  const seeders = [seeder(1, "green"), seeder(2, "green", { totalBytes: 3000 })];
  const view = { nowMs, seeders };
  const [one, two] = seeders.map(({ seederId }) => seederId);
  assert(one && two);
  assert.equal(unevenness(view, new Map()), 0);
  assert.equal(unevenness(view, new Map([[one, 100], [two, 300]])), 0);
  assert.equal(unevenness(view, new Map([[one, 200], [two, 200]])), 1);
});
