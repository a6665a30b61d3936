/** Runs a step for ever at a polite pace, and lets go when told to. */
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/**
 * Calls `step` and then sleeps for what it answers, until `signal` fires. A step handles its own
 * failures; one that throws ends the loop, and the promise rejects.
 */
export async function repeat(
  clock: Clock,
  signal: AbortSignal,
  step: () => Promise<number>,
): Promise<void> {
  while (!signal.aborted) {
    const pauseMs = await step();
    if (signal.aborted) return;
    await clock.sleep(pauseMs, signal).catch(() => {});
  }
}

/**
 * The pause before attempt `attempt` (0 for the first retry): doubles from `firstMs` to `mostMs`,
 * and a random part of up to half is taken off so that many clients do not come back at once.
 */
export function backoffMs(
  random: Random,
  attempt: number,
  firstMs: number,
  mostMs: number,
): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(full * (1 - random.unit() / 2));
}
