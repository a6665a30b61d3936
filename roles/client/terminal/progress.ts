/**
 * A transfer under way as one line of text: how much of how much, how fast, how long still, and
 * which seeder carries which share. Pure: events and the time go in, a new state or a line comes
 * out; who draws it, and when, is `transfer_report.ts`.
 */
import { durationText, rateText, sizeText, visible } from "./wording.ts";
import { clipped, widthOf } from "./table.ts";

/** The rate is taken over this time: long enough to be calm, short enough to show a stall. */
const windowMs = 3_000;
/** Samples closer together than this are merged, so that a window holds a dozen of them. */
const sampleMs = 250;

interface Sample {
  readonly timeMs: number;
  /** Bytes done up to then. */
  readonly doneBytes: number;
}

export interface Progress {
  readonly startedMs: number;
  readonly expectedBytes: number;
  readonly doneBytes: number;
  readonly filesDone: number;
  readonly filesFailed: number;
  /** Oldest first; the oldest is the last one before the window. */
  readonly samples: readonly Sample[];
  /** Bytes through each seeder; what was there already is in none. */
  readonly seederBytes: Readonly<Record<string, number>>;
}

export function startProgress(nowMs: number): Progress {
  return {
    startedMs: nowMs,
    expectedBytes: 0,
    doneBytes: 0,
    filesDone: 0,
    filesFailed: 0,
    samples: [{ timeMs: nowMs, doneBytes: 0 }],
    seederBytes: {},
  };
}

export type ProgressEvent =
  | { readonly kind: "expect"; readonly bytes: number }
  | { readonly kind: "advance"; readonly bytes: number; readonly seeder: string | undefined }
  | { readonly kind: "file"; readonly failed: boolean };

export function progressAfter(state: Progress, event: ProgressEvent, nowMs: number): Progress {
  switch (event.kind) {
    case "expect":
      return { ...state, expectedBytes: state.expectedBytes + event.bytes };
    case "file":
      return event.failed
        ? { ...state, filesFailed: state.filesFailed + 1 }
        : { ...state, filesDone: state.filesDone + 1 };
    case "advance": {
      const doneBytes = state.doneBytes + event.bytes;
      const seederBytes = event.seeder === undefined ? state.seederBytes : {
        ...state.seederBytes,
        [event.seeder]: bytesOf(state.seederBytes, event.seeder) + event.bytes,
      };
      const samples = sampled(state.samples, { timeMs: nowMs, doneBytes });
      return { ...state, doneBytes, seederBytes, samples };
    }
  }
}

function sampled(samples: readonly Sample[], next: Sample): Sample[] {
  const beforeLast = samples.at(-2);
  const merges = beforeLast !== undefined && next.timeMs - beforeLast.timeMs < sampleMs;
  const all = [...(merges ? samples.slice(0, -1) : samples), next];
  const firstInside = all.findIndex((sample) => sample.timeMs > next.timeMs - windowMs);
  return all.slice(Math.max(0, firstInside - 1));
}

/** Bytes a second over the last three seconds, or since the start where that is shorter. */
export function rateOf(state: Progress, nowMs: number): number {
  const base = state.samples.findLast((sample) => sample.timeMs <= nowMs - windowMs) ??
    state.samples[0];
  if (base === undefined || nowMs <= base.timeMs) return 0;
  // Nothing came for a whole window: the base is then the last sample, and the rate is zero.
  return Math.max(0, state.doneBytes - base.doneBytes) * 1000 / (nowMs - base.timeMs);
}

/** One line of at most `columns`. What matters least is left out first. */
export function progressLine(state: Progress, nowMs: number, columns: number): string {
  const { doneBytes, expectedBytes } = state;
  const rate = rateOf(state, nowMs);
  const share = expectedBytes === 0 ? 0 : Math.min(1, doneBytes / expectedBytes);
  const left = expectedBytes - doneBytes;
  const files = state.filesDone + state.filesFailed;
  const failed = state.filesFailed === 0 ? "" : ` (${state.filesFailed} failed)`;
  const parts = [
    `${String(Math.floor(share * 100)).padStart(3)} %`,
    `${sizeText(doneBytes)} of ${sizeText(Math.max(doneBytes, expectedBytes))}`,
    rateText(rate),
    rate > 0 && left > 0 ? `${durationText(left * 1000 / rate)} left` : "",
    files > 0 ? `${files} files${failed}` : "",
    sharesText(state),
  ].filter((part) => part !== "");
  let line = parts[0] ?? "";
  for (const part of parts.slice(1)) {
    if (widthOf(line) + 2 + widthOf(part) > columns) break;
    line += `  ${part}`;
  }
  return clipped(line, columns);
}

/** A seeder may be called like something every record has: `constructor`. */
function bytesOf(seederBytes: Progress["seederBytes"], seeder: string): number {
  return Object.hasOwn(seederBytes, seeder) ? seederBytes[seeder] ?? 0 : 0;
}

/** `seeder-1 41 %, seeder-2 59 %`, by name; nothing while one alone works. */
function sharesText(state: Progress): string {
  const entries = Object.entries(state.seederBytes).toSorted(([a], [b]) => a < b ? -1 : 1);
  const total = entries.reduce((sum, [, bytes]) => sum + bytes, 0);
  if (entries.length < 2 || total === 0) return "";
  return entries.map(([name, bytes]) => `${visible(name)} ${Math.round(100 * bytes / total)} %`)
    .join(", ");
}
