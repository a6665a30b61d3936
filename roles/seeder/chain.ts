/**
 * The way of a chunk on to the next seeder. The bytes are passed on while they come in, and a few
 * of them wait here when the next seeder is slower; one that takes nothing for too long is given
 * up. What happens to the next seeder never touches the copy that is made here.
 */
import {
  asFault,
  type Chain,
  checkNamed,
  type ChunkId,
  connect,
  type Connection,
  Fault,
  type Leave,
  type Place,
  problemOf,
  seederRoutes,
  type StoreReply,
  type Transport,
} from "../../protocol/mod.ts";
import { type Clock, withDeadline } from "../kit/clock.ts";
import { whileAlive } from "../kit/life.ts";
import type { WaitingBytes } from "./waiting_bytes.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A chunk of the default size fits whole, so a slow neighbour does not slow down this copy. */
const waitingBytesMax = 4 * 1024 * 1024;
/** Longer than a busy disk takes for one sync, shorter than a client waits. */
const stallMsMax = 15_000;
/** The next seeder, and those behind it, answer when all is synced. */
export const chainReplyMsMax = 30_000;

/** To whom a chunk goes on from here, and what that seeder is told to do with it. */
export interface WayOn {
  readonly next: Place;
  readonly rest: Chain | undefined;
}

/**
 * Undefined where the chain ends here.
 * @throws Fault `leave-invalid` where the chain names a seeder that the tracker did not name
 */
export function wayOn(leave: Leave, chain: Chain | undefined): WayOn | undefined {
  const [next, ...rest] = chain?.links ?? [];
  if (chain === undefined || next === undefined) return undefined;
  const { named } = chain;
  checkNamed(leave, named);
  const found = named.find(({ seederId }) => seederId === next.seederId);
  if (found === undefined) {
    throw new Fault("leave-invalid", `no leave to pass the chunk on to seeder ${next.seederId}`);
  }
  return {
    next: { ...found, ...next },
    rest: rest.length === 0 ? undefined : { named, links: rest },
  };
}

/** What became of the links of a chain when the way to the first of them failed. */
export function failuresOf(chain: Chain | undefined, error: unknown): StoreReply["failures"] {
  const links = chain?.links ?? [];
  const fault = asFault(error);
  return links.map((link, i) => ({
    seederId: link.seederId,
    problem: problemOf(
      i === 0 ? fault : new Fault(
        "seeder-unreachable",
        `seeder ${links[0]?.seederId} before it in the chain failed: ${fault.message}`,
      ),
    ),
  }));
}

/** How to ask the next seeder whether it is there. */
export function lifeOf(seeder: Connection<typeof seederRoutes>, next: Place) {
  return {
    name: `seeder ${next.seederId}`,
    ask: (signal: AbortSignal) => seeder.health({}, { signal }),
  };
}

export class ChainRelay {
  readonly #reply: Promise<StoreReply>;
  readonly #give = new AbortController();
  #controller: ReadableStreamDefaultController<Bytes> | undefined;
  #room: (() => void) | undefined;
  /** Bytes in the stream, counted among those that wait in this process. */
  #held = 0;
  /** All of it is in the stream; the rest of it is still on its way. */
  #whole = false;
  #over = false;

  constructor(
    private readonly by: {
      readonly clock: Clock;
      readonly transport: Transport;
      readonly waiting: WaitingBytes;
    },
    { next, rest }: WayOn,
    private readonly chain: Chain,
    chunkId: ChunkId,
    sizeBytes: number,
  ) {
    const stream = new ReadableStream<Bytes>({
      start: (controller) => void (this.#controller = controller),
      pull: () => {
        this.#count();
        this.#room?.();
      },
      cancel: () => this.#end(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: waitingBytesMax }));
    const { clock, transport } = by;
    const seeder = connect(seederRoutes, next.address, transport, `seeder ${next.seederId}`);
    const input = {
      chunkId,
      size: String(sizeBytes),
      leave: next.leave,
      ...(rest === undefined ? {} : { chain: JSON.stringify(rest) }),
    };
    this.#reply = whileAlive(
      { clock, ...lifeOf(seeder, next), signal: this.#give.signal },
      (signal) => seeder.storeChunk(input, { bytes: stream, signal }),
    );
    // Whatever the outcome, nothing more is to be passed on; it is looked at in `finish`.
    this.#reply.then(() => this.#end(), () => this.#end());
  }

  /** Resolves when there is room for more. Never throws. */
  async pass(part: Bytes): Promise<void> {
    if (this.#over || this.#whole) return;
    try {
      await this.by.waiting.take(part.length);
    } catch (fault) {
      return this.abort(asFault(fault));
    }
    this.#held += part.length;
    if (this.#over) return this.#count();
    this.#controller?.enqueue(part);
    if ((this.#controller?.desiredSize ?? 1) > 0) return;
    const room = new Promise<void>((resolve) => this.#room = resolve);
    const taken = new AbortController();
    const stalled = this.by.clock.sleep(stallMsMax, taken.signal).then(
      () => this.abort(new Fault("seeder-unreachable", `took nothing for ${stallMsMax / 1000} s`)),
      () => {},
    );
    await Promise.race([room, stalled]);
    taken.abort();
  }

  /** The bytes are all there. What became of the links. */
  async finish(): Promise<StoreReply> {
    if (!this.#over) this.#controller?.close();
    this.#whole = true;
    try {
      const late = () => new Fault("seeder-unreachable", "gave no answer in time");
      return await withDeadline(this.by.clock, chainReplyMsMax, undefined, late, (signal) => {
        const onAbort = () => this.#give.abort(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        return this.#reply;
      });
    } catch (error) {
      return { receipts: [], failures: failuresOf(this.chain, error) };
    }
  }

  /** The next seeder is told that the rest will not come, and stores nothing. */
  abort(reason: Fault): void {
    if (this.#over || this.#whole) return;
    this.#controller?.error(reason);
    this.#end();
    this.#give.abort(reason);
  }

  /** Gives back the room of what has left the stream. */
  #count(): void {
    const room = this.#over ? waitingBytesMax : this.#controller?.desiredSize ?? waitingBytesMax;
    const held = waitingBytesMax - room;
    this.by.waiting.give(this.#held - held);
    this.#held = held;
  }

  #end(): void {
    this.#over = true;
    this.#count();
    this.#room?.();
  }
}
