/** The system's clock, and the deadline every wait in the roles is put under. */
import assert from "node:assert/strict";
import { type Clock, systemClock, withDeadline } from "../../../roles/kit/clock.ts";

/** A clock that moves when the test says so. */
function handClock(): Clock & { readonly sleeping: number; wake(): void } {
  const sleepers = new Set<() => void>();
  return {
    now: () => 0,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        const wake = () => {
          sleepers.delete(wake);
          resolve();
        };
        sleepers.add(wake);
        signal?.addEventListener("abort", () => {
          sleepers.delete(wake);
          reject(signal.reason);
        });
      }),
    get sleeping() {
      return sleepers.size;
    },
    wake: () => [...sleepers].forEach((wake) => wake()),
  };
}

/** Work that ends only when its signal fires. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

Deno.test("withDeadline answers what the work answers and leaves nothing sleeping", async () => {
  const clock = handClock();
  const answer = await withDeadline(clock, 100, undefined, () => "late", () => Promise.resolve(7));
  assert.equal(answer, 7);
  await Promise.resolve();
  assert.equal(clock.sleeping, 0);
});

Deno.test("withDeadline passes the error of the work on and leaves nothing sleeping", async () => {
  const clock = handClock();
  const failing = withDeadline(clock, 100, undefined, () => "late", () => Promise.reject("broken"));
  await assert.rejects(failing, (error) => error === "broken");
  await Promise.resolve();
  assert.equal(clock.sleeping, 0);
});

Deno.test("withDeadline ends the work with the reason when the time is over", async () => {
  const clock = handClock();
  const result = withDeadline(clock, 100, undefined, () => "late", untilAborted);
  clock.wake();
  await assert.rejects(result, (error) => error === "late");
});

Deno.test("withDeadline ends the work with the outer signal's reason", async () => {
  const clock = handClock();
  const outer = new AbortController();
  const result = withDeadline(clock, 100, outer.signal, () => "late", untilAborted);
  outer.abort("Ctrl-C");
  await assert.rejects(result, (error) => error === "Ctrl-C");
  await Promise.resolve();
  assert.equal(clock.sleeping, 0);
});

Deno.test("withDeadline starts the work aborted when the outer signal fired before", async () => {
  const result = withDeadline(
    handClock(),
    100,
    AbortSignal.abort("before"),
    () => "late",
    (signal) => Promise.resolve(signal.aborted ? signal.reason : "not aborted"),
  );
  assert.equal(await result, "before");
});

Deno.test("systemClock never goes back and agrees with the host about the day", () => {
  const clock = systemClock();
  let last = clock.now();
  assert.ok(Math.abs(last - Date.now()) < 60_000);
  for (let i = 0; i < 1000; i++) {
    const now = clock.now();
    assert.ok(Number.isInteger(now) && now >= last);
    last = now;
  }
});

Deno.test("systemClock sleeps no shorter than asked, and wakes at once when aborted", async () => {
  const clock = systemClock();
  const before = performance.now();
  await clock.sleep(5);
  assert.ok(performance.now() - before >= 4);
  const controller = new AbortController();
  const sleep = clock.sleep(3_600_000, controller.signal);
  controller.abort("enough");
  await assert.rejects(sleep, (error) => error === "enough");
  await assert.rejects(
    clock.sleep(1, AbortSignal.abort("already")),
    (error) => error === "already",
  );
});
