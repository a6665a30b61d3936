/**
 * Which chunk is sent to whom next, as a pure reducer: (state, event) → (state, requests). The same
 * plan serves chunks sent one by one and batches of small ones; it holds only chunks under way.
 *
 * A chunk is hashed, placed by the tracker, sent to the first of its places with the others as
 * chain, and settled when enough copies are known. Where a copy failed, the places left are used,
 * then the tracker is asked again with the failed seeders to avoid; after a bounded number of
 * rounds the chunk settles with the copies it has, and the tracker decides at the commit whether
 * they are enough. A seeder that failed is avoided by every chunk of the upload for some seconds.
 *
 * Bytes, sockets and the clock are elsewhere: every event carries the time.
 */
import type { SeederId } from "../../../protocol/mod.ts";

export interface PushSettings {
  readonly chunksInFlight: number;
  /** How often the tracker is asked for places for one chunk. */
  readonly roundsMost: number;
  readonly restFirstMs: number;
  readonly restMostMs: number;
  readonly sendFirstMs: number;
  readonly sendFactor: number;
  readonly sendLeastMs: number;
  readonly sendMostMs: number;
}

/** `leave`: refused for its leave; nothing is held against the seeder the first time. */
export type SendFailure = "leave" | "failed";

export type PushEvent =
  | {
    readonly kind: "hashed";
    readonly index: number;
    readonly sizeBytes: number;
    readonly nowMs: number;
  }
  | {
    readonly kind: "placed";
    readonly index: number;
    readonly held: number;
    readonly wanted: number;
    readonly places: readonly SeederId[];
    readonly nowMs: number;
  }
  /** The tracker names no place. */
  | { readonly kind: "unplaced"; readonly index: number; readonly nowMs: number }
  | {
    readonly kind: "stored";
    readonly index: number;
    /** The seeder it was sent to. */
    readonly first: SeederId;
    readonly receipts: readonly SeederId[];
    /** Seeders of the chain that took no copy. */
    readonly failures: readonly SeederId[];
    readonly nowMs: number;
  }
  | {
    readonly kind: "failed";
    readonly index: number;
    readonly first: SeederId;
    readonly why: SendFailure;
    readonly nowMs: number;
  };

export type PushRequest =
  | { readonly kind: "place"; readonly index: number; readonly avoid: readonly SeederId[] }
  | {
    readonly kind: "send";
    readonly index: number;
    readonly first: SeederId;
    readonly chain: readonly SeederId[];
    /** To be given up after this long. */
    readonly limitMs: number;
  }
  /** Done with: `copies` are known, at least one. */
  | { readonly kind: "settle"; readonly index: number; readonly copies: number }
  /** Nobody took it. */
  | { readonly kind: "give-up"; readonly index: number };

interface PushedChunk {
  readonly index: number;
  readonly sizeBytes: number;
  readonly held: number | undefined;
  readonly wanted: number;
  /** Named by the tracker and not tried yet. */
  readonly places: readonly SeederId[];
  readonly receipts: ReadonlySet<SeederId>;
  readonly failed: ReadonlySet<SeederId>;
  /** Refused a leave before. */
  readonly refusedLeave: ReadonlySet<SeederId>;
  readonly rounds: number;
  /** Some place of this round failed, so asking for others may help. */
  readonly asksAgain: boolean;
  readonly sending: { readonly first: SeederId; readonly startedMs: number } | undefined;
}

interface SeederRecord {
  readonly failuresInRow: number;
  readonly restsUntilMs: number;
}

export interface PushState {
  readonly chunks: ReadonlyMap<number, PushedChunk>;
  readonly seeders: ReadonlyMap<SeederId, SeederRecord>;
  /** How long one send takes, smoothed; undefined before the first. */
  readonly usualSendMs: number | undefined;
}

export interface PushStep {
  readonly state: PushState;
  readonly requests: readonly PushRequest[];
}

export const emptyPushState: PushState = {
  chunks: new Map(),
  seeders: new Map(),
  usualSendMs: undefined,
};

/** The one decision: what follows from `event`. */
export function planPush(state: PushState, event: PushEvent, settings: PushSettings): PushStep {
  const draft = new Draft(state, event.nowMs, settings);
  draft.apply(event);
  draft.begin();
  return draft.step();
}

/** A copy of the state under change, so that the reducer stays pure and short. */
class Draft {
  readonly #chunks: Map<number, PushedChunk>;
  readonly #seeders: Map<SeederId, SeederRecord>;
  #usualSendMs: number | undefined;
  readonly #requests: PushRequest[] = [];

  constructor(
    state: PushState,
    private readonly nowMs: number,
    private readonly settings: PushSettings,
  ) {
    this.#chunks = new Map(state.chunks);
    this.#seeders = new Map(state.seeders);
    this.#usualSendMs = state.usualSendMs;
  }

  step(): PushStep {
    const state = {
      chunks: this.#chunks,
      seeders: this.#seeders,
      usualSendMs: this.#usualSendMs,
    };
    return { state, requests: this.#requests };
  }

  apply(event: PushEvent): void {
    if (event.kind === "hashed") return this.#hashed(event.index, event.sizeBytes);
    const chunk = this.#chunks.get(event.index);
    if (chunk === undefined) return;
    if (event.kind === "placed") this.#placed(chunk, event);
    else if (event.kind === "unplaced") this.#settle(chunk);
    else if (chunk.sending?.first !== event.first) return;
    else if (event.kind === "stored") this.#stored(chunk, event);
    else this.#failed(chunk, event.why);
  }

  /** Sends what is placed, lowest index first, as far as there is room. */
  begin(): void {
    let inFlight = 0;
    for (const chunk of this.#chunks.values()) if (chunk.sending !== undefined) inFlight++;
    for (const chunk of [...this.#chunks.values()].sort((a, b) => a.index - b.index)) {
      if (inFlight >= this.settings.chunksInFlight) return;
      if (chunk.sending !== undefined || chunk.places.length === 0) continue;
      this.#send(chunk);
      inFlight++;
    }
  }

  #hashed(index: number, sizeBytes: number): void {
    this.#ask({
      index,
      sizeBytes,
      held: undefined,
      wanted: 1,
      places: [],
      receipts: new Set(),
      failed: new Set(),
      refusedLeave: new Set(),
      rounds: 0,
      asksAgain: false,
      sending: undefined,
    });
  }

  #placed(chunk: PushedChunk, event: PushEvent & { kind: "placed" }): void {
    // A later answer may count the copies we hold receipts for: the lower number is sure.
    const held = Math.min(event.held, chunk.held ?? event.held);
    const places = event.places.filter((id) => !chunk.receipts.has(id) && !chunk.failed.has(id));
    const next = { ...chunk, held, wanted: event.wanted, places, asksAgain: false };
    this.#goOn(next);
  }

  #stored(chunk: PushedChunk, event: PushEvent & { kind: "stored" }): void {
    const tookMs = this.nowMs - (chunk.sending?.startedMs ?? this.nowMs);
    const before = this.#usualSendMs ?? tookMs;
    this.#usualSendMs = before * 0.8 + tookMs * 0.2;
    for (const seederId of event.receipts) this.#seeders.delete(seederId);
    for (const seederId of event.failures) this.#rest(seederId);
    this.#goOn({
      ...chunk,
      sending: undefined,
      receipts: new Set([...chunk.receipts, ...event.receipts]),
      failed: new Set([...chunk.failed, ...event.failures]),
      asksAgain: chunk.asksAgain || event.failures.length > 0 ||
        !event.receipts.includes(event.first),
    });
  }

  #failed(chunk: PushedChunk, why: SendFailure): void {
    const first = chunk.sending?.first;
    const next = { ...chunk, sending: undefined, asksAgain: true };
    if (first === undefined) return;
    if (why === "leave" && !chunk.refusedLeave.has(first)) {
      // The other leaves were made with this one, so fresh ones are asked for.
      const refusedLeave = new Set([...chunk.refusedLeave, first]);
      return this.#goOn({ ...next, places: [], refusedLeave });
    }
    this.#rest(first);
    this.#goOn({ ...next, failed: new Set([...chunk.failed, first]) });
  }

  /** Settles the chunk when it has its copies, else uses the places left, else asks for others. */
  #goOn(chunk: PushedChunk): void {
    const missing = chunk.wanted - (chunk.held ?? 0) - chunk.receipts.size;
    if (missing <= 0) return this.#settle(chunk);
    if (chunk.places.length > 0) {
      this.#chunks.set(chunk.index, chunk);
      return;
    }
    if (chunk.asksAgain && chunk.rounds < this.settings.roundsMost) return this.#ask(chunk);
    this.#settle(chunk);
  }

  #ask(chunk: PushedChunk): void {
    this.#chunks.set(chunk.index, { ...chunk, rounds: chunk.rounds + 1, places: [] });
    const resting = [...this.#seeders].flatMap(([id, one]) =>
      one.restsUntilMs > this.nowMs ? [id] : []
    );
    // A receipt means the seeder has it: naming it again would win nothing.
    const avoid = [...new Set([...chunk.failed, ...chunk.receipts, ...resting])].slice(0, 64);
    this.#requests.push({ kind: "place", index: chunk.index, avoid });
  }

  #settle(chunk: PushedChunk): void {
    this.#chunks.delete(chunk.index);
    const copies = (chunk.held ?? 0) + chunk.receipts.size;
    if (copies > 0) this.#requests.push({ kind: "settle", index: chunk.index, copies });
    else this.#requests.push({ kind: "give-up", index: chunk.index });
  }

  #send(chunk: PushedChunk): void {
    const rests = (id: SeederId) => (this.#seeders.get(id)?.restsUntilMs ?? 0) > this.nowMs;
    const ordered = [
      ...chunk.places.filter((id) => !rests(id)),
      ...chunk.places.filter((id) => rests(id)),
    ];
    const missing = chunk.wanted - (chunk.held ?? 0) - chunk.receipts.size;
    const [first, ...chain] = ordered.slice(0, missing);
    if (first === undefined) return;
    this.#chunks.set(chunk.index, {
      ...chunk,
      places: ordered.slice(missing),
      sending: { first, startedMs: this.nowMs },
    });
    const limitMs = this.#sendLimitMs();
    this.#requests.push({ kind: "send", index: chunk.index, first, chain, limitMs });
  }

  #rest(seederId: SeederId): void {
    const before = this.#seeders.get(seederId) ?? { failuresInRow: 0, restsUntilMs: 0 };
    // What failed together is one failure.
    if (before.restsUntilMs > this.nowMs) return;
    const { restFirstMs, restMostMs } = this.settings;
    this.#seeders.set(seederId, {
      failuresInRow: before.failuresInRow + 1,
      restsUntilMs: this.nowMs +
        Math.min(restMostMs, restFirstMs * 2 ** Math.min(before.failuresInRow, 20)),
    });
  }

  /** A reply comes only when every copy is synced, so a send is judged by what is usual here. */
  #sendLimitMs(): number {
    const { sendFirstMs, sendFactor, sendLeastMs, sendMostMs } = this.settings;
    if (this.#usualSendMs === undefined) return sendFirstMs;
    return Math.min(sendMostMs, Math.max(sendLeastMs, sendFactor * this.#usualSendMs));
  }
}
