/**
 * The tracker looks at a chunk's bytes itself, where the answers of its holders do not tell which
 * of them are right. One chunk at a time, as a stream, from one holder after another until one
 * sends bytes whose SHA-256 is the chunk's id: so it knows the answer to the question asked.
 *
 * A third seeder that fetches the chunk could tell the same, and its word would be one more word:
 * of seeders that lie together it may be one (docs/decisions/0018-proof-of-copies.md).
 */
import {
  asFault,
  type ChunkEntry,
  connect,
  Fault,
  limits,
  makeLeave,
  type SeederId,
  seederRoutes,
  startAnswer,
  startDigest,
  type Transport,
} from "../../../protocol/mod.ts";
import { type Clock, withDeadline } from "../../kit/clock.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";

/** At this speed a chunk is still waited for. */
const slowestBytesPerMs = 256;

export interface WitnessNeeds extends Pick<Ground, "leases" | "now" | "sleep" | "log"> {
  readonly members: Members;
}

export class Witness {
  readonly #ended = new AbortController();
  #looking: Promise<void> | undefined;

  /** @param transport without one the tracker cannot look, and what is in doubt stays so */
  constructor(private readonly transport: Transport | undefined) {}

  /**
   * Begins to look, and tells the right answer to `nonce`, or undefined when none of these sent the
   * chunk. False when it looks at another one.
   */
  look(
    core: WitnessNeeds,
    chunk: ChunkEntry,
    nonce: string,
    holders: readonly SeederId[],
    told: (truth: string | undefined) => void,
  ): boolean {
    if (this.#looking !== undefined) return false;
    this.#looking = this.#fromEach(core, chunk, nonce, holders).then((truth) => {
      this.#looking = undefined;
      told(truth);
    });
    return true;
  }

  async close(): Promise<void> {
    this.#ended.abort(new Fault("unavailable", "the tracker ends"));
    await this.#looking;
  }

  async #fromEach(
    core: WitnessNeeds,
    chunk: ChunkEntry,
    nonce: string,
    holders: readonly SeederId[],
  ): Promise<string | undefined> {
    for (const seederId of holders) {
      try {
        const truth = await this.#from(core, chunk, nonce, seederId);
        if (truth !== undefined) return truth;
        core.log.warn("a seeder sent other bytes for a chunk", { seederId, ...chunk });
      } catch (error) {
        const { chunkId } = chunk;
        core.log.info("a chunk could not be looked at", {
          seederId,
          chunkId,
          fault: asFault(error),
        });
      }
      if (this.#ended.signal.aborted) return undefined;
    }
    return undefined;
  }

  async #from(
    core: WitnessNeeds,
    { chunkId, sizeBytes }: ChunkEntry,
    nonce: string,
    seederId: SeederId,
  ): Promise<string | undefined> {
    const address = core.members.get(seederId)?.row.address;
    if (address === undefined || this.transport === undefined) return undefined;
    const endMs = core.leases.now() + limits.leaveLifeMs;
    const subject = { action: "read", chunkId, sizeBytes } as const;
    const leave = makeLeave(core.members.keyOf(seederId), subject, endMs);
    const seeder = connect(seederRoutes, address, this.transport, `seeder ${seederId}`);
    const clock: Clock = { now: core.now, sleep: core.sleep };
    const waitMs = limits.trackerCallMs + Math.ceil(sizeBytes / slowestBytesPerMs);
    const late = () => new Fault("seeder-unreachable", `seeder ${seederId} takes too long`);
    return await withDeadline(clock, waitMs, this.#ended.signal, late, async (signal) => {
      const input = { chunkId, size: String(sizeBytes), leave };
      const response = await seeder.readChunk(input, { signal });
      const id = startDigest(), answer = startAnswer(nonce);
      let left = sizeBytes;
      for await (const part of partsOf(response, signal)) {
        left -= part.length;
        if (left < 0) return undefined;
        id.update(part);
        answer.update(part);
      }
      return id.hex() === chunkId ? answer.hex() : undefined;
    });
  }
}

/** Let go of when the signal fires, also while nothing comes. */
async function* partsOf(
  response: Response,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const onAbort = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    reader.cancel().catch(() => {});
  }
}
