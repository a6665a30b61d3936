/** A sender that falls silent is given up by the clock; one that is only slow is not. */
import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import { bodyParts, silenceMsMax } from "../../../roles/seeder/body_parts.ts";

/** A clock that moves when it is told to. */
function handClock(): Clock & { pass(ms: number): Promise<void> } {
  let nowMs = 0;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();
  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const sleeper = { atMs: nowMs + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
    pass: async (ms) => {
      nowMs += ms;
      for (const sleeper of [...sleepers]) {
        if (sleeper.atMs > nowMs) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
  };
}

Deno.test("bodyParts gives up a silent sender and lets go of its body", async () => {
  const clock = handClock();
  let cancelled = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new Uint8Array(3)),
    cancel: () => {
      cancelled = true;
    },
  });
  const parts = bodyParts(clock, body);
  assert.equal((await parts.next()).value?.length, 3);
  const next = assert.rejects(
    parts.next(),
    (error) => error instanceof Fault && error.code === "truncated-body",
  );
  for (let i = 0; i < 3; i++) await clock.pass(silenceMsMax);
  await next;
  assert.ok(cancelled);
});

Deno.test("bodyParts waits for a sender that is only slow", async () => {
  const clock = handClock();
  const body = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = body.writable.getWriter();
  const seen = (async () => {
    let total = 0;
    for await (const part of bodyParts(clock, body.readable)) total += part.length;
    return total;
  })();
  for (let i = 0; i < 10; i++) {
    await clock.pass(silenceMsMax * 0.9);
    await writer.write(new Uint8Array(7));
  }
  await writer.close();
  assert.equal(await seen, 70);
});
