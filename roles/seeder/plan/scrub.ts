/**
 * When to read which chunks again. Pure: what was read when, and what the clock and the disk say,
 * in; the next step out.
 *
 * Its one idea: the shelf whose turn is longest ago comes next, one in each slot of time, a 256th
 * of the round. So there is no round to lose: what comes or goes meanwhile changes nothing, and
 * after a restart or a month switched off the order is still right. Within a shelf chunks are read
 * at twice the speed the round needs, and the rest of the slot is rest. Transfers come first: while
 * there are any it waits, until it is late.
 */
import { ChunkId, limits, type ScrubPace } from "../../../protocol/mod.ts";

export interface ScrubState {
  /** For each shelf when its latest reading began that came to its end; 0 where there was none. */
  readonly passedMs: readonly number[];
  /** The shelf being read, when that began, and up to which chunk it got. */
  readonly current?: {
    readonly shelf: number;
    readonly begunMs: number;
    readonly after?: ChunkId | undefined;
  } | undefined;
  /** All shelves shall be read after this time, as fast as may be; 0 when nobody asked. */
  readonly askedMs: number;
}

export interface ScrubFacts {
  /** The tracker's clock. */
  readonly nowMs: number;
  /** All chunks on this seeder together. */
  readonly storeBytes: number;
  /** Whether somebody reads or writes here. */
  readonly busy: boolean;
  /** What the step before read, how long that took and when it ended; absent after a start. */
  readonly last?: { readonly bytes: number; readonly tookMs: number; readonly endedMs: number };
}

export type ScrubStep =
  /** `yielding`: only because there are transfers; it may look again sooner or later. */
  | { readonly kind: "rest"; readonly ms: number; readonly yielding: boolean }
  | { readonly kind: "begin"; readonly shelf: number }
  | { readonly kind: "read"; readonly shelf: number; readonly after: ChunkId | undefined };

/** While transfers go on it looks again after this. */
const yieldMs = 1_000;
/** Behind by a quarter of a round it takes no more heed of transfers, and goes so much faster. */
const lateShare = 1.25;
const lateFactor = 4;
const overdueShare = 0.9;

/**
 * How much hurry there is. What was never read is late, and no more: it may be a new version's
 * disk.
 */
export function paceOf(state: ScrubState, nowMs: number): ScrubPace {
  const oldestMs = Math.min(...state.passedMs);
  if (oldestMs < state.askedMs) return "asked";
  if (oldestMs === 0) return "late";
  const ageMs = nowMs - oldestMs;
  if (ageMs > overdueShare * limits.scrubAgeMaxMs) return "overdue";
  return ageMs > lateShare * limits.scrubRoundMs ? "late" : "calm";
}

export function nextStep(state: ScrubState, facts: ScrubFacts): ScrubStep {
  const pace = paceOf(state, facts.nowMs);
  if (facts.busy && pace === "calm") return { kind: "rest", ms: yieldMs, yielding: true };
  const { current } = state;
  if (current === undefined) {
    const dueMs = Math.max(...state.passedMs) + slotMs(pace);
    if (facts.nowMs < dueMs) return { kind: "rest", ms: dueMs - facts.nowMs, yielding: false };
    return { kind: "begin", shelf: oldestShelf(state) };
  }
  const pauseMs = facts.last === undefined
    ? 0
    : facts.last.endedMs + pauseAfter(facts.last, pace, facts) - facts.nowMs;
  if (pauseMs > 0) return { kind: "rest", ms: pauseMs, yielding: false };
  return { kind: "read", shelf: current.shelf, after: current.after };
}

function slotMs(pace: ScrubPace): number {
  const ms = limits.scrubRoundMs / limits.scrubShelfCount;
  return pace === "calm" ? ms : pace === "late" ? ms / lateFactor : 0;
}

function pauseAfter(
  last: { readonly bytes: number; readonly tookMs: number },
  pace: ScrubPace,
  { storeBytes, busy }: ScrubFacts,
): number {
  // With transfers beside it, half of the time is theirs.
  const share = busy ? last.tookMs : 0;
  if (pace === "asked" || pace === "overdue") return share;
  const factor = pace === "late" ? lateFactor : 1;
  const bytesPerMs = 2 * factor * Math.max(1, storeBytes) / limits.scrubRoundMs;
  // Rounded up, so that a pause is never endlessly short; and no longer than a slot.
  return Math.max(share, Math.min(Math.ceil(last.bytes / bytesPerMs), slotMs(pace)));
}

function oldestShelf({ passedMs }: ScrubState): number {
  return passedMs.indexOf(Math.min(...passedMs));
}

/** The last id before a shelf, from which on it is read; undefined for the first. */
export function beforeShelf(shelf: number): ChunkId | undefined {
  if (shelf === 0) return undefined;
  return ChunkId.parse((shelf - 1).toString(16).padStart(2, "0").padEnd(64, "f"));
}

/**
 * Times a tracker that was replaced by one with an earlier clock left in the future are forgotten:
 * they would say that all was read just now, for as long as it takes to get there.
 */
export function withoutFuture(times: number[], nowMs: number): number[] {
  return times.some((ms) => isFuture(ms, nowMs))
    ? times.map((ms) => isFuture(ms, nowMs) ? 0 : ms)
    : times;
}

/** Later than what a seeder that hears its tracker each second can take for now. */
export function isFuture(ms: number, nowMs: number): boolean {
  return ms > nowMs + 60_000;
}

/** Shelves read since what was asked, or within the latest round. */
export function shelvesDone(state: ScrubState, nowMs: number): number {
  const sinceMs = paceOf(state, nowMs) === "asked" ? state.askedMs : nowMs - limits.scrubRoundMs;
  return state.passedMs.filter((ms) => ms > 0 && ms >= sinceMs).length;
}
