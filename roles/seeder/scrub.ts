/**
 * Reads everything on this seeder again, a little at a time, as `plan/scrub.ts` says. A corrupt
 * chunk is set aside by the store; here it is noted and told to the tracker, which takes the
 * holding away and has it copied from a good one. What was told without an answer is told again.
 */
import {
  asFault,
  type BadChunk,
  type ChunkEntry,
  type Fault,
  limits,
  type ScrubReport,
  shelfOf,
} from "../../protocol/mod.ts";
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

type Told = Pick<ScrubReport, "verifiedMs" | "progress" | "bad">;

export class Scrub {
  #memory: ScrubMemory | undefined;
  #last: ScrubFacts["last"];
  #yielding = false;
  #bad: BadChunk[] = [];
  #keptMs = 0;
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
  }

  /** Reads until the signal fires. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, file } = this.parts;
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
    if (this.#memory !== undefined) await file.write(this.#memory);
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

  /** A corrupt chunk was found by other means: whoever asks how sound the disk is counts it too. */
  foundCorrupt(): void {
    const memory = this.#memory;
    if (memory === undefined) return;
    memory.corruptChunks++;
    memory.corruptMs = this.#trackerNow() ?? memory.corruptMs;
    this.tellAnew();
  }

  /** What to tell the tracker, when there is something to tell. */
  due(): Told | undefined {
    const memory = this.#memory;
    const nowMs = this.#trackerNow();
    if (memory === undefined || nowMs === undefined) return undefined;
    // A chunk that has come back since is here: the tracker must not hear otherwise.
    this.#bad = this.#bad.filter(({ chunkId }) => this.parts.store.sizeOf(chunkId) === undefined);
    const isDue = this.#bad.length > 0 || this.#told !== memory.passedMs ||
      this.parts.clock.now() - this.#toldMs >= tellMs;
    if (!isDue) return undefined;
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
        unreadableChunks: memory.unreadable.reduce((sum, number) => sum + number, 0),
      },
      bad: this.#bad.slice(0, limits.batchItemsMax),
    };
  }

  /** The tracker has answered a report that carried this. */
  told(report: Told): void {
    const told = new Set(report.bad);
    this.#bad = this.#bad.filter((one) => !told.has(one));
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
    const facts = { nowMs, storeBytes: store.summary().usedBytes, busy: load.busy };
    const last = this.#last === undefined ? {} : { last: this.#last };
    const step = nextStep(memory, { ...facts, ...last });
    this.#yielding = step.kind === "rest" && step.yielding;
    if (step.kind === "rest") return step.ms;
    if (step.kind === "begin") {
      memory.current = { shelf: step.shelf, begunMs: nowMs, unreadable: 0 };
      this.#last = undefined;
      return 0;
    }
    await this.#read(memory, step, nowMs);
    return 0;
  }

  async #read(
    memory: ScrubMemory,
    { shelf, after }: Extract<ScrubStep, { kind: "read" }>,
    nowMs: number,
  ): Promise<void> {
    const { store, clock, file } = this.parts;
    const beganMs = clock.now();
    const listed = await store.list(after ?? beforeShelf(shelf), stepChunks);
    const entries = listed.filter(({ chunkId }) => shelfOf(chunkId) === shelf);
    const { current } = memory;
    if (current === undefined) return;
    let bytes = 0, read = 0;
    for (const entry of entries) {
      if (bytes >= stepBytes) break;
      if (!await this.#verify(memory, entry, nowMs)) current.unreadable++;
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
    await file.write(memory);
  }

  /** What an earlier start kept; a first one is kept at once, for the next may follow a crash. */
  async #remember(emptyMs: number): Promise<ScrubMemory> {
    const { file } = this.parts;
    const known = await file.read();
    if (known !== undefined) return known;
    const memory = freshMemory(emptyMs);
    await file.write(memory);
    return memory;
  }

  #endShelf(
    memory: ScrubMemory,
    shelf: number,
    { begunMs, unreadable }: NonNullable<ScrubMemory["current"]>,
  ): void {
    const wasAsked = paceOf(memory, begunMs) === "asked";
    memory.passedMs = memory.passedMs.with(shelf, begunMs);
    if (unreadable === 0) memory.verifiedMs = memory.verifiedMs.with(shelf, begunMs);
    else memory.verifiedMs = [...memory.verifiedMs];
    memory.unreadable = memory.unreadable.with(shelf, unreadable);
    memory.current = undefined;
    if (wasAsked && paceOf(memory, begunMs) !== "asked") {
      const { checkedChunks, corruptChunks } = memory;
      this.parts.log.info("scrub asked for is done", { checkedChunks, corruptChunks });
    }
  }

  /** False when the disk could not tell. */
  async #verify(memory: ScrubMemory, entry: ChunkEntry, nowMs: number): Promise<boolean> {
    const { store, log } = this.parts;
    let found: "good" | "corrupt" | "absent" | Fault;
    try {
      found = await store.verify(entry.chunkId);
    } catch (error) {
      found = asFault(error);
    }
    if (found === "good") return true;
    const { chunkId } = entry;
    if (found === "corrupt") {
      memory.corruptChunks++;
      memory.corruptMs = nowMs;
      log.error("scrub found a corrupt chunk", { chunkId, next: "test the disk and the memory" });
      this.#note({ ...entry, found: "corrupt", foundMs: nowMs });
    } else if (found === "absent") this.#note({ ...entry, found: "gone", foundMs: nowMs });
    else {
      log.error("scrub cannot read a chunk", { chunkId, fault: found, next: "test the disk" });
      return false;
    }
    return true;
  }

  /** What does not fit into the list the tracker finds out from the inventory. */
  #note(bad: BadChunk): void {
    if (this.#bad.length < limits.batchItemsMax) this.#bad.push(bad);
  }
}

function forgetFuture(memory: ScrubMemory, nowMs: number): void {
  memory.passedMs = withoutFuture(memory.passedMs, nowMs);
  memory.verifiedMs = withoutFuture(memory.verifiedMs, nowMs);
  if (isFuture(memory.current?.begunMs ?? 0, nowMs)) memory.current = undefined;
  if (isFuture(memory.askedMs, nowMs)) memory.askedMs = 0;
}
