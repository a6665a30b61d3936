/**
 * The time by which uploads, leaves and receipts age: what the tracker has lived through. It stands
 * still while the tracker is down or held up, and it does not follow the host's clock when that is
 * set; so an upload loses nothing by a jump of minutes, and dates are read off another clock
 * (`Core.now`).
 *
 * It never goes back, whatever happens: what may be dropped is decided by which of two of its times
 * is the earlier one (`drops.ts`). So before a time goes into a leave, an upload or a drop order,
 * it is written down that all times up to a little later may be in use; the next tracker begins
 * after them.
 */
import { limits } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Catalog, CatalogView } from "../catalog/catalog.ts";
import { judgedMs } from "../seeders/roster.ts";

const settingName = "lease-clock-reserved";
/** Every start costs uploads at most this much of their leases. */
const reserveMs = 20_000;
/** A time in use is never closer to the end of what is reserved. */
const marginMs = 5_000;

/** Of what seeders say that they heard. */
export function latestBelieved(clock: Clock): number {
  return clock.now() + limits.leaseAheadMsMax;
}

export class LeaseClock {
  #attendedMs: number | undefined;
  #aheadMs: number;
  #reservedMs: number;

  private constructor(private readonly clock: Clock, startMs: number, reservedMs: number) {
    this.#aheadMs = startMs - clock.now();
    this.#reservedMs = reservedMs;
  }

  static readonly settingName = settingName;

  /** @param nowMs where it begins when no tracker before had one */
  static async open(view: CatalogView, clock: Clock, nowMs: number): Promise<LeaseClock> {
    const reservedMs = Number(await view.setting(settingName) ?? nowMs);
    const newestMs = (await view.uploadTimes())?.newestMs ?? 0;
    return new LeaseClock(clock, Math.max(reservedMs, newestMs), reservedMs);
  }

  /** To compare with. What is handed out comes from `handOut`. */
  now(): number {
    return judgedMs(this.#attendedMs, this.clock.now()) + this.#aheadMs;
  }

  /**
   * A keeper of the log heard this of the clock. A tracker whose disk was set back, or lost, would
   * begin before it. What is much too late was made up.
   */
  heard(ms: number): void {
    const laterMs = Math.min(ms, latestBelieved(this.clock)) - this.now();
    if (laterMs > 0) this.#aheadMs += laterMs;
  }

  /** Called every `attendMs` of the roster: a stall is skipped. */
  attend(): void {
    const nowMs = this.clock.now();
    this.#aheadMs -= nowMs - judgedMs(this.#attendedMs, nowMs);
    this.#attendedMs = nowMs;
  }

  /** The time now, for a leave, an upload or a drop: no later tracker begins before it. */
  async handOut(catalog: Catalog): Promise<number> {
    const nowMs = this.now();
    if (nowMs + marginMs <= this.#reservedMs) return nowMs;
    const untilMs = nowMs + reserveMs;
    await catalog.transaction((tx) => tx.putSetting(settingName, String(untilMs)));
    this.#reservedMs = Math.max(this.#reservedMs, untilMs);
    return nowMs;
  }
}
