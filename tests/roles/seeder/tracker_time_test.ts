/** The tracker's clocks as a seeder carries them forward. */
import assert from "node:assert/strict";
import { TrackerTime } from "../../../roles/seeder/tracker_time.ts";

function world() {
  const clock = { nowMs: 1_000, now: () => clock.nowMs, sleep: () => Promise.resolve() };
  return { clock, time: new TrackerTime(clock) };
}

Deno.test("TrackerTime goes on from what was heard, whatever the own clock says", () => {
  const { clock, time } = world();
  assert.throws(() => time.now(), { code: "unavailable" });
  time.hear(50_000);
  assert.equal(time.now(), 50_000);
  for (let i = 0; i < 10; i++) {
    time.attend();
    clock.nowMs += 2_000;
  }
  assert.equal(time.now(), 70_000, "also while the tracker is silent");
  time.hear(60_000);
  assert.equal(time.now(), 60_000);
});

Deno.test("TrackerTime stands still while the machine sleeps", () => {
  const { clock, time } = world();
  time.attend();
  time.hear(50_000);
  clock.nowMs += 3_600_000;
  const before = time.now();
  assert.ok(before < 60_000, `${before}`);
  time.attend();
  assert.equal(time.now(), before);
  clock.nowMs += 1_000;
  assert.equal(time.now(), before + 1_000);
});
