/**
 * Dice: the seeded ones repeat and spread evenly, and what is drawn with them stays in its range.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  randomHex,
  randomInt,
  seededRandom,
  shuffled,
  systemRandom,
} from "../../../roles/kit/random.ts";

const anySeed = fc.integer();

Deno.test("seededRandom falls the same way for the same seed and another way for another", () => {
  fc.assert(fc.property(anySeed, (seed) => {
    const draw = (from: number) => randomHex(seededRandom(from), 64);
    assert.equal(draw(seed), draw(seed));
    assert.notEqual(draw(seed), draw(seed ^ 1));
  }));
});

Deno.test("seededRandom keeps to the recorded sequence, so that old seeds reproduce", () => {
  assert.equal(randomHex(seededRandom(1), 32), "d4e5b37a8e5fbeadf36a5998c050ab9a");
});

Deno.test("seededRandom units lie in [0, 1) and spread evenly over ten bins", () => {
  const random = seededRandom(42);
  const bins = Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const unit = random.unit();
    assert.ok(unit >= 0 && unit < 1);
    const bin = Math.floor(unit * 10);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  // Chi squared with nine degrees of freedom exceeds 33.7 once in ten thousand sequences.
  const chi = bins.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  assert.ok(chi < 33.7, `chi squared ${chi}`);
});

Deno.test("systemRandom gives units in [0, 1) and bytes that differ", () => {
  const random = systemRandom();
  for (let i = 0; i < 1000; i++) {
    const unit = random.unit();
    assert.ok(unit >= 0 && unit < 1);
  }
  assert.equal(random.bytes(0).length, 0);
  assert.notEqual(randomHex(random, 64), randomHex(random, 64));
});

Deno.test("randomHex gives as many digits as asked", () => {
  for (const digits of [2, 16, 32, 64]) {
    assert.match(randomHex(seededRandom(7), digits), new RegExp(`^[0-9a-f]{${digits}}$`));
  }
});

Deno.test("randomInt stays within its bounds and reaches both", () => {
  const random = seededRandom(3);
  const seen = new Set<number>();
  for (let i = 0; i < 1000; i++) seen.add(randomInt(random, -2, 3));
  assert.deepEqual([...seen].sort((a, b) => a - b), [-2, -1, 0, 1, 2, 3]);
  assert.equal(randomInt(random, 5, 5), 5);
});

Deno.test("shuffled keeps every item and leaves its input alone", () => {
  fc.assert(fc.property(anySeed, fc.array(fc.nat()), (seed, items) => {
    const before = [...items];
    const result = shuffled(seededRandom(seed), items);
    assert.deepEqual(items, before);
    const inOrder = (list: number[]) => list.toSorted((a, b) => a - b);
    assert.deepEqual(inOrder(result), inOrder(items));
  }));
});

Deno.test("shuffled brings every item to every place about equally often", () => {
  const random = seededRandom(9);
  const first = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = shuffled(random, ["a", "b", "c"]).join("");
    first.set(order, (first.get(order) ?? 0) + 1);
  }
  assert.equal(first.size, 6);
  for (const [order, count] of first) assert.ok(count > 850 && count < 1150, `${order}: ${count}`);
});
