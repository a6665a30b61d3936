/**
 * A clock of the tracker as this seeder last heard it, carried forward by its own: one is for dates
 * and the deadlines of orders, one for leaves. They are judged by these alone, so no two machines
 * need to agree on the time.
 */
import { Fault } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";

export class TrackerTime {
  #aheadMs: number | undefined;

  constructor(private readonly clock: Clock) {}

  hear(trackerNowMs: number): void {
    this.#aheadMs = trackerNowMs - this.clock.now();
  }

  /** @throws Fault `unavailable` before this process has heard the tracker once */
  now(): number {
    if (this.#aheadMs === undefined) {
      throw new Fault("unavailable", "this seeder has not reached its tracker yet");
    }
    return this.clock.now() + this.#aheadMs;
  }
}
