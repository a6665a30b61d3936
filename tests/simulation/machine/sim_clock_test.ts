import assert from "node:assert/strict";
import { SimClock, Timeline } from "./sim_clock.ts";

Deno.test("Timeline runs timers in order, with all microtasks between", async () => {
  const timeline = new Timeline(), clock = new SimClock(timeline);
  const told: string[] = [];
  const sleeper = async (name: string, ms: number) => {
    await clock.sleep(ms);
    told.push(`${name} ${timeline.elapsedMs}`);
    for (let i = 0; i < 100; i++) await undefined;
    told.push(`${name} rested`);
  };
  await timeline.run(Promise.all([sleeper("b", 20), sleeper("a", 10), sleeper("c", 20)]));
  assert.deepEqual(told, [
    "a 10",
    "a rested",
    "b 20",
    "b rested",
    "c 20",
    "c rested",
  ]);
});

Deno.test("Timeline.run fails when the work can never end", async () => {
  const timeline = new Timeline();
  await assert.rejects(timeline.run(new Promise(() => {})), /nothing is left to wait for/);
  const clock = new SimClock(timeline);
  const forEver = async () => {
    for (;;) await clock.sleep(1000);
  };
  await assert.rejects(timeline.run(forEver(), 60_000), /has not ended after 60000 ms/);
});

Deno.test("SimClock.sleep ends at once when its signal fires, with its reason", async () => {
  const timeline = new Timeline(), clock = new SimClock(timeline);
  const stop = new AbortController();
  const sleep = clock.sleep(1000, stop.signal);
  timeline.after(10, () => stop.abort(new Error("enough")));
  await assert.rejects(timeline.run(sleep), /enough/);
  assert.equal(timeline.elapsedMs, 10);
  await assert.rejects(clock.sleep(1, stop.signal), /enough/);
});

Deno.test("SimClock tells its machine's time, skew and all", async () => {
  const timeline = new Timeline();
  const right = new SimClock(timeline), ahead = new SimClock(timeline);
  ahead.skewMs = 60_000;
  await timeline.pass(5);
  assert.equal(ahead.now() - right.now(), 60_000);
});
