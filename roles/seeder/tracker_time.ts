/**
 * A clock of the tracker as this seeder last heard it, carried forward by its own: one is for dates
 * and the deadlines of orders, one for leaves. They are judged by these alone, so no two machines
 * need to agree on the time.
 */
import { Fault, limits } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";

/** The seeder looks at its clock this often at least: a pause and a call of its heartbeats. */
const attendLateMsMax = 2 * limits.yellowAfterMs;

export class TrackerTime {
  #aheadMs: number | undefined;
  #heardMs: number | undefined;
  #attendedMs: number;

  constructor(private readonly clock: Clock) {
    this.#attendedMs = clock.now();
  }

  hear(trackerNowMs: number): void {
    this.#heardMs = Math.max(this.#heardMs ?? trackerNowMs, trackerNowMs);
    this.#attendedMs = this.clock.now();
    this.#aheadMs = trackerNowMs - this.#attendedMs;
  }

  /** The latest time that was heard, as it was; undefined before the first. */
  get heardMs(): number | undefined {
    return this.#heardMs;
  }

  /** Called before each heartbeat. What passed while this machine slept did not pass here. */
  attend(): void {
    const nowMs = this.clock.now();
    if (this.#aheadMs !== undefined) this.#aheadMs -= nowMs - this.#judged(nowMs);
    this.#attendedMs = nowMs;
  }

  /** A machine that slept finds its clock far ahead, before it could look at it. */
  #judged(nowMs: number): number {
    return Math.min(nowMs, this.#attendedMs + attendLateMsMax);
  }

  /** @throws Fault `unavailable` before this process has heard the tracker once */
  now(): number {
    if (this.#aheadMs === undefined) {
      throw new Fault("unavailable", "this seeder has not reached its tracker yet");
    }
    return this.#judged(this.clock.now()) + this.#aheadMs;
  }
}
