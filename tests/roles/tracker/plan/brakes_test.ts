/** What counts as too much at once. */
import assert from "node:assert/strict";
import type { SeederId } from "../../../../protocol/mod.ts";
import { isBack, isLargeLoss, lossBetween } from "../../../../roles/tracker/plan/brakes.ts";
import { seeder } from "../../../conformance/catalog_rows.ts";

const held = (...counts: (number | undefined)[]) =>
  new Map<SeederId, number>(
    counts.flatMap((count, i) => count === undefined ? [] : [[seeder(i + 1), count]]),
  );

for (
  const [what, before, now, wholeChunks, expected] of [
    ["one of three dies", held(40, 30, 30), held(undefined, 30, 30), 0, false],
    ["one of two dies", held(50, 50), held(50, undefined), 0, false],
    ["the only one dies", held(50), held(), 50, false],
    ["two of four die", held(25, 25, 25, 25), held(25, 25), 0, true],
    ["two small ones of four die", held(48, 48, 2, 2), held(48, 48), 0, false],
    ["two small ones die with all of a chunk", held(48, 48, 2, 2), held(48, 48), 1, true],
    ["two come back empty", held(25, 25, 25, 25), held(25, 25, 0, 0), 0, true],
    ["every one loses a little", held(30, 30, 30), held(29, 29, 29), 0, false],
  ] as const
) {
  Deno.test(`isLargeLoss: ${what}: ${expected ? "stops" : "goes on"}`, () => {
    assert.equal(isLargeLoss(lossBetween(before, now), wholeChunks), expected);
  });
}

Deno.test("isBack when each has nearly all that it had", () => {
  const { lost } = lossBetween(held(20, 20, 20), held(20));
  assert.equal(isBack(lost, held(20, 19, 18)), true);
  assert.equal(isBack(lost, held(20, 20, 17)), false);
});
