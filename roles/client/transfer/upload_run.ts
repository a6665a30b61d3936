/**
 * Carries out a push plan for all files of one command: chunks go in, and come back settled with
 * their receipts. Questions for places are gathered into one call at a time; sends are PUTs of one
 * chunk, or with `batched` POSTs of all small chunks that go to the same seeder. What is learned
 * about a seeder with one file serves the next. Files, manifests and commits are elsewhere.
 */
import {
  asFault,
  type BatchItem,
  type Chain,
  type ChunkEntry,
  encodeBatch,
  Fault,
  faultOf,
  limits,
  type NamedSeeder,
  type Place,
  type Receipt,
  type SeederId,
  shownFor,
  type StoreReply,
  type UploadId,
} from "../../../protocol/mod.ts";
import {
  emptyPushState,
  planPush,
  type PushEvent,
  type PushRequest,
  type PushSettings,
} from "../plan/push_plan.ts";
import { whileAlive } from "../../kit/life.ts";
import type { SeederConnection, Session } from "../cluster/session.ts";
import { withStallWatch } from "./stall.ts";
import type { TransferObserver } from "./transfer.ts";

export interface PushRunParts {
  readonly session: Session;
  readonly observer: TransferObserver;
  readonly settings: PushSettings;
  readonly batched: boolean;
  /** Filled while the run goes on; a seeder that is not in it is shown by its id. */
  readonly names: ReadonlyMap<SeederId, string>;
  readonly signal: AbortSignal;
}

export interface ChunkToPush {
  readonly uploadId: UploadId;
  readonly entry: ChunkEntry;
  /** Not touched by the caller until the chunk is settled. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface SettledChunk {
  readonly receipts: readonly Receipt[];
  /** The seeder the bytes were sent to first; undefined when none had to be sent. */
  readonly through: string | undefined;
}

interface OpenChunk extends ChunkToPush {
  readonly settle: (settled: SettledChunk) => void;
  readonly fail: (fault: Fault) => void;
  readonly places: Map<SeederId, Place>;
  /** All places of the tracker's latest answer: what their leaves were made for. */
  named: NamedSeeder[];
  readonly receipts: Receipt[];
  through: string | undefined;
  lastFault: Fault | undefined;
}

type SendRequest = PushRequest & { kind: "send" };
type PlaceQuestion = PushRequest & { kind: "place" };

export class PushRun {
  readonly #open = new Map<number, OpenChunk>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #noted = new Set<SeederId>();
  #state = emptyPushState;
  #next = 0;
  #toPlace: PlaceQuestion[] = [];
  #toSend: SendRequest[] = [];
  #placing = false;
  #flushing = false;

  constructor(private readonly parts: PushRunParts) {
    parts.signal.addEventListener("abort", () => {
      for (const chunk of this.#open.values()) chunk.fail(asFault(parts.signal.reason));
      this.#open.clear();
    }, { once: true });
  }

  /**
   * Resolves when the chunk has at least one copy; rejects with the fault that kept it from that.
   */
  push(chunk: ChunkToPush): Promise<SettledChunk> {
    if (this.parts.signal.aborted) return Promise.reject(this.parts.signal.reason);
    const index = this.#next++;
    return new Promise((settle, fail) => {
      const fresh = {
        ...{ places: new Map(), named: [], receipts: [] },
        ...{ through: undefined, lastFault: undefined },
      };
      this.#open.set(index, { ...chunk, settle, fail, ...fresh });
      const nowMs = this.parts.session.clock.now();
      this.#reduce({ kind: "hashed", index, sizeBytes: chunk.entry.sizeBytes, nowMs });
    });
  }

  /** Resolves when no request is under way any more. */
  async settled(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
  }

  #reduce(event: PushEvent): void {
    if (this.parts.signal.aborted) return;
    const step = planPush(this.#state, event, this.parts.settings);
    this.#state = step.state;
    for (const request of step.requests) this.#carryOut(request);
  }

  #carryOut(request: PushRequest): void {
    const chunk = this.#open.get(request.index);
    if (chunk === undefined) return;
    if (request.kind === "place") this.#toPlace.push(request);
    else if (request.kind === "send") this.#toSend.push(request);
    else {
      this.#open.delete(request.index);
      const { receipts, through } = chunk;
      if (request.kind === "settle") return chunk.settle({ receipts, through });
      return chunk.fail(
        chunk.lastFault ?? new Fault("too-few-seeders", "no seeder took the chunk"),
      );
    }
    if (this.#flushing) return;
    this.#flushing = true;
    // What is asked for in one turn travels together.
    this.#spawn(async () => {
      await Promise.resolve();
      this.#flushing = false;
      this.#flush();
    });
  }

  #spawn(work: () => Promise<void>): void {
    const task: Promise<void> = work().finally(() => this.#tasks.delete(task));
    // Work turns its failures into events; what still gets out must not be lost.
    task.catch((fault) => this.parts.session.log.error("a transfer task failed", { fault }));
    this.#tasks.add(task);
  }

  #flush(): void {
    const sends = this.#toSend;
    this.#toSend = [];
    if (this.parts.batched) {
      for (const group of this.#grouped(sends)) this.#spawn(() => this.#sendBatch(group));
    } else {
      for (const send of sends) this.#spawn(() => this.#sendOne(send));
    }
    if (this.#placing || this.#toPlace.length === 0) return;
    const questions = this.#toPlace.splice(0, limits.batchItemsMax);
    this.#placing = true;
    this.#spawn(async () => {
      try {
        await this.#place(questions);
      } finally {
        this.#placing = false;
        this.#flush();
      }
    });
  }

  async #place(questions: readonly PlaceQuestion[]): Promise<void> {
    const { session, signal } = this.parts;
    const asked = questions.flatMap(({ index, avoid }) => {
      const chunk = this.#open.get(index);
      return chunk === undefined ? [] : [{ index, avoid, chunk }];
    });
    if (asked.length === 0) return;
    const chunks = asked.map(({ avoid, chunk }) => ({
      ...chunk.entry,
      uploadId: chunk.uploadId,
      avoid: [...avoid],
    }));
    const reply = await session.tracker.placeChunks({ chunks }, { signal }).catch(asFault);
    const nowMs = session.clock.now();
    for (const [i, { index, chunk }] of asked.entries()) {
      const result = reply instanceof Fault ? reply : reply.results[i];
      if (result === undefined || result instanceof Fault || !result.ok) {
        chunk.lastFault = result === undefined
          ? new Fault("internal", "the tracker left a chunk out")
          : result instanceof Fault
          ? result
          : faultOf(result.problem);
        this.#reduce({ kind: "unplaced", index, nowMs });
        continue;
      }
      const { held, wanted, places } = result.placement;
      for (const place of places) chunk.places.set(place.seederId, place);
      chunk.named = places.map(({ seederId, address }) => ({ seederId, address }));
      const ids = places.map((place) => place.seederId);
      this.#reduce({ kind: "placed", index, held, wanted, places: ids, nowMs });
    }
  }

  /** The way on to these, of whom the tracker's latest answer named all. */
  #chainOf(chunk: OpenChunk, ids: readonly SeederId[]): { chain?: Chain } {
    const links = ids.flatMap((seederId) => {
      const place = chunk.places.get(seederId);
      return place === undefined ? [] : [{ seederId, leave: place.leave }];
    });
    return links.length === 0 ? {} : { chain: { named: chunk.named, links } };
  }

  async #sendOne(request: SendRequest): Promise<void> {
    const chunk = this.#open.get(request.index);
    const place = chunk?.places.get(request.first);
    if (chunk === undefined || place === undefined) return;
    const { chain } = this.#chainOf(chunk, request.chain);
    const { entry, bytes } = chunk;
    const name = this.#nameOf(request.first);
    const seeder = this.parts.session.seeder(place.address, name);
    const input = {
      chunkId: entry.chunkId,
      size: String(entry.sizeBytes),
      leave: place.leave,
      ...(chain === undefined ? {} : { chain: JSON.stringify(chain) }),
    };
    try {
      const reply = await this.#watched(
        request.limitMs,
        name,
        seeder,
        (signal) => seeder.storeChunk(input, { bytes, signal }),
      );
      this.#stored(request, reply);
    } catch (error) {
      this.#failed(request, asFault(error));
    }
  }

  /** Sends that fit one body and go to one seeder. */
  #grouped(sends: readonly SendRequest[]): SendRequest[][] {
    const groups: SendRequest[][] = [];
    const filling = new Map<SeederId, { group: SendRequest[]; bytes: number }>();
    for (const send of sends) {
      const bytes = (this.#open.get(send.index)?.entry.sizeBytes ?? 0) + headBytesMost;
      let current = filling.get(send.first);
      const full = current !== undefined &&
        (current.bytes + bytes > limits.chunkBatchBytesMax ||
          current.group.length === limits.chunkBatchItemsMax);
      if (current === undefined || full) {
        current = { group: [], bytes: 0 };
        filling.set(send.first, current);
        groups.push(current.group);
      }
      current.group.push(send);
      current.bytes += bytes;
    }
    return groups;
  }

  async #sendBatch(group: readonly SendRequest[]): Promise<void> {
    const items: BatchItem[] = [];
    const sent: SendRequest[] = [];
    let address = "";
    for (const send of group) {
      const chunk = this.#open.get(send.index);
      const place = chunk?.places.get(send.first);
      if (chunk === undefined || place === undefined) continue;
      const head = { ...chunk.entry, leave: place.leave, ...this.#chainOf(chunk, send.chain) };
      items.push({ head, bytes: chunk.bytes });
      sent.push(send);
      address = place.address;
    }
    const [one] = sent;
    if (one === undefined) return;
    const name = this.#nameOf(one.first);
    const seeder = this.parts.session.seeder(address, name);
    const bytes = encodeBatch(items);
    const limitMs = Math.max(...sent.map((send) => send.limitMs));
    try {
      const reply = await this.#watched(
        limitMs,
        name,
        seeder,
        (signal) => seeder.storeBatch(shownFor(items), { bytes, signal }),
      );
      const missing = new Fault("internal", `${name} left a chunk of a batch without an answer`);
      for (const [i, send] of sent.entries()) {
        const result = reply.results[i];
        const answered = result?.chunkId === items[i]?.head.chunkId;
        if (result !== undefined && answered) this.#stored(send, result);
        else this.#failed(send, missing);
      }
    } catch (error) {
      for (const send of sent) this.#failed(send, asFault(error));
    }
  }

  /**
   * A send is judged as a whole: its reply comes only when every copy is on disk. Meanwhile the
   * seeder must be there.
   */
  async #watched<T>(
    limitMs: number,
    name: string,
    seeder: SeederConnection,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { session: { clock }, signal: outer } = this.parts;
    const late = () =>
      new Fault("seeder-unreachable", `${name} did not answer for ${Math.round(limitMs / 1000)} s`);
    const ask = (signal: AbortSignal) => seeder.health({}, { signal });
    return await withStallWatch(
      clock,
      limitMs,
      outer,
      late,
      (signal) => whileAlive({ clock, name, ask, signal }, work),
    );
  }

  #stored(request: SendRequest, reply: StoreReply): void {
    const chunk = this.#open.get(request.index);
    if (chunk === undefined) return;
    const asked = [request.first, ...request.chain];
    const receipts = reply.receipts.filter((one) => asked.includes(one.seederId));
    const refused = reply.failures.filter((one) => asked.includes(one.seederId));
    for (const { seederId, problem } of refused) {
      chunk.lastFault = this.#told(seederId, faultOf(problem));
      this.#note(seederId, chunk.lastFault);
    }
    const own = refused.find((one) => one.seederId === request.first);
    if (receipts.length === 0 && own !== undefined) {
      return this.#failed(request, faultOf(own.problem));
    }
    chunk.receipts.push(...receipts);
    if (receipts.length > 0) chunk.through ??= this.#nameOf(request.first);
    this.#reduce({
      kind: "stored",
      index: request.index,
      first: request.first,
      receipts: receipts.map((one) => one.seederId),
      failures: refused.map((one) => one.seederId),
      nowMs: this.parts.session.clock.now(),
    });
  }

  #failed(request: SendRequest, fault: Fault): void {
    const { session, signal } = this.parts;
    const chunk = this.#open.get(request.index);
    if (chunk === undefined || signal.aborted) return;
    chunk.lastFault = this.#told(request.first, fault);
    const why = isLeaveCode(fault.code) ? "leave" : "failed";
    if (why === "failed") this.#note(request.first, fault);
    session.log.debug("send failed", { seederId: request.first, fault });
    const { index, first } = request;
    this.#reduce({ kind: "failed", index, first, why, nowMs: session.clock.now() });
  }

  /** A leave that is good elsewhere: another seeder answers at the address of this one. */
  #told(seederId: SeederId, fault: Fault): Fault {
    if (fault.code !== "leave-invalid") return fault;
    const name = this.#nameOf(seederId);
    return new Fault("seeder-unreachable", `${name} refuses its leaves: it joined anew, or moved`, {
      cause: fault,
    });
  }

  #nameOf(seederId: SeederId): string {
    return this.parts.names.get(seederId) ?? `seeder ${seederId.slice(0, 8)}`;
  }

  /** One line a seeder, not one a chunk. */
  #note(seederId: SeederId, fault: Fault): void {
    if (this.#noted.has(seederId)) return;
    this.#noted.add(seederId);
    this.parts.observer.note(
      `${this.#nameOf(seederId)} took no copy (${fault.message}); sending to others`,
    );
  }
}

/** A generous bound for the head of a batch item with a full chain, so that a body never bursts. */
const headBytesMost = 4_096;

function isLeaveCode(code: string): boolean {
  return code === "leave-expired" || code === "leave-invalid";
}
