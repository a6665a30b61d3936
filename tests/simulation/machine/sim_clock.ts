/**
 * Time that moves only when everything has come to rest. One timeline for the whole world holds the
 * timers in order; a machine's clock is a view of it, ahead or behind by a skew that the machine's
 * programs cannot see.
 *
 * Between two timers all microtasks are let run dry by one turn of `setImmediate`, so nothing in
 * the world may await real IO or real timers: they would be late for the next timer, and the same
 * seed would not tell the same story twice.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { Clock } from "../../../roles/kit/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

const originMs = Date.UTC(2026, 0, 1);

export class Timeline {
  /** Milliseconds since the world began. */
  elapsedMs = 0;
  #order = 0;
  #timers: Timer[] = [];

  /** Runs `action` after `ms`; call what is returned to forget it. */
  after(ms: number, action: () => void): () => void {
    assert(Number.isFinite(ms), `a timer of ${ms} ms`);
    const timer = { atMs: this.elapsedMs + Math.max(0, ms), order: this.#order++, action };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return () => {
      const at = this.#placeOf(timer);
      if (this.#timers[at] === timer) this.#timers.splice(at, 1);
    };
  }

  /** Where `timer` stands: the latest come first, so that the next one is taken from the end. */
  #placeOf(timer: Timer): number {
    let low = 0, high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#timers[middle] as Timer;
      const later = other.atMs > timer.atMs ||
        (other.atMs === timer.atMs && other.order > timer.order);
      if (later) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Lets time pass until `work` has ended. Fails when nothing is left to wait for, or too long. */
  async run<T>(work: Promise<T>, withinMs = 60 * 60_000): Promise<T> {
    const endMs = this.elapsedMs + withinMs;
    let ended = false;
    const watched = work.finally(() => ended = true);
    watched.catch(() => {});
    await settle();
    while (!ended) {
      const timer = this.#timers.pop();
      assert(timer !== undefined, "nothing is left to wait for, and the work has not ended");
      assert(timer.atMs <= endMs, `the work has not ended after ${withinMs} ms`);
      this.elapsedMs = timer.atMs;
      timer.action();
      await settle();
    }
    return await watched;
  }

  /** Lets this much time pass. */
  async pass(ms: number): Promise<void> {
    await this.run(new Promise<void>((resolve) => this.after(ms, resolve)));
  }
}

/** One turn of the event loop: all microtasks have run when it is over. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A machine's clock. */
export class SimClock implements Clock {
  /** May grow at any time; may shrink only while no program of the machine runs. */
  skewMs = 0;

  constructor(private readonly timeline: Timeline) {}

  now(): number {
    return originMs + Math.floor(this.timeline.elapsedMs + this.skewMs);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        forget();
        reject(signal?.reason);
      };
      const forget = this.timeline.after(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}
