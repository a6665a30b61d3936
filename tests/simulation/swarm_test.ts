import assert from "node:assert/strict";
import { runSeed, worded } from "./swarm.ts";

const seeds = 100;
const perTest = 50;

/** Less than this in these seeds, and the storms no longer reach what they are for. */
const leastSeen = {
  "snapshot made": 100,
  "tables filled from a snapshot": 8,
  "log begins with operation": 30,
  "log shortened": 50,
  " copies and ": 50,
  "the tracker's disk is lost": 40,
  "a hand on": 200,
  "an adopted file is not what it was": 15,
};

const seen = new Map<string, number>();

for (let first = 1; first <= seeds; first += perTest) {
  Deno.test(`promises hold for seeds ${first} to ${first + perTest - 1}`, async () => {
    let acknowledged = 0;
    for (let seed = first; seed < first + perTest; seed++) {
      const result = await runSeed(seed);
      assert.equal(result.failures.length, 0, worded(result));
      acknowledged += result.acknowledged;
      for (const text of Object.keys(leastSeen)) {
        const count = result.trace.filter((line) => line.includes(text)).length;
        seen.set(text, (seen.get(text) ?? 0) + count);
      }
    }
    assert(acknowledged > perTest * 5, `only ${acknowledged} files were acknowledged`);
  });
}

Deno.test("the seeds reach what they are drawn for", () => {
  for (const [text, least] of Object.entries(leastSeen)) {
    const count = seen.get(text) ?? 0;
    assert(count >= least, `${text}: ${count} times, of ${least}: ${JSON.stringify([...seen])}`);
  }
});

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
