/** One chunk from one seeder into one buffer, verified, or a fault and nothing to be used. */
import { type ChunkEntry, Fault, type Leave, limits, startDigest } from "../../../protocol/mod.ts";
import type { FetchFailure } from "../plan/fetch_plan.ts";
import type { Session } from "../cluster/session.ts";
import { withStallWatch } from "./stall.ts";

export interface ChunkSource {
  readonly name: string;
  readonly address: string;
  readonly leave: Leave;
}

/**
 * Fills `buffer`, exactly as long as the chunk. Bytes are hashed as they come.
 * @throws Fault `seeder-unreachable` (also when no byte came for `limits.chunkStallMs`),
 *   `truncated-body`, `size-mismatch`, `digest-mismatch`, or what the seeder answered
 */
export async function readChunkInto(
  session: Session,
  source: ChunkSource,
  entry: ChunkEntry,
  buffer: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<void> {
  const stalled = () =>
    new Fault(
      "seeder-unreachable",
      `${source.name} sent nothing for ${limits.chunkStallMs / 1000} s`,
    );
  await withStallWatch(
    session.clock,
    limits.chunkStallMs,
    signal,
    stalled,
    async (inner, touch) => {
      const response = await session.seeder(source.address, source.name).readChunk(
        { chunkId: entry.chunkId, size: String(entry.sizeBytes), leave: source.leave },
        { signal: inner },
      );
      touch();
      const digest = startDigest();
      const filled = await readBody(response, source.name, buffer, inner, (part) => {
        touch();
        digest.update(part);
      });
      const short = `chunk ${entry.chunkId.slice(0, 12)} from ${source.name}`;
      if (filled < entry.sizeBytes) {
        throw new Fault(
          "truncated-body",
          `${short} ended after ${filled} of ${entry.sizeBytes} bytes`,
        );
      }
      if (digest.hex() !== entry.chunkId) {
        throw new Fault("digest-mismatch", `${short} has wrong bytes`);
      }
    },
  );
}

async function readBody(
  response: Response,
  name: string,
  buffer: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
  seen: (part: Uint8Array<ArrayBuffer>) => void,
): Promise<number> {
  if (response.body === null) return 0;
  const reader = response.body.getReader();
  const onAbort = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  let offset = 0;
  try {
    for (;;) {
      const part = await reader.read().catch((cause) => {
        if (signal.aborted) throw signal.reason;
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new Fault("seeder-unreachable", `${name} broke off: ${why}`, { cause });
      });
      // The buffer may have a new owner by now: not one byte more.
      if (signal.aborted) throw signal.reason;
      if (part.done) return offset;
      if (offset + part.value.length > buffer.length) {
        await reader.cancel().catch(() => {});
        throw new Fault("size-mismatch", `${name} sent more than ${buffer.length} bytes`);
      }
      buffer.set(part.value, offset);
      offset += part.value.length;
      seen(part.value);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What the plan makes of a fault of `readChunkInto`. */
export function fetchFailureOf(fault: Fault): FetchFailure {
  switch (fault.code) {
    case "digest-mismatch":
    case "size-mismatch":
      return "wrong-bytes";
    case "chunk-not-found":
    case "chunk-corrupt":
      return "absent";
    case "leave-expired":
    case "leave-invalid":
      return "leave";
    case "seeder-unreachable":
    case "truncated-body":
      return "unreachable";
    default:
      return "refused";
  }
}
