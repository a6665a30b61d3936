/** What waits in memory is bounded; whoever waits for room gets it or is told; all goes back. */
import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import { WaitingBytes } from "../../../roles/seeder/waiting_bytes.ts";
import { HandClock } from "../tracker/hand_clock.ts";

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("take waits while too much waits, and goes on when there is room", async () => {
  const waiting = new WaitingBytes(new HandClock(), 100);
  await waiting.take(60);
  let taken = false;
  const second = waiting.take(60).then(() => taken = true);
  await settle();
  assert.equal(taken, false);
  waiting.give(10);
  await settle();
  assert.equal(taken, false);
  waiting.give(10);
  await second;
});

Deno.test("take lets more than the bound through when nothing else waits", async () => {
  const waiting = new WaitingBytes(new HandClock(), 100);
  await waiting.take(1000);
});

Deno.test("take gives up after a while, and holds nothing then", async () => {
  const clock = new HandClock();
  const waiting = new WaitingBytes(clock, 100);
  await waiting.take(100);
  const refused = assert.rejects(
    waiting.take(1),
    (error) => error instanceof Fault && error.code === "unavailable" && error.retry === "later",
  );
  await settle();
  clock.advance(60_000);
  await refused;
  waiting.give(100);
  await waiting.take(100);
});

Deno.test("during gives back all that was taken, however the work ends", async () => {
  const waiting = new WaitingBytes(new HandClock(), 100);
  await waiting.during(async (take) => {
    await take(40);
    await take(50);
  });
  await assert.rejects(waiting.during(async (take) => {
    await take(100);
    throw new Error("it ends");
  }));
  await waiting.take(100);
});
