/**
 * Carries out a fetch plan for one version: feeds it the manifest in order, begins and cancels the
 * fetches it asks for, asks the tracker again where it wants to know more, and hands every chunk to
 * `accept` exactly once, verified. It ends when all is accepted, or with the first fault that stops
 * the file, and then nothing of it is still running.
 */
import {
  asFault,
  type ChunkEntry,
  Fault,
  type Leave,
  type SeederId,
  startManifestDigest,
} from "../../../protocol/mod.ts";
import { withDeadline } from "../../kit/clock.ts";
import { backoffMs } from "../../kit/pace.ts";
import type { ChunkBuffers } from "./buffers.ts";
import { fetchFailureOf, readChunkInto } from "./download_chunk.ts";
import type { ManifestPages } from "./download_pages.ts";
import { interrupted } from "../cluster/interruption.ts";
import {
  emptyFetchState,
  type FetchEvent,
  type FetchRequest,
  type FetchSettings,
  planFetch,
} from "../plan/fetch_plan.ts";
import type { Session } from "../cluster/session.ts";
import type { TransferObserver } from "./transfer.ts";
import { transferSettings } from "./transfer_settings.ts";

export interface FetchJob {
  readonly session: Session;
  readonly pages: ManifestPages;
  /** Chunks `from` up to `to`, `to` excluded. */
  readonly from: number;
  readonly to: number;
  readonly windowChunks: number;
  readonly buffers: ChunkBuffers;
  readonly observer: TransferObserver;
  /** Whether the chunk is here already. */
  readonly here?: (index: number, entry: ChunkEntry) => Promise<boolean>;
  /** Takes the verified bytes; they are the caller's until the promise resolves. */
  readonly accept: (index: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** Aborted by this run when it fails, and by the caller to stop it. */
  readonly controller: AbortController;
}

/** Chunks under way at once, so that they fit the memory for one command. */
export function chunksInFlightOf(chunkSizeBytes: number): number {
  const fitting = Math.floor(transferSettings.bufferBytesMost / chunkSizeBytes);
  return Math.max(2, Math.min(transferSettings.chunksInFlight, fitting));
}

/** Resolves with the digest of the manifest's chunks `from` to `to`. */
export async function fetchChunks(job: FetchJob): Promise<string> {
  const run = new FetchRun(job);
  return await run.toEnd();
}

interface OpenChunk {
  readonly entry: ChunkEntry;
  leaves: Map<SeederId, Leave>;
  /** Fetches under way, by seeder. */
  readonly fetches: Map<SeederId, AbortController>;
  /** Bytes that arrived and wait for the plan's word. */
  arrived: Uint8Array<ArrayBuffer> | undefined;
  lastFault: Fault | undefined;
}

class FetchRun {
  readonly #session: Session;
  readonly #settings: FetchSettings;
  readonly #signal: AbortSignal;
  readonly #open = new Map<number, OpenChunk>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #noted = new Set<string>();
  #state = emptyFetchState;
  #unfinished = 0;
  #wake: () => void = () => {};

  constructor(private readonly job: FetchJob) {
    this.#session = job.session;
    this.#signal = job.controller.signal;
    const chunksInFlight = chunksInFlightOf(job.pages.file.chunkSizeBytes);
    this.#settings = { ...transferSettings, chunksInFlight };
  }

  async toEnd(): Promise<string> {
    const over = new AbortController();
    const ticking = this.#tick(over.signal);
    const onAbort = () => this.#wake();
    this.#signal.addEventListener("abort", onAbort);
    try {
      const digest = await this.#feed();
      while (this.#unfinished > 0 && !this.#signal.aborted) await this.#change();
      if (this.#signal.aborted) throw interrupted(this.#signal);
      return digest;
    } catch (error) {
      this.#fail(error);
      throw interrupted(this.#signal);
    } finally {
      over.abort();
      for (const chunk of this.#open.values()) {
        for (const fetch of chunk.fetches.values()) fetch.abort(this.#signal.reason);
      }
      await ticking;
      while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
      for (const { arrived } of this.#open.values()) {
        if (arrived !== undefined) this.job.buffers.give(arrived);
      }
      this.#signal.removeEventListener("abort", onAbort);
    }
  }

  /** Takes chunks from the manifest, in order, as fast as the window moves. */
  async #feed(): Promise<string> {
    const { job } = this;
    const digest = startManifestDigest(job.pages.file.chunkSizeBytes);
    for (let index = job.from; index < job.to; index++) {
      while (this.#unfinished >= job.windowChunks && !this.#signal.aborted) await this.#change();
      if (this.#signal.aborted) throw interrupted(this.#signal);
      const located = await job.pages.at(index);
      const entry = { chunkId: located.chunkId, sizeBytes: located.sizeBytes };
      digest.add(entry);
      if (await job.here?.(index, entry)) {
        job.observer.advance(entry.sizeBytes, undefined);
        continue;
      }
      const leaves = new Map(located.holders.map((one) => [one.seederId, one.leave]));
      const none = { fetches: new Map(), arrived: undefined, lastFault: undefined };
      this.#open.set(index, { entry, leaves, ...none });
      this.#unfinished++;
      const holders = [...leaves.keys()];
      this.#reduce({
        kind: "wanted",
        index,
        sizeBytes: entry.sizeBytes,
        holders,
        nowMs: this.#session.clock.now(),
      });
    }
    return digest.hex();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  #fail(error: unknown): void {
    if (!this.#signal.aborted) this.job.controller.abort(asFault(error));
    this.#wake();
  }

  #spawn(work: () => Promise<void>): void {
    const task: Promise<void> = work().catch((error) => this.#fail(error)).finally(() => {
      this.#tasks.delete(task);
    });
    this.#tasks.add(task);
  }

  async #tick(over: AbortSignal): Promise<void> {
    const { clock } = this.#session;
    while (!over.aborted) {
      await clock.sleep(transferSettings.tickMs, over).catch(() => {});
      if (!over.aborted) this.#reduce({ kind: "tick", nowMs: clock.now() });
    }
  }

  #reduce(event: FetchEvent): void {
    if (this.#signal.aborted) return;
    const step = planFetch(this.#state, event, this.#settings);
    this.#state = step.state;
    for (const request of step.requests) this.#carryOut(request);
  }

  #carryOut(request: FetchRequest): void {
    const chunk = this.#open.get(request.index);
    if (chunk === undefined) return;
    switch (request.kind) {
      case "get":
        return this.#spawn(() => this.#get(request.index, chunk, request.seederId));
      case "cancel":
        return chunk.fetches.get(request.seederId)?.abort(new Fault("interrupted", "not needed"));
      case "accept":
        return this.#spawn(() => this.#accept(request.index, chunk, request.seederId));
      case "report":
        return this.#spawn(() => this.#report(chunk, request.seederId));
      case "locate":
        return this.#spawn(() => this.#locate(request.index, chunk, request.round));
      case "give-up":
        return this.#fail(this.#hopeless(request.index, chunk));
    }
  }

  async #get(index: number, chunk: OpenChunk, seederId: SeederId): Promise<void> {
    const { entry } = chunk;
    const { clock } = this.#session;
    const fetch = new AbortController();
    const onAbort = () => fetch.abort(this.#signal.reason);
    this.#signal.addEventListener("abort", onAbort, { once: true });
    chunk.fetches.set(seederId, fetch);
    let buffer: Uint8Array<ArrayBuffer> | undefined;
    let failure: Fault | undefined;
    try {
      buffer = await this.job.buffers.take(entry.sizeBytes, fetch.signal);
      await readChunkInto(
        this.#session,
        this.#source(chunk, seederId),
        entry,
        buffer,
        fetch.signal,
      );
    } catch (error) {
      failure = asFault(error);
    }
    this.#signal.removeEventListener("abort", onAbort);
    chunk.fetches.delete(seederId);
    if (failure === undefined && !fetch.signal.aborted && chunk.arrived === undefined) {
      chunk.arrived = buffer;
      return this.#reduce({ kind: "arrived", index, seederId, nowMs: clock.now() });
    }
    if (buffer !== undefined) this.job.buffers.give(buffer);
    // Cancelled, or overtaken: the plan knows.
    if (failure === undefined || fetch.signal.aborted) return;
    chunk.lastFault = this.#told(seederId, failure);
    const why = fetchFailureOf(failure);
    this.#note(seederId, why === "leave" || why === "absent" ? undefined : failure);
    this.#session.log.debug("fetch failed", { index, seederId, fault: failure });
    this.#reduce({ kind: "failed", index, seederId, why, nowMs: clock.now() });
  }

  #source(chunk: OpenChunk, seederId: SeederId) {
    const known = this.job.pages.seeders.get(seederId);
    const leave = chunk.leaves.get(seederId);
    if (known === undefined || leave === undefined) {
      throw new Fault("seeder-unreachable", `the tracker does not say where ${seederId} is`);
    }
    return { ...known, leave };
  }

  async #accept(index: number, chunk: OpenChunk, seederId: SeederId): Promise<void> {
    const bytes = chunk.arrived;
    if (bytes === undefined) return;
    try {
      await this.job.accept(index, bytes);
    } finally {
      this.#open.delete(index);
      this.job.buffers.give(bytes);
    }
    this.job.observer.advance(chunk.entry.sizeBytes, this.#nameOf(seederId));
    this.#unfinished--;
    this.#wake();
  }

  /** Best effort: the download does not depend on it, nor wait long for it. */
  async #report(chunk: OpenChunk, seederId: SeederId): Promise<void> {
    const { clock, tracker } = this.#session;
    const reports = [{ seederId, chunkId: chunk.entry.chunkId }];
    const late = () => new Fault("tracker-unreachable", "the report was not taken in time");
    const reported = withDeadline(
      clock,
      2_000,
      this.#signal,
      late,
      (signal) => tracker.reportChunks({ reports }, { signal }),
    );
    await reported.then(() => {}, (fault) => {
      this.#session.log.warn("wrong bytes not reported", { seederId, fault });
    });
  }

  async #locate(index: number, chunk: OpenChunk, round: number): Promise<void> {
    const { clock, random } = this.#session;
    // Holders that just failed get a moment; a leave that ended does not need one.
    if (round > 1 || fetchFailureOf(chunk.lastFault ?? noHolder) !== "leave") {
      const { roundPauseFirstMs, roundPauseMostMs } = transferSettings;
      const pauseMs = backoffMs(random, round - 1, roundPauseFirstMs, roundPauseMostMs);
      await clock.sleep(pauseMs, this.#signal);
    }
    const located = await this.job.pages.again(index);
    if (located.chunkId !== chunk.entry.chunkId) {
      throw new Fault("internal", `the tracker changed its mind about chunk ${index}`);
    }
    chunk.leaves = new Map(located.holders.map((one) => [one.seederId, one.leave]));
    const holders = [...chunk.leaves.keys()];
    this.#reduce({ kind: "located", index, holders, nowMs: clock.now() });
  }

  #hopeless(index: number, chunk: OpenChunk): Fault {
    const last = chunk.lastFault ?? noHolder;
    const where = `chunk ${index} of ${this.job.pages.file.path}`;
    return new Fault(last.code, `no seeder gave ${where}; the last word was: ${last.message}`, {
      cause: last,
      next: "start the seeders that are missing (see: seeders), then run the command again",
    });
  }

  /**
   * A seeder that is gone cannot refuse a leave: another answers where it was, as one does whose
   * disk was wiped and that joined again.
   */
  #told(seederId: SeederId, fault: Fault): Fault {
    const known = this.job.pages.seeders.get(seederId);
    const isGone = known?.state === "red" || known?.state === "away";
    if (fault.code !== "leave-invalid" || !isGone) return fault;
    return new Fault(
      "seeder-unreachable",
      `${known.name} is gone, and another seeder answers at ${known.address}`,
      { cause: fault },
    );
  }

  #nameOf(seederId: SeederId): string {
    return this.job.pages.seeders.get(seederId)?.name ?? seederId;
  }

  /** One line a seeder, not one a chunk. */
  #note(seederId: SeederId, fault: Fault | undefined): void {
    if (fault === undefined || this.#noted.has(seederId)) return;
    this.#noted.add(seederId);
    this.job.observer.note(`${fault.message}; going on with other seeders`);
  }
}

const noHolder = new Fault("chunk-not-found", "the tracker names no seeder that holds it");
