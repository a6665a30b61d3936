import assert from "node:assert/strict";
import { runSeed, worded } from "./swarm.ts";

const seeds = 100;
const perTest = 50;

for (let first = 1; first <= seeds; first += perTest) {
  Deno.test(`promises hold for seeds ${first} to ${first + perTest - 1}`, async () => {
    let acknowledged = 0;
    for (let seed = first; seed < first + perTest; seed++) {
      const result = await runSeed(seed);
      assert.equal(result.failures.length, 0, worded(result));
      acknowledged += result.acknowledged;
    }
    assert(acknowledged > perTest * 5, `only ${acknowledged} files were acknowledged`);
  });
}

Deno.test("the same seed tells the same story", async () => {
  for (const seed of [3, 4, 17]) {
    const first = await runSeed(seed), second = await runSeed(seed);
    const differs = first.trace.findIndex((line, i) => line !== second.trace[i]);
    assert.equal(
      second.traceHash,
      first.traceHash,
      `seed ${seed}, line ${differs}: ${first.trace[differs]} or ${second.trace[differs]}`,
    );
  }
  assert.notEqual((await runSeed(5)).traceHash, (await runSeed(6)).traceHash);
});
