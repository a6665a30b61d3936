/**
 * Which chunk is fetched from which seeder next, as a pure reducer: (state, event) → (state,
 * requests). It holds only the window of chunks that are wanted now, never a whole manifest.
 *
 * Rarest first (fewest usable holders, then the lowest index); of its holders the one that should
 * be done first by outstanding bytes per measured speed. A seeder that failed a chunk is out for it
 * until the tracker has been asked again, and one that sent wrong bytes is out for good. A fetch
 * that takes far longer than expected is doubled at another holder, and earlier so when nothing
 * else is left to begin; the first good answer wins (the endgame of BitTorrent, Cohen 2003, with a
 * bound on waste).
 *
 * Bytes, sockets and the clock are elsewhere: every event carries the time.
 */
import type { SeederId } from "../../../protocol/mod.ts";

export interface FetchSettings {
  readonly chunksInFlight: number;
  readonly chunksPerSeeder: number;
  /** How often the tracker is asked for other holders of one chunk. */
  readonly roundsMost: number;
  readonly restFirstMs: number;
  readonly restMostMs: number;
  readonly hedgeFactor: number;
  readonly hedgeAfterMs: number;
}

/**
 * `leave`: refused for its leave, so the others' have most likely ended too and fresh ones are
 * asked for. A seeder that refuses the fresh one as well is at fault itself: its clock or its key
 * is off.
 */
export type FetchFailure = "wrong-bytes" | "absent" | "unreachable" | "leave" | "refused";

export type FetchEvent =
  | {
    readonly kind: "wanted";
    readonly index: number;
    readonly sizeBytes: number;
    readonly holders: readonly SeederId[];
    readonly nowMs: number;
  }
  /** The tracker named the holders again. */
  | {
    readonly kind: "located";
    readonly index: number;
    readonly holders: readonly SeederId[];
    readonly nowMs: number;
  }
  /** All bytes came and they are the chunk. */
  | {
    readonly kind: "arrived";
    readonly index: number;
    readonly seederId: SeederId;
    readonly nowMs: number;
  }
  | {
    readonly kind: "failed";
    readonly index: number;
    readonly seederId: SeederId;
    readonly why: FetchFailure;
    readonly nowMs: number;
  }
  | { readonly kind: "tick"; readonly nowMs: number };

export type FetchRequest =
  | { readonly kind: "get"; readonly index: number; readonly seederId: SeederId }
  | { readonly kind: "cancel"; readonly index: number; readonly seederId: SeederId }
  /** Use these bytes; asked exactly once a chunk. */
  | { readonly kind: "accept"; readonly index: number; readonly seederId: SeederId }
  | { readonly kind: "report"; readonly index: number; readonly seederId: SeederId }
  /** Ask the tracker again who holds it; `round` counts from 1. */
  | { readonly kind: "locate"; readonly index: number; readonly round: number }
  | { readonly kind: "give-up"; readonly index: number };

interface Fetching {
  readonly seederId: SeederId;
  readonly startedMs: number;
}

interface WantedChunk {
  readonly index: number;
  readonly sizeBytes: number;
  /** In the tracker's order of preference. */
  readonly holders: readonly SeederId[];
  /** Failed since the tracker was last asked. */
  readonly failed: ReadonlySet<SeederId>;
  /** Sent wrong bytes: never again. */
  readonly wrong: ReadonlySet<SeederId>;
  /** Refused a leave before. */
  readonly refusedLeave: ReadonlySet<SeederId>;
  readonly fetching: readonly Fetching[];
  readonly rounds: number;
  readonly locating: boolean;
}

interface SeederRecord {
  readonly chunks: number;
  readonly bytes: number;
  /** Measured; undefined before the first chunk arrived. */
  readonly bytesPerMs: number | undefined;
  readonly failuresInRow: number;
  /** Until then it is the last choice. */
  readonly restsUntilMs: number;
}

export interface FetchState {
  readonly chunks: ReadonlyMap<number, WantedChunk>;
  readonly seeders: ReadonlyMap<SeederId, SeederRecord>;
}

export interface FetchStep {
  readonly state: FetchState;
  readonly requests: readonly FetchRequest[];
}

export const emptyFetchState: FetchState = { chunks: new Map(), seeders: new Map() };

const freshSeeder: SeederRecord = {
  chunks: 0,
  bytes: 0,
  bytesPerMs: undefined,
  failuresInRow: 0,
  restsUntilMs: 0,
};

/** The one decision: what follows from `event`. */
export function planFetch(
  state: FetchState,
  event: FetchEvent,
  settings: FetchSettings,
): FetchStep {
  const draft = new Draft(state, event.nowMs, settings);
  draft.apply(event);
  draft.begin();
  if (event.kind === "tick") draft.double();
  return draft.step();
}

/** A copy of the state under change, so that the reducer stays pure and short. */
class Draft {
  readonly #chunks: Map<number, WantedChunk>;
  readonly #seeders: Map<SeederId, SeederRecord>;
  readonly #requests: FetchRequest[] = [];

  constructor(
    state: FetchState,
    private readonly nowMs: number,
    private readonly settings: FetchSettings,
  ) {
    this.#chunks = new Map(state.chunks);
    this.#seeders = new Map(state.seeders);
  }

  step(): FetchStep {
    return {
      state: { chunks: this.#chunks, seeders: this.#seeders },
      requests: this.#requests,
    };
  }

  apply(event: FetchEvent): void {
    if (event.kind === "wanted") {
      const { index, sizeBytes, holders } = event;
      this.#chunks.set(index, {
        index,
        sizeBytes,
        holders,
        failed: new Set(),
        wrong: new Set(),
        refusedLeave: new Set(),
        fetching: [],
        rounds: 0,
        locating: false,
      });
      return;
    }
    if (event.kind === "tick") return;
    const chunk = this.#chunks.get(event.index);
    // A late word about a chunk that is done with.
    if (chunk === undefined) return;
    if (event.kind === "located") {
      const fresh = { holders: event.holders, failed: new Set<SeederId>(), locating: false };
      this.#chunks.set(chunk.index, { ...chunk, ...fresh });
    } else if (chunk.fetching.some((one) => one.seederId === event.seederId)) {
      if (event.kind === "arrived") this.#arrived(chunk, event.seederId);
      else this.#failed(chunk, event.seederId, event.why);
    }
  }

  #arrived(chunk: WantedChunk, seederId: SeederId): void {
    const mine = chunk.fetching.find((one) => one.seederId === seederId);
    const elapsedMs = Math.max(1, this.nowMs - (mine?.startedMs ?? this.nowMs));
    const before = this.#seeder(seederId);
    // What it carries at once counts together: one of four chunks gets a quarter of the line.
    const now = chunk.sizeBytes * Math.max(1, before.chunks) / elapsedMs;
    const bytesPerMs = before.bytesPerMs === undefined ? now : before.bytesPerMs * 0.7 + now * 0.3;
    this.#seeders.set(seederId, { ...before, bytesPerMs, failuresInRow: 0, restsUntilMs: 0 });
    for (const one of chunk.fetching) {
      this.#unload(one.seederId, chunk.sizeBytes);
      if (one.seederId === seederId) continue;
      this.#requests.push({ kind: "cancel", index: chunk.index, seederId: one.seederId });
    }
    this.#chunks.delete(chunk.index);
    this.#requests.push({ kind: "accept", index: chunk.index, seederId });
  }

  #failed(chunk: WantedChunk, seederId: SeederId, why: FetchFailure): void {
    this.#unload(seederId, chunk.sizeBytes);
    if (why === "wrong-bytes") {
      this.#requests.push({ kind: "report", index: chunk.index, seederId });
    }
    const leaveEnded = why === "leave" && !chunk.refusedLeave.has(seederId);
    if (why === "unreachable" || why === "refused" || (why === "leave" && !leaveEnded)) {
      this.#rest(seederId);
    }
    const out = leaveEnded ? chunk.holders : [seederId];
    this.#chunks.set(chunk.index, {
      ...chunk,
      fetching: chunk.fetching.filter((one) => one.seederId !== seederId),
      failed: new Set([...chunk.failed, ...out]),
      wrong: why === "wrong-bytes" ? new Set([...chunk.wrong, seederId]) : chunk.wrong,
      refusedLeave: leaveEnded ? new Set([...chunk.refusedLeave, seederId]) : chunk.refusedLeave,
    });
  }

  #rest(seederId: SeederId): void {
    const before = this.#seeder(seederId);
    // Four chunks that fail together are one failure.
    if (before.restsUntilMs > this.nowMs) return;
    const { restFirstMs, restMostMs } = this.settings;
    this.#seeders.set(seederId, {
      ...before,
      failuresInRow: before.failuresInRow + 1,
      restsUntilMs: this.nowMs +
        Math.min(restMostMs, restFirstMs * 2 ** Math.min(before.failuresInRow, 20)),
    });
  }

  /** Begins as many fetches as there is room for; asks or gives up where no holder is left. */
  begin(): void {
    for (const chunk of [...this.#chunks.values()].sort((a, b) => this.#rarer(a, b))) {
      if (chunk.fetching.length > 0 || chunk.locating) continue;
      const usable = this.#usable(chunk);
      if (usable.length === 0) this.#withoutHolder(chunk);
      else if (this.#inFlight() < this.settings.chunksInFlight) {
        const seederId = this.#quickest(usable, chunk.sizeBytes);
        if (seederId !== undefined) this.#get(chunk, seederId);
      }
    }
  }

  /** A second holder is asked for chunks that take too long. */
  double(): void {
    const ending = [...this.#chunks.values()].every((chunk) => chunk.fetching.length > 0);
    for (const chunk of this.#chunks.values()) {
      const [only, second] = chunk.fetching;
      if (only === undefined || second !== undefined) continue;
      if (this.#inFlight() >= this.settings.chunksInFlight + this.settings.chunksPerSeeder) return;
      const waitedMs = this.nowMs - only.startedMs;
      const expectedMs = this.#expectedMs(only.seederId, this.#seeder(only.seederId).bytes);
      const factor = ending ? 1 : this.settings.hedgeFactor;
      if (waitedMs < Math.max(this.settings.hedgeAfterMs, factor * expectedMs)) continue;
      const idle = this.#usable(chunk).filter((seederId) =>
        seederId !== only.seederId && !this.#rests(seederId) && this.#seeder(seederId).chunks === 0
      );
      const seederId = this.#quickest(idle, chunk.sizeBytes);
      if (seederId !== undefined) this.#get(chunk, seederId);
    }
  }

  #withoutHolder(chunk: WantedChunk): void {
    if (chunk.rounds >= this.settings.roundsMost) {
      this.#chunks.delete(chunk.index);
      this.#requests.push({ kind: "give-up", index: chunk.index });
      return;
    }
    const round = chunk.rounds + 1;
    this.#chunks.set(chunk.index, { ...chunk, rounds: round, locating: true });
    this.#requests.push({ kind: "locate", index: chunk.index, round });
  }

  #get(chunk: WantedChunk, seederId: SeederId): void {
    const fetching = [...chunk.fetching, { seederId, startedMs: this.nowMs }];
    this.#chunks.set(chunk.index, { ...chunk, fetching });
    const before = this.#seeder(seederId);
    this.#seeders.set(seederId, {
      ...before,
      chunks: before.chunks + 1,
      bytes: before.bytes + chunk.sizeBytes,
    });
    this.#requests.push({ kind: "get", index: chunk.index, seederId });
  }

  #unload(seederId: SeederId, sizeBytes: number): void {
    const before = this.#seeder(seederId);
    this.#seeders.set(seederId, {
      ...before,
      chunks: before.chunks - 1,
      bytes: before.bytes - sizeBytes,
    });
  }

  #seeder(seederId: SeederId): SeederRecord {
    return this.#seeders.get(seederId) ?? freshSeeder;
  }

  #rests(seederId: SeederId): boolean {
    return this.#seeder(seederId).restsUntilMs > this.nowMs;
  }

  #usable(chunk: WantedChunk): SeederId[] {
    return chunk.holders.filter((id) => !chunk.failed.has(id) && !chunk.wrong.has(id));
  }

  #inFlight(): number {
    let count = 0;
    for (const chunk of this.#chunks.values()) count += chunk.fetching.length;
    return count;
  }

  #rarer(a: WantedChunk, b: WantedChunk): number {
    return this.#usable(a).length - this.#usable(b).length || a.index - b.index;
  }

  /** Of those with room the one that should be done first; those that rest only when all do. */
  #quickest(candidates: readonly SeederId[], sizeBytes: number): SeederId | undefined {
    const awake = candidates.filter((id) => !this.#rests(id));
    const open = (awake.length > 0 ? awake : candidates).filter((id) =>
      this.#seeder(id).chunks < this.settings.chunksPerSeeder
    );
    let best: { seederId: SeederId; ms: number } | undefined;
    for (const seederId of open) {
      const ms = this.#expectedMs(seederId, this.#seeder(seederId).bytes + sizeBytes);
      if (best === undefined || ms < best.ms) best = { seederId, ms };
    }
    return best?.seederId;
  }

  /** An unmeasured seeder is believed to be as fast as the fastest, so that it is tried. */
  #expectedMs(seederId: SeederId, bytes: number): number {
    const speeds = [...this.#seeders.values()].flatMap((one) => one.bytesPerMs ?? []);
    const speed = this.#seeder(seederId).bytesPerMs ?? Math.max(1, ...speeds);
    return bytes / Math.max(speed, 1e-6);
  }
}
