/** Loops that let go when told to, and pauses that grow without ever leaving their bounds. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Clock } from "../../../roles/kit/clock.ts";
import { backoffMs, repeat } from "../../../roles/kit/pace.ts";
import { type Random, seededRandom } from "../../../roles/kit/random.ts";

/** Sleeps end at once; the clock says what was asked for. */
function askedClock(): Clock & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    now: () => 0,
    sleep: (ms, signal) => {
      asked.push(ms);
      return signal?.aborted ? Promise.reject(signal.reason) : Promise.resolve();
    },
  };
}

Deno.test("repeat sleeps for what each step answers, until the signal fires", async () => {
  const clock = askedClock();
  const controller = new AbortController();
  let steps = 0;
  await repeat(clock, controller.signal, () => {
    steps++;
    if (steps === 4) controller.abort();
    return Promise.resolve(steps * 10);
  });
  assert.equal(steps, 4);
  assert.deepEqual(clock.asked, [10, 20, 30]);
});

Deno.test("repeat takes no step when the signal fired before", async () => {
  await repeat(askedClock(), AbortSignal.abort(), () => Promise.reject(new Error("stepped")));
});

Deno.test("repeat ends quietly when the signal fires during a pause", async () => {
  const controller = new AbortController();
  const clock: Clock = {
    now: () => 0,
    sleep: (_, signal) => {
      controller.abort("stop");
      return Promise.reject(signal?.reason);
    },
  };
  let steps = 0;
  await repeat(clock, controller.signal, () => Promise.resolve(++steps));
  assert.equal(steps, 1);
});

Deno.test("repeat passes on what a step throws", async () => {
  const broken = new Error("broken");
  const loop = repeat(askedClock(), new AbortController().signal, () => Promise.reject(broken));
  await assert.rejects(loop, (error) => error === broken);
});

const fixed = (unit: number): Random => ({ unit: () => unit, bytes: () => new Uint8Array() });

Deno.test("backoffMs doubles from the first to the most, less up to half", () => {
  const highest = [0, 1, 2, 3, 4, 5].map((attempt) => backoffMs(fixed(0), attempt, 100, 1000));
  assert.deepEqual(highest, [100, 200, 400, 800, 1000, 1000]);
  const lowest = [0, 1, 2, 3, 4, 5].map((attempt) => backoffMs(fixed(0.9999), attempt, 100, 1000));
  assert.deepEqual(lowest, [50, 100, 200, 400, 500, 500]);
});

Deno.test("backoffMs stays within its bounds for any attempt", () => {
  const anyAttempt = fc.integer({ min: 0, max: 1_000_000 });
  fc.assert(fc.property(fc.integer(), anyAttempt, (seed, attempt) => {
    const pause = backoffMs(seededRandom(seed), attempt, 100, 5000);
    assert.ok(pause >= 50 && pause <= 5000, String(pause));
  }));
});
