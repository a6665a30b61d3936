/**
 * When a copy that could not be read counts as lost. Pure: what is known of it and the seeder's own
 * clock in, what is known now out.
 *
 * Its one idea: one failed read may be a cable, a controller that resets itself or a busy bus; two,
 * some time apart, are the disk. A copy given up so is not thrown away: it is tried again, each
 * time after twice as long, for a sector may be read at the hundredth try.
 */
import { limits } from "../../../protocol/mod.ts";

export interface Doubt {
  /** When a read of it failed first. */
  readonly firstMs: number;
  /** When it is to be read again. */
  readonly nextMs: number;
  /** It does not count as held any more. */
  readonly unreadable: boolean;
}

/** After a read that failed now. */
export function afterFailure(before: Doubt | undefined, nowMs: number): Doubt {
  const { unreadableAfterMs, unreadableRetryMsMax } = limits;
  if (before === undefined) {
    return { firstMs: nowMs, nextMs: nowMs + unreadableAfterMs, unreadable: false };
  }
  const { firstMs } = before;
  const ageMs = nowMs - firstMs;
  if (!before.unreadable && ageMs < unreadableAfterMs) return before;
  return { firstMs, nextMs: nowMs + Math.min(ageMs, unreadableRetryMsMax), unreadable: true };
}
