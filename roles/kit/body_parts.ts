/**
 * A body from the network as parts, within a size and a time: whoever stays silent, dawdles or goes
 * on for too long is given up, so that no sender holds memory, a file or a connection for ever.
 */
import { Fault, joined, limits, sizeText } from "../../protocol/mod.ts";
import type { Clock } from "./clock.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How long a body of so many bytes may take in all. */
export function bodyMsMax(sizeBytes: number): number {
  return limits.bodySilenceMs + sizeBytes * 1000 / limits.bodyBytesPerSecondMin;
}

/**
 * The parts of `body` in order, within the time that `sizeBytes` may take: how many bytes come,
 * whoever takes them counts. A caller that stops early lets go of the body. However the connection
 * broke, the fault is `truncated-body`.
 */
export async function* bodyParts(
  clock: Clock,
  body: ReadableStream<Bytes>,
  sizeBytes: number,
): AsyncGenerator<Bytes, void, undefined> {
  const reader = body.getReader();
  const done = new AbortController();
  const endMs = clock.now() + bodyMsMax(sizeBytes);
  let heard = true;
  let late = "";
  // One watch a body: a timer a part would cost more than the part.
  const watch = async () => {
    while (heard && clock.now() < endMs) {
      heard = false;
      await clock.sleep(Math.min(limits.bodySilenceMs, endMs - clock.now()), done.signal);
    }
    late = heard ? "the body took too long" : "the sender was silent for too long";
    await reader.cancel(new Error(late));
  };
  watch().catch(() => {});
  let ended = false;
  try {
    while (true) {
      const next = await read(reader);
      heard = true;
      if (late !== "") throw new Fault("truncated-body", late);
      if (next === undefined) {
        ended = true;
        return;
      }
      yield next;
      heard = true;
    }
  } finally {
    done.abort();
    if (!ended) reader.cancel().catch(() => {});
  }
}

/**
 * All of a body.
 * @param take asked before each part is kept
 * @throws Fault as `bodyParts`; `body-too-large`; what `take` throws
 */
export async function readBody(
  clock: Clock,
  body: ReadableStream<Bytes>,
  most: number,
  take?: (bytes: number) => Promise<void>,
): Promise<Bytes> {
  const parts: Bytes[] = [];
  let total = 0;
  for await (const part of bodyParts(clock, body, most)) {
    total += part.length;
    if (total > most) throw new Fault("body-too-large", `more than ${sizeText(most)}`);
    await take?.(part.length);
    parts.push(part);
  }
  return joined(parts);
}

async function read(reader: ReadableStreamDefaultReader<Bytes>): Promise<Bytes | undefined> {
  try {
    const { done, value } = await reader.read();
    return done ? undefined : value;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault("truncated-body", "the connection broke before the body ended", { cause });
  }
}
