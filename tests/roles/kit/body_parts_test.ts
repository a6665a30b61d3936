/** A sender that falls silent is given up by the clock; one that is only slow is not. */
import assert from "node:assert/strict";
import { Fault, limits } from "../../../protocol/mod.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import { bodyMsMax, bodyParts, readBody } from "../../../roles/kit/body_parts.ts";

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
  const parts = bodyParts(clock, body, 100);
  assert.equal((await parts.next()).value?.length, 3);
  const next = assert.rejects(
    parts.next(),
    (error) => error instanceof Fault && error.code === "truncated-body",
  );
  for (let i = 0; i < 3; i++) await clock.pass(limits.bodySilenceMs);
  await next;
  assert.ok(cancelled);
});

Deno.test("bodyParts waits for a sender that is only slow", async () => {
  const clock = handClock();
  const body = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = body.writable.getWriter();
  const seen = (async () => {
    let total = 0;
    for await (const part of bodyParts(clock, body.readable, 10 * 2 ** 20)) total += part.length;
    return total;
  })();
  for (let i = 0; i < 10; i++) {
    await clock.pass(limits.bodySilenceMs * 0.9);
    await writer.write(new Uint8Array(7));
  }
  await writer.close();
  assert.equal(await seen, 70);
});

Deno.test("bodyParts gives up a sender that dawdles for longer than its body may take", async () => {
  const clock = handClock();
  const body = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = body.writable.getWriter();
  const size = limits.bodyBytesPerSecondMin * 60;
  let total = 0;
  const seen = (async () => {
    for await (const part of bodyParts(clock, body.readable, size)) total += part.length;
  })();
  const given = assert.rejects(
    seen,
    (error) => error instanceof Fault && error.code === "truncated-body" && total < 20,
  );
  let passedMs = 0;
  for (; passedMs < 2 * bodyMsMax(size); passedMs += 10_000) {
    await clock.pass(10_000);
    await writer.write(new Uint8Array(1)).catch(() => passedMs = Infinity);
  }
  await given;
  assert.equal(passedMs, Infinity, "the sender was told");
});

Deno.test("readBody joins parts, stops at its size, and names a broken connection", async () => {
  const clock = handClock();
  const parts = ReadableStream.from([new Uint8Array([1, 2]), new Uint8Array([3])]);
  assert.deepEqual(await readBody(clock, parts, 3), new Uint8Array([1, 2, 3]));
  const refused = (body: ReadableStream<Uint8Array<ArrayBuffer>>, code: string) =>
    assert.rejects(
      readBody(clock, body, 3),
      (error) => error instanceof Fault && error.code === code,
    );
  await refused(ReadableStream.from([new Uint8Array(4)]), "body-too-large");
  const pull = (controller: ReadableStreamDefaultController) =>
    controller.error(new TypeError("connection reset"));
  await refused(new ReadableStream({ pull }), "truncated-body");
});
