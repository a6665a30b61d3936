/**
 * Downloads: finds files in batches, fetches each from all its holders at once, and gives every
 * file its name only when it is whole, verified and synced. Files of one chunk go many at a time
 * and share the sync of their directories; larger ones leave a part to go on with. A file that
 * fails becomes a result with its fault, and the others go on.
 */
import { asFault, Fault, limits, type SeederId, type Target } from "../../../protocol/mod.ts";
import { type ChunkBuffers, pooledBuffers } from "./buffers.ts";
import { type KnownSeeder, locate, type LocatedPage, ManifestPages } from "./download_pages.ts";
import { fetchChunks } from "./download_run.ts";
import { interrupted, linkedController } from "../cluster/interruption.ts";
import { Lane, produced, type ResultQueue } from "./lanes.ts";
import { LocalPart } from "./local_file.ts";
import { localDirectoryOf, localFault } from "./local_names.ts";
import type { Session } from "../cluster/session.ts";
import type { FileResult, TransferObserver } from "./transfer.ts";
import { transferSettings } from "./transfer_settings.ts";
import { WorkPlaces } from "./work_places.ts";

export interface DownloadWanted {
  readonly target: Target;
  readonly localPath: string;
  /** For messages. */
  readonly name: string;
}

export interface DownloadOptions {
  /** Take the place of files that are there; without it they are refused with `local-exists`. */
  readonly force: boolean;
  /** Modes as they are in the cluster: set-uid and the like too, and whatever the umask says. */
  readonly preserve?: boolean;
  readonly signal?: AbortSignal;
  readonly observer: TransferObserver;
}

/**
 * One result per file, in the order they are done. Directories must be there. Throws `interrupted`
 * when the signal fires; parts are kept.
 */
export async function* downloadFiles(
  session: Session,
  wanted: AsyncIterable<DownloadWanted> | Iterable<DownloadWanted>,
  options: DownloadOptions,
): AsyncGenerator<FileResult> {
  const { controller, release } = linkedController(options.signal);
  try {
    yield* produced<FileResult>(controller, async (queue, signal) => {
      const downloads = new Downloads(session, options, queue, signal);
      try {
        for await (const batch of batchesOf(wanted, transferSettings.locateFiles, signal)) {
          await downloads.start(batch);
        }
      } finally {
        await downloads.settled();
      }
      if (signal.aborted) throw interrupted(signal);
    });
  } finally {
    release();
  }
}

async function* batchesOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  most: number,
  signal: AbortSignal,
): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    if (signal.aborted) throw interrupted(signal);
    batch.push(item);
    if (batch.length < most) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

class Downloads {
  readonly #small = new Lane(transferSettings.smallFilesAtOnce);
  readonly #large = new Lane(transferSettings.largeFilesAtOnce);
  readonly #buffers: ChunkBuffers = pooledBuffers(transferSettings.bufferBytesMost);
  readonly #seeders = new Map<SeederId, KnownSeeder>();
  readonly #places: WorkPlaces;

  constructor(
    private readonly session: Session,
    private readonly options: DownloadOptions,
    private readonly queue: ResultQueue<FileResult>,
    private readonly signal: AbortSignal,
  ) {
    this.#places = new WorkPlaces(session.disk, session.random);
  }

  async settled(): Promise<void> {
    await this.#small.settled();
    await this.#large.settled();
  }

  /** Returns when all files of the batch have begun and the small ones are done. */
  async start(batch: readonly DownloadWanted[]): Promise<void> {
    const pages = await this.#locate(batch);
    const finished: FileResult[] = [];
    for (const [i, wanted] of batch.entries()) {
      const page = pages[i];
      if (this.signal.aborted) throw interrupted(this.signal);
      if (page === undefined || page instanceof Fault) {
        const fault = page ?? new Fault("internal", "the tracker left a file out");
        void this.queue.push({ path: wanted.localPath, sizeBytes: 0, fault });
        continue;
      }
      this.options.observer.expect(page.file.sizeBytes);
      if (page.file.chunkCount <= 1) {
        await this.#small.start(async () => {
          finished.push(await this.#download(wanted, page));
        });
      } else {
        await this.#large.start(async () => {
          const result = await this.#download(wanted, page);
          for (const named of await this.#named([result])) void this.queue.push(named);
        });
      }
    }
    await this.#small.settled();
    for (const result of await this.#named(finished)) void this.queue.push(result);
  }

  async #locate(batch: readonly DownloadWanted[]): Promise<(LocatedPage | Fault)[]> {
    const targets = batch.map((one) => one.target);
    const most = limits.manifestPageChunksMax;
    try {
      return await locate(this.session, this.#seeders, targets, 0, most, this.signal);
    } catch (error) {
      if (this.signal.aborted) throw error;
      return batch.map(() => asFault(error));
    }
  }

  async #download(wanted: DownloadWanted, page: LocatedPage): Promise<FileResult> {
    const { file } = page;
    const told = { path: wanted.localPath, sizeBytes: file.sizeBytes, versionId: file.versionId };
    const { observer } = this.options;
    let bytesMoved = 0;
    const counting: TransferObserver = {
      expect: (bytes) => observer.expect(bytes),
      note: (text) => observer.note(text),
      advance: (bytes, seeder) => {
        if (seeder !== undefined) bytesMoved += bytes;
        observer.advance(bytes, seeder);
      },
    };
    try {
      await this.#fetch(wanted, page, counting);
      return { ...told, bytesMoved };
    } catch (error) {
      return { ...told, bytesMoved, fault: asFault(error) };
    }
  }

  async #fetch(
    wanted: DownloadWanted,
    page: LocatedPage,
    observer: TransferObserver,
  ): Promise<void> {
    const { session, options } = this;
    const { file } = page;
    const { controller, release } = linkedController(this.signal);
    const part = await LocalPart.open({
      disk: session.disk,
      clock: session.clock,
      places: this.#places,
      localPath: wanted.localPath,
      file,
      force: options.force,
      resumable: file.chunkCount > 1,
      preserve: options.preserve === true,
    }).catch((error) => {
      release();
      throw error;
    });
    try {
      const pages = new ManifestPages(
        session,
        page,
        this.#seeders,
        limits.manifestPageChunksMax,
        controller.signal,
      );
      const digest = await fetchChunks({
        session,
        pages,
        from: 0,
        to: file.chunkCount,
        windowChunks: transferSettings.windowChunks,
        buffers: this.#buffers,
        observer,
        here: (index, entry) => part.has(index, entry, this.#buffers, controller.signal),
        accept: (index, bytes) => part.write(index, bytes),
        controller,
      });
      if (digest !== file.manifestDigest) {
        throw new Fault(
          "digest-mismatch",
          `${wanted.name}: the manifest is not the committed one`,
          {
            next: "run the command again; if it persists, look into the tracker's log",
          },
        );
      }
      await part.finish();
    } catch (error) {
      await part.giveUp();
      throw error;
    } finally {
      release();
    }
  }

  /** Results whose names survive a power cut: one sync for each directory that got a file. */
  async #named(results: readonly FileResult[]): Promise<FileResult[]> {
    const faults = new Map<string, Fault>();
    const done = results.filter((one) => one.fault === undefined);
    for (const directory of new Set(done.map((one) => localDirectoryOf(one.path)))) {
      try {
        await localFault(() => this.session.disk.syncDirectory(directory));
      } catch (error) {
        faults.set(directory, asFault(error));
      }
    }
    return results.map((one) => {
      const fault = one.fault ?? faults.get(localDirectoryOf(one.path));
      return fault === undefined ? one : { ...one, fault };
    });
  }
}
