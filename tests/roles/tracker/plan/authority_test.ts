/** What a tracker may do, case by case. */
import assert from "node:assert/strict";
import {
  type Brake,
  type Fence,
  foreignLog,
  isProvedBy,
  standingOf,
  type Word,
} from "../../../../roles/tracker/plan/authority.ts";
import type { SeederId } from "../../../../protocol/mod.ts";
import { seeder } from "../../../conformance/catalog_rows.ts";
import { mark } from "../ruling.ts";

const ids = [1, 2, 3, 4, 5].map(seeder);
const word = (needed: number, shown: number, named = 3): Word => ({
  named: ids.slice(0, named),
  needed,
  missing: ids.slice(shown, named),
});
const nameOf = (seederId: SeederId) => `s${ids.indexOf(seederId) + 1}`;
const brake: Brake = { sinceMs: 1, why: "too much went", next: "confirm-loss" };
const begun = mark(10, 3);
const fence: Fence = { later: mark(40, 9), parted: false };

Deno.test("isProvedBy asks for as many keepers as are needed, and for none where none is named", () => {
  assert.equal(isProvedBy(word(2, 1)), false);
  assert.equal(isProvedBy(word(2, 2)), true);
  assert.equal(isProvedBy(word(1, 0, 0)), true);
  // More are asked for than there are: all of them will do.
  assert.equal(isProvedBy(word(3, 2, 2)), true);
  assert.equal(isProvedBy(word(3, 1, 2)), false);
});

Deno.test("standingOf: a fence is above all, then the proof, then the brake", () => {
  const facts = { begun, fence: undefined, brake: undefined, isProved: false, word: word(2, 1) };
  const stateOf = (other: Partial<Parameters<typeof standingOf>[0]>) =>
    standingOf({ ...facts, ...other }, nameOf).state;
  assert.equal(stateOf({}), "proving");
  assert.equal(stateOf({ isProved: true }), "ruling");
  assert.equal(stateOf({ isProved: true, brake }), "stopped");
  assert.equal(stateOf({ brake }), "proving");
  assert.equal(stateOf({ isProved: true, brake, fence }), "fenced");
});

Deno.test("standingOf names the keepers that are missing, and the way out of a fence", () => {
  const facts = { begun, fence: undefined, brake: undefined, isProved: false, word: word(3, 1) };
  assert.match(standingOf(facts, nameOf).next ?? "", /missing: s2, s3/);
  const fenced = standingOf({ ...facts, fence }, nameOf);
  assert.match(fenced.why ?? "", /operation 40 of epoch 9/);
  assert.match(fenced.next ?? "", /--catch-up$/);
  const parted = standingOf({ ...facts, fence: { ...fence, parted: true } }, nameOf);
  assert.match(parted.next ?? "", /--rebuild/);
  assert.doesNotMatch(parted.next ?? "", /--catch-up/);
  const fork = { ...fence, later: mark(12, 3, "2".repeat(16)) };
  assert.match(
    standingOf({ ...facts, fence: fork }, nameOf).why ?? "",
    /two trackers began with epoch 3/,
  );
});

Deno.test("foreignLog: records that a rebuild gave up fence nobody", () => {
  assert.equal(foreignLog(mark(8, 2), 1000), "given-up");
  assert.equal(foreignLog(mark(8, 1001), 1000), "later");
  assert.equal(foreignLog(mark(8, 2), 0), "later");
});
