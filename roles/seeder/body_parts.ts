/**
 * A body from the network as parts: whoever stays silent for too long is given up, so that a sender
 * that died holds neither memory nor a temporary file for ever.
 */
import { Fault } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A sender at 56 kbit/s shows a part far more often; a dead one never. */
export const silenceMsMax = 30_000;

/**
 * The parts of `body` in order. A caller that stops early lets go of the body. However the
 * connection broke, the fault is `truncated-body`.
 */
export async function* bodyParts(
  clock: Clock,
  body: ReadableStream<Bytes>,
): AsyncGenerator<Bytes, void, undefined> {
  const reader = body.getReader();
  const done = new AbortController();
  let heard = true;
  let silent = false;
  // One watch a body: a timer a part would cost more than the part.
  const watch = async () => {
    while (heard) {
      heard = false;
      await clock.sleep(silenceMsMax, done.signal);
    }
    silent = true;
    await reader.cancel(new Error("the sender is silent"));
  };
  watch().catch(() => {});
  let ended = false;
  try {
    while (true) {
      const next = await read(reader);
      heard = true;
      if (silent) {
        throw new Fault("truncated-body", `nothing came for ${silenceMsMax / 1000} s`);
      }
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

async function read(reader: ReadableStreamDefaultReader<Bytes>): Promise<Bytes | undefined> {
  try {
    const { done, value } = await reader.read();
    return done ? undefined : value;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault("truncated-body", "the connection broke before the body ended", { cause });
  }
}
