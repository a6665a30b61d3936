/**
 * A file or a range of it as a stream: verified bytes in order, fetched a few chunks ahead from all
 * holders at once. A chunk is fetched whole even where few of its bytes are wanted, because only
 * whole chunks can be verified.
 */
import { chunksOfRange, Fault, type SeederId, type Target } from "../../../protocol/mod.ts";
import { freshBuffers } from "./buffers.ts";
import { type KnownSeeder, locate, ManifestPages } from "./download_pages.ts";
import { chunksInFlightOf, fetchChunks } from "./download_run.ts";
import { linkedController } from "../cluster/interruption.ts";
import { produced, type ResultQueue } from "./lanes.ts";
import type { Session } from "../cluster/session.ts";
import { silentObserver, type TransferObserver } from "./transfer.ts";

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly observer?: TransferObserver;
}

/** Located at once for the first look, and again as the stream goes on. */
const pageChunks = 256;

/**
 * The bytes from `start` to `end`, end excluded and clipped to the file; all of it without a range.
 * The parts belong to the reader. Throws what finding or fetching may throw, `interrupted` when the
 * signal fires, and `range-not-satisfiable` for a start past the end.
 */
export async function* readFile(
  session: Session,
  target: Target,
  range: { readonly start: number; readonly end?: number } | undefined,
  options: ReadOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { controller, release } = linkedController(options.signal);
  try {
    yield* produced<Uint8Array<ArrayBuffer>>(
      controller,
      (queue) => fetchInOrder(session, target, range, options, controller, queue),
    );
  } finally {
    release();
  }
}

async function fetchInOrder(
  session: Session,
  target: Target,
  range: { readonly start: number; readonly end?: number } | undefined,
  options: ReadOptions,
  controller: AbortController,
  queue: ResultQueue<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const { signal } = controller;
  const seeders = new Map<SeederId, KnownSeeder>();
  const start = range?.start ?? 0;
  // Where a range begins in chunks is known only when the file is.
  const look = start === 0 ? pageChunks : 1;
  const [page] = await locate(session, seeders, [target], 0, look, signal);
  if (page === undefined || page instanceof Fault) throw page;
  const { file } = page;
  const end = Math.min(range?.end ?? file.sizeBytes, file.sizeBytes);
  if (start > file.sizeBytes) {
    const detail = `${file.path} has ${file.sizeBytes} bytes, none at ${start}`;
    throw new Fault("range-not-satisfiable", detail);
  }
  const chunks = chunksOfRange(start, end, file.chunkSizeBytes);
  const from = chunks?.first ?? 0;
  const to = chunks === undefined ? 0 : chunks.last + 1;
  const wholeBytes = Math.min(to * file.chunkSizeBytes, file.sizeBytes);
  if (to > from) options.observer?.expect(wholeBytes - from * file.chunkSizeBytes);

  const waiting = new Map<number, { bytes: Uint8Array<ArrayBuffer>; taken: () => void }>();
  signal.addEventListener("abort", () => {
    for (const { taken } of waiting.values()) taken();
  }, { once: true });
  let next = from;
  const deliver = () => {
    for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(next)) {
      waiting.delete(next);
      const offset = next * file.chunkSizeBytes;
      const wanted = ready.bytes.subarray(Math.max(0, start - offset), end - offset);
      next++;
      queue.push(wanted).then(ready.taken);
    }
  };
  const digest = await fetchChunks({
    session,
    pages: new ManifestPages(session, page, seeders, pageChunks, signal),
    from,
    to,
    // A chunk counts until the reader is done with it, so this is also how far it is read ahead.
    windowChunks: chunksInFlightOf(file.chunkSizeBytes),
    buffers: freshBuffers,
    observer: options.observer ?? silentObserver,
    accept: async (index, bytes) => {
      if (signal.aborted) return;
      await new Promise<void>((taken) => {
        waiting.set(index, { bytes, taken });
        deliver();
      });
    },
    controller,
  });
  if (from === 0 && to === file.chunkCount && digest !== file.manifestDigest) {
    throw new Fault("digest-mismatch", `${file.path}: the manifest is not the committed one`, {
      next: "run the command again; if it persists, look into the tracker's log",
    });
  }
}
