/**
 * Reads everything on this seeder again, a little at a time, as `plan/scrub.ts` says, and again
 * what could not be read. A copy that turns out bad the store sets aside and tells of itself
 * (`lost_reports.ts`); here is kept how far the reading got and how much was found.
 */
import { type ChunkId, limits, type Loss, type ScrubReport, shelfOf } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import { repeat } from "../kit/pace.ts";
import type { Load } from "./load.ts";
import {
  beforeShelf,
  isFuture,
  nextStep,
  paceOf,
  type ScrubFacts,
  type ScrubStep,
  shelvesDone,
  withoutFuture,
} from "./plan/scrub.ts";
import { freshMemory, type ScrubFile, type ScrubMemory } from "./scrub_file.ts";
import type { ChunkStore } from "./store/chunk_store.ts";
import type { TrackerTime } from "./tracker_time.ts";

export interface ScrubParts {
  readonly store: ChunkStore;
  readonly load: Load;
  readonly file: ScrubFile;
  readonly time: TrackerTime;
  readonly clock: Clock;
  readonly log: Log;
}

/** It looks up at least so often: somebody may ask for more. */
const restMsMost = 5_000;
/** One step reads about one chunk of the default size, or many small ones. */
const stepBytes = limits.chunkBytesDefault;
const stepChunks = 64;
/** A restart reads at most what was read in this time once more. */
const keepMs = 60_000;
/** Told at least so often, so that a tracker that restarted knows soon. */
const tellMs = 60_000;

type Told = Pick<ScrubReport, "verifiedMs" | "progress">;

export class Scrub {
  #memory: ScrubMemory | undefined;
  #last: ScrubFacts["last"];
  #yielding = false;
  #keptMs = 0;
  /** Copies that a process before this one could not read. */
  #again: readonly ChunkId[] = [];
  /** Shelves whose latest reading left a copy undecided. */
  readonly #undecided = new Set<number>();
  /**
   * Whether the store was empty when this process began: then all it holds was checked coming in.
   */
  readonly #wasEmpty: boolean;
  /** When this process first heard its tracker: before that nobody had a leave to store here. */
  #firstHeardMs: number | undefined;
  #toldMs = -Infinity;
  #told: unknown;
  #wake: () => void = () => {};

  constructor(private readonly parts: ScrubParts) {
    this.#wasEmpty = parts.store.summary().chunkCount === 0;
    parts.store.watch(({ why }) => this.#count(why));
  }

  /** Whoever found it: one who asks how sound the disk is shall know. */
  #count(why: Loss): void {
    const memory = this.#memory;
    if (memory !== undefined && why === "corrupt") {
      memory.corruptChunks++;
      memory.corruptMs = this.#trackerNow() ?? memory.corruptMs;
    }
    this.tellAnew();
  }

  /** Reads until the signal fires. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.parts;
    await repeat(clock, signal, async () => {
      try {
        const ms = await this.#step();
        if (ms > 0) await this.#sleep(Math.min(ms, restMsMost), signal);
      } catch (fault) {
        this.parts.log.error("scrub step failed", { fault });
        return restMsMost;
      }
      return 0;
    });
    if (this.#memory !== undefined) await this.#keep(this.#memory);
  }

  /** Rests, unless a person asks for more meanwhile. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    const either = AbortSignal.any([signal, waking.signal]);
    await this.parts.clock.sleep(ms, either).catch(() => {});
  }

  /** The tracker was heard: its clock is known. */
  heard(): void {
    if (this.#firstHeardMs !== undefined) return;
    this.#firstHeardMs = this.#trackerNow();
    this.#wake();
  }

  /** The tracker wants every chunk read that was not since `askedMs`. */
  ask(askedMs: number): void {
    if (this.#memory === undefined || this.#memory.askedMs >= askedMs) return;
    this.#memory.askedMs = askedMs;
    this.parts.log.info("scrub asked for", { askedMs });
    this.#wake();
  }

  /** What to tell the tracker, when there is something to tell. */
  due(): Told | undefined {
    const memory = this.#memory;
    const nowMs = this.#trackerNow();
    if (memory === undefined || nowMs === undefined) return undefined;
    const isDue = this.#told !== memory.passedMs || this.parts.clock.now() - this.#toldMs >= tellMs;
    if (!isDue) return undefined;
    const { undecided, unreadable } = this.parts.store.doubtful();
    const { checkedChunks, checkedBytes, corruptChunks, corruptMs } = memory;
    return {
      verifiedMs: memory.verifiedMs,
      progress: {
        pace: paceOf(memory, nowMs),
        yielding: this.#yielding,
        shelvesDone: shelvesDone(memory, nowMs),
        checkedChunks,
        checkedBytes,
        corruptChunks,
        corruptMs,
        unreadableChunks: undecided.length + unreadable.length,
      },
    };
  }

  /** The tracker has answered a report that carried this. */
  told(report: Told): void {
    this.#told = report.verifiedMs === this.#memory?.verifiedMs ? this.#memory.passedMs : undefined;
    this.#toldMs = this.parts.clock.now();
  }

  /** A tracker that was not heard before knows nothing yet. */
  tellAnew(): void {
    this.#toldMs = -Infinity;
  }

  #trackerNow(): number | undefined {
    try {
      return this.parts.time.now();
    } catch {
      return undefined;
    }
  }

  /** One step; how long to rest after it. */
  async #step(): Promise<number> {
    const { store, load } = this.parts;
    const nowMs = this.#trackerNow();
    if (nowMs === undefined || this.#firstHeardMs === undefined) return restMsMost;
    const emptyMs = this.#wasEmpty ? this.#firstHeardMs : 0;
    const memory = this.#memory ??= await this.#remember(emptyMs);
    forgetFuture(memory, nowMs);
    const due = [...this.#again, ...store.doubtful().due].slice(0, stepChunks);
    if (due.length > 0) {
      this.#again = this.#again.slice(due.length);
      for (const chunkId of due) await this.#verify(chunkId);
      this.#settle(memory);
      return 0;
    }
    const facts = { nowMs, storeBytes: store.summary().usedBytes, busy: load.busy };
    const last = this.#last === undefined ? {} : { last: this.#last };
    const step = nextStep(memory, { ...facts, ...last });
    this.#yielding = step.kind === "rest" && step.yielding;
    if (step.kind === "rest") return step.ms;
    if (step.kind === "begin") {
      memory.current = { shelf: step.shelf, begunMs: nowMs };
      this.#last = undefined;
      return 0;
    }
    await this.#read(memory, step);
    return 0;
  }

  async #read(
    memory: ScrubMemory,
    { shelf, after }: Extract<ScrubStep, { kind: "read" }>,
  ): Promise<void> {
    const { store, clock } = this.parts;
    const nowMs = this.#trackerNow() ?? 0;
    const beganMs = clock.now();
    const listed = await store.list(after ?? beforeShelf(shelf), stepChunks);
    const entries = listed.filter(({ chunkId }) => shelfOf(chunkId) === shelf);
    const { current } = memory;
    if (current === undefined) return;
    let bytes = 0, read = 0;
    for (const entry of entries) {
      if (bytes >= stepBytes) break;
      await this.#verify(entry.chunkId);
      current.after = entry.chunkId;
      bytes += entry.sizeBytes;
      read++;
    }
    memory.checkedChunks += read;
    memory.checkedBytes += bytes;
    const tookMs = clock.now() - beganMs;
    this.#last = { bytes, tookMs, endedMs: nowMs + tookMs };
    const ended = read === entries.length &&
      (entries.length < listed.length || listed.length < stepChunks);
    if (ended) this.#endShelf(memory, shelf, current);
    if (!ended && clock.now() - this.#keptMs < keepMs) return;
    if (ended && paceOf(memory, nowMs) === "asked" && clock.now() - this.#keptMs < 1_000) return;
    this.#keptMs = clock.now();
    await this.#keep(memory);
  }

  #keep(memory: ScrubMemory): Promise<void> {
    const { undecided, unreadable } = this.parts.store.doubtful();
    memory.unreadable = [...new Set([...this.#again, ...undecided, ...unreadable])];
    return this.parts.file.write(memory);
  }

  /** What an earlier start kept; a first one is kept at once, for the next may follow a crash. */
  async #remember(emptyMs: number): Promise<ScrubMemory> {
    const { file } = this.parts;
    const known = await file.read();
    if (known !== undefined) {
      this.#again = known.unreadable;
      return known;
    }
    const memory = freshMemory(emptyMs);
    await file.write(memory);
    return memory;
  }

  #endShelf(
    memory: ScrubMemory,
    shelf: number,
    { begunMs }: NonNullable<ScrubMemory["current"]>,
  ): void {
    const wasAsked = paceOf(memory, begunMs) === "asked";
    memory.passedMs = memory.passedMs.with(shelf, begunMs);
    memory.verifiedMs = [...memory.verifiedMs];
    this.#undecided.add(shelf);
    this.#settle(memory);
    memory.current = undefined;
    if (wasAsked && paceOf(memory, begunMs) !== "asked") {
      const { checkedChunks, corruptChunks } = memory;
      this.parts.log.info("scrub asked for is done", { checkedChunks, corruptChunks });
    }
  }

  /** A shelf that was read is verified when each of its copies was, or is held no more. */
  #settle(memory: ScrubMemory): void {
    if (this.#undecided.size === 0) return;
    const open = new Set(this.parts.store.doubtful().undecided.map(shelfOf));
    for (const shelf of this.#undecided) {
      if (open.has(shelf)) continue;
      this.#undecided.delete(shelf);
      memory.verifiedMs = memory.verifiedMs.with(shelf, memory.passedMs[shelf] ?? 0);
    }
    this.tellAnew();
  }

  async #verify(chunkId: ChunkId): Promise<void> {
    const { store, log } = this.parts;
    try {
      const found = await store.verify(chunkId);
      if (found === "good") return;
      log.error("scrub found a bad copy", { chunkId, found, next: "test the disk and the memory" });
    } catch {
      // The store keeps it in doubt, and has told.
    }
  }
}

function forgetFuture(memory: ScrubMemory, nowMs: number): void {
  memory.passedMs = withoutFuture(memory.passedMs, nowMs);
  memory.verifiedMs = withoutFuture(memory.verifiedMs, nowMs);
  if (isFuture(memory.current?.begunMs ?? 0, nowMs)) memory.current = undefined;
  if (isFuture(memory.askedMs, nowMs)) memory.askedMs = 0;
}
