/**
 * A file on its way to the local disk: bytes gather in a work directory beside it
 * (`work_places.ts`), and of a large file what is already there stands in a sidecar. An interrupted
 * download leaves both, and the next one finds them by what the sidecar says, never by a name a
 * person could have given; it trusts no chunk it has not hashed again. The name itself appears in
 * one step, whole, synced, with mode and time restored.
 *
 * A file has no more rights at any time than it will have: those it had in the cluster, less the
 * three that make a program act for another user, less what the umask takes.
 */
import * as z from "zod";
import {
  type ChunkEntry,
  chunkIdOf,
  Fault,
  type LocatedFile,
  VersionId,
} from "../../../protocol/mod.ts";
import { giveName, type WorkDirectory } from "../../kit/beside.ts";
import type { Clock } from "../../kit/clock.ts";
import { type Disk, type DiskFile, readWhole, writeDurably } from "../../kit/disk.ts";
import type { ChunkBuffers } from "./buffers.ts";
import { localNameOf } from "../local_paths.ts";
import { localDirectoryOf, localFault, specialTarget } from "./local_names.ts";
import { transferSettings } from "./transfer_settings.ts";
import { partName, sidecarName, type WorkPlace, type WorkPlaces } from "./work_places.ts";

/**
 * What the sidecar says: which version the part belongs to and which chunks were synced into it.
 */
const Sidecar = z.strictObject({
  format: z.literal(2),
  /** The last name of the file that it becomes. */
  name: z.string(),
  versionId: VersionId,
  sizeBytes: z.int().min(0),
  chunkSizeBytes: z.int().min(1),
  /** What the part was made with, and its number on the file system. */
  mode: z.int().min(0).max(0o7777),
  inode: z.number(),
  /** One bit a chunk, lowest bit first, base64. */
  done: z.base64(),
});
type Sidecar = z.output<typeof Sidecar>;

export interface LocalPartSettings {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly places: WorkPlaces;
  readonly localPath: string;
  readonly file: LocatedFile;
  /** Take the place of a file that is there. */
  readonly force: boolean;
  /** Whether an interruption shall leave something to go on with. */
  readonly resumable: boolean;
  /** The mode as it is in the cluster, whatever the umask says. */
  readonly preserve: boolean;
}

/** Throws `local-exists` or the like where the name is not free for a file. */
export async function checkNameFree(disk: Disk, localPath: string, force: boolean): Promise<void> {
  const there = await disk.stat(localPath);
  if (there === undefined) return;
  if (there.kind === "directory") {
    throw new Fault("is-a-directory", `${localPath} is a directory`, {
      next: "name a file inside it",
    });
  }
  if (there.kind === "other") throw specialTarget(localPath);
  if (!force) {
    throw new Fault("local-exists", `${localPath} is there already`, {
      next: "choose another name, or replace it: get --force",
    });
  }
}

/** Where a part lies and what is known of it. */
interface Gathering {
  readonly work: WorkDirectory;
  readonly number: number | string;
  readonly file: DiskFile;
  readonly mode: number;
  readonly inode: number;
  readonly done: Uint8Array<ArrayBuffer>;
}

export class LocalPart {
  #unsavedBytes = 0;
  #savedMs: number;
  #closed = false;
  #kept = false;
  #saving: Promise<void> | undefined;

  private constructor(
    private readonly settings: LocalPartSettings,
    private readonly place: WorkPlace,
    private readonly gathering: Gathering,
  ) {
    this.#savedMs = settings.clock.now();
  }

  /** Goes on with a part of the same version, else begins a new one. */
  static async open(settings: LocalPartSettings): Promise<LocalPart> {
    const { disk, localPath, places } = settings;
    const place = await places.enter(localDirectoryOf(localPath));
    try {
      return await localFault(async () => {
        await checkNameFree(disk, localPath, settings.force);
        const kept = settings.resumable ? await findKept(settings, place) : undefined;
        return new LocalPart(settings, place, kept ?? await begin(settings, place));
      });
    } catch (error) {
      await places.leave(place);
      throw error;
    }
  }

  /** Whether the chunk is in the part with the right bytes. */
  async has(
    index: number,
    entry: ChunkEntry,
    buffers: ChunkBuffers,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (((this.gathering.done[index >> 3] ?? 0) & (1 << (index & 7))) === 0) return false;
    const buffer = await buffers.take(entry.sizeBytes, signal);
    try {
      const count = await localFault(() => this.gathering.file.read(buffer, this.#offsetOf(index)));
      if (count === entry.sizeBytes && chunkIdOf(buffer) === entry.chunkId) return true;
    } finally {
      buffers.give(buffer);
    }
    this.gathering.done[index >> 3] = (this.gathering.done[index >> 3] ?? 0) & ~(1 << (index & 7));
    return false;
  }

  async write(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await localFault(() => this.gathering.file.write(bytes, this.#offsetOf(index)));
    this.gathering.done[index >> 3] = (this.gathering.done[index >> 3] ?? 0) | (1 << (index & 7));
    this.#unsavedBytes += bytes.length;
    const dueMs = this.#savedMs + transferSettings.sidecarIntervalMs;
    const due = this.#unsavedBytes >= transferSettings.sidecarBytes ||
      this.settings.clock.now() >= dueMs;
    if (this.settings.resumable && due) await this.save();
  }

  /** Syncs the part, then writes down what was in it before the sync. */
  async save(): Promise<void> {
    this.#saving ??= this.#saveNow().finally(() => this.#saving = undefined);
    await this.#saving;
  }

  async #saveNow(): Promise<void> {
    const { disk, localPath, file: { versionId, sizeBytes, chunkSizeBytes } } = this.settings;
    const { work, number, file, mode, inode } = this.gathering;
    const done = this.gathering.done.toBase64();
    this.#unsavedBytes = 0;
    this.#savedMs = this.settings.clock.now();
    const sidecar: Sidecar = {
      format: 2,
      name: localNameOf(localPath),
      ...{ versionId, sizeBytes, chunkSizeBytes, mode, inode, done },
    };
    await localFault(async () => {
      await file.sync();
      const bytes = new TextEncoder().encode(JSON.stringify(sidecar));
      await writeDurably(disk, `${work.path}/${sidecarName(number)}`, bytes);
      if (!this.#kept) await work.keep();
      this.#kept = true;
    });
  }

  /**
   * Gives the file its name. The name survives a power cut once its directory is synced, which is
   * the caller's to do: many small files share one sync.
   */
  async finish(): Promise<void> {
    const { disk, localPath, file, force, preserve } = this.settings;
    const { work, number, file: part, mode } = this.gathering;
    await localFault(async () => {
      const sizeBytes = await part.sizeBytes();
      if (sizeBytes > file.sizeBytes) await part.truncate(file.sizeBytes);
      if (sizeBytes < file.sizeBytes) {
        throw new Fault("local-failed", `${this.#path} was changed by somebody else`);
      }
      await part.sync();
      const { modifiedMs } = file;
      await disk.setAttributes(this.#path, { mode: preserve ? file.mode : mode, modifiedMs });
      await checkNameFree(disk, localPath, force);
      await giveName(disk, part, this.#path, localPath, force);
      await work.remove(sidecarName(number));
    });
    await this.#close();
  }

  /** After a failure: keeps what can be gone on with, removes what cannot. Never throws. */
  async giveUp(): Promise<void> {
    const { work, number } = this.gathering;
    try {
      if (this.settings.resumable) await this.save();
    } catch {
      // The failure that led here is the one to tell; the part is checked before it is used again.
    }
    if (!this.settings.resumable) await work.remove(nameIn(this.settings, number));
    await this.#close();
  }

  get #path(): string {
    const { work, number } = this.gathering;
    return `${work.path}/${nameIn(this.settings, number)}`;
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.gathering.file.close();
    await this.settings.places.leave(this.place);
  }

  #offsetOf(index: number): number {
    return index * this.settings.file.chunkSizeBytes;
  }
}

/** One that nobody will go on with has a bare number as its name. */
function nameIn({ resumable }: LocalPartSettings, number: number | string): string {
  return resumable ? partName(number) : String(number);
}

async function begin(settings: LocalPartSettings, place: WorkPlace): Promise<Gathering> {
  const { disk, file: { mode, chunkCount } } = settings;
  const work = await place.own();
  const number = work.next();
  const path = `${work.path}/${nameIn(settings, number)}`;
  const file = await disk.open(path, "create", mode & 0o777);
  const made = await file.stat();
  const done = new Uint8Array(Math.ceil(chunkCount / 8));
  return { work, number, file, mode: made.mode, inode: made.inode, done };
}

/**
 * What a dead run left of this version for this name. What it left of other versions for this name
 * goes: nobody will ask for them here again.
 */
async function findKept(
  settings: LocalPartSettings,
  place: WorkPlace,
): Promise<Gathering | undefined> {
  let found: Gathering | undefined;
  for (const work of await place.left()) {
    for (const name of [...work.left]) {
      const [, number] = /^(\d+)\.json$/.exec(name) ?? [];
      if (number === undefined) continue;
      const sidecar = await readSidecar(settings.disk, `${work.path}/${name}`);
      if (sidecar !== undefined && sidecar.name !== localNameOf(settings.localPath)) continue;
      // Whoever has it has it alone.
      if (!work.left.delete(name)) continue;
      found ??= await goOn(settings, work, number, sidecar);
      if (found?.work !== work || found.number !== number) {
        await work.remove(name, partName(number));
      }
    }
  }
  return found;
}

async function goOn(
  settings: LocalPartSettings,
  work: WorkDirectory,
  number: string,
  sidecar: Sidecar | undefined,
): Promise<Gathering | undefined> {
  const { disk, file } = settings;
  if (sidecar === undefined) return undefined;
  const done = Uint8Array.fromBase64(sidecar.done);
  const same = sidecar.versionId === file.versionId && sidecar.sizeBytes === file.sizeBytes &&
    sidecar.chunkSizeBytes === file.chunkSizeBytes &&
    done.length === Math.ceil(file.chunkCount / 8);
  const path = `${work.path}/${partName(number)}`;
  const there = same ? await disk.stat(path) : undefined;
  const { mode, inode } = sidecar;
  // One with a second name may have been given its name already.
  if (there?.kind !== "file" || there.inode !== inode || there.links !== 1) return undefined;
  // Of a file that its owner may not write.
  if ((there.mode & 0o600) !== 0o600) await disk.setAttributes(path, { mode: 0o600 });
  return { work, number, file: await disk.open(path, "update"), mode, inode, done };
}

/** Undefined when it is damaged: beginning again loses time and nothing else. */
async function readSidecar(disk: Disk, path: string): Promise<Sidecar | undefined> {
  try {
    return Sidecar.parse(JSON.parse(new TextDecoder().decode(await readWhole(disk, path))));
  } catch {
    return undefined;
  }
}
