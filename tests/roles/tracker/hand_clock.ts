/** Time for tests of the tracker: it passes when a test says so. */
import type { Clock } from "../../../roles/kit/clock.ts";

/** A clock that moves only by `advance`. */
export class HandClock implements Clock {
  #sleepers: { atMs: number; wake: () => void }[] = [];

  constructor(private nowMs = Date.UTC(2026, 0, 1)) {}

  now(): number {
    return this.nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      this.#sleepers.push({ atMs: this.nowMs + ms, wake: resolve });
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  advance(ms: number): void {
    this.nowMs += ms;
    const due = this.#sleepers.filter((sleeper) => sleeper.atMs <= this.nowMs);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.atMs > this.nowMs);
    for (const sleeper of due) sleeper.wake();
  }
}
