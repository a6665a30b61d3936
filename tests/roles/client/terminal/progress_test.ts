import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Progress,
  progressAfter,
  type ProgressEvent,
  progressLine,
  rateOf,
  startProgress,
} from "../../../../roles/client/terminal/progress.ts";
import { widthOf } from "../../../../roles/client/terminal/table.ts";

const mib = 1024 * 1024;

function after(state: Progress, events: readonly [number, ProgressEvent][]): Progress {
  return events.reduce((result, [nowMs, event]) => progressAfter(result, event, nowMs), state);
}

Deno.test("progressLine tells total, share, rate, time left, files and seeders", () => {
  const state = after(startProgress(0), [
    [0, { kind: "expect", bytes: 100 * mib }],
    [1000, { kind: "advance", bytes: 10 * mib, seeder: "seeder-1" }],
    [2000, { kind: "advance", bytes: 30 * mib, seeder: "seeder-2" }],
    [2000, { kind: "file", failed: false }],
    [2000, { kind: "file", failed: true }],
  ]);
  assert.equal(
    progressLine(state, 2000, 120),
    " 40 %  40 MiB of 100 MiB  20 MiB/s  3.0 s left  2 files (1 failed)  " +
      "seeder-1 25 %, seeder-2 75 %",
  );
  assert.equal(progressLine(state, 2000, 40), " 40 %  40 MiB of 100 MiB  20 MiB/s");
});

Deno.test("rateOf forgets what is older than the window, and falls to zero in a stall", () => {
  const steady = Array.from(
    { length: 100 },
    (_, i): [number, ProgressEvent] => [
      (i + 1) * 100,
      { kind: "advance", bytes: i < 50 ? 1000 : 100, seeder: "a" },
    ],
  );
  const state = after(startProgress(0), steady);
  assert(Math.abs(rateOf(state, 10_000) - 1000) < 50, String(rateOf(state, 10_000)));
  assert.equal(rateOf(state, 20_000), 0);
  assert(state.samples.length < 20);
});

const event: fc.Arbitrary<ProgressEvent> = fc.oneof(
  fc.record({ kind: fc.constant("expect" as const), bytes: fc.nat(2 ** 40) }),
  fc.record({
    kind: fc.constant("advance" as const),
    bytes: fc.nat(2 ** 30),
    seeder: fc.option(fc.string({ unit: "binary", maxLength: 8 }), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("file" as const), failed: fc.boolean() }),
);

Deno.test("progressLine fits the width and stays one line, whatever happens", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(5000), event), { maxLength: 60 }),
    fc.nat(5000),
    fc.integer({ min: 1, max: 200 }),
    (steps, laterMs, columns) => {
      let nowMs = 1000;
      let state = startProgress(nowMs);
      let done = 0;
      for (const [pauseMs, one] of steps) {
        nowMs += pauseMs;
        state = progressAfter(state, one, nowMs);
        if (one.kind === "advance") done += one.bytes;
      }
      assert.equal(state.doneBytes, done);
      const line = progressLine(state, nowMs + laterMs, columns);
      assert(widthOf(line) <= columns);
      assert.doesNotMatch(line, /\p{Cc}|NaN|Infinity/u);
      const rate = rateOf(state, nowMs + laterMs);
      assert(rate >= 0 && Number.isFinite(rate));
    },
  ));
});
