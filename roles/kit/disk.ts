/**
 * The file system as a thing passed in. The real one is `system_disk.ts`; the simulator's keeps
 * what was written but not synced apart, and loses it when its machine crashes.
 *
 * Every failure is a Fault: `local-not-found`, `local-exists`, `is-a-directory`, `not-a-directory`,
 * `directory-not-empty`, `disk-full`, `disk-unusable` (no permission, read-only) or `disk-failed`.
 */
export interface DiskFile {
  /** Reads at `offset` until `buffer` is full or the file ends; how many bytes were read. */
  read(buffer: Uint8Array<ArrayBuffer>, offset: number): Promise<number>;
  /** Writes all of `bytes` at `offset`. Calls on one file are carried out in the order made. */
  write(bytes: Uint8Array<ArrayBuffer>, offset: number): Promise<void>;
  sizeBytes(): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  /** Returns when contents and size survive a power cut. The name needs `syncDirectory` as well. */
  sync(): Promise<void>;
  /** Of what was opened, whatever its name leads to by now. */
  stat(): Promise<DiskStat>;
  /** False while another handle of this file has the lock. It ends with the handle or process. */
  tryLock(): Promise<boolean>;
  close(): void;
}

export type DiskEntryKind = "file" | "directory" | "link" | "other";

export interface DiskStat {
  readonly kind: DiskEntryKind;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Unix permission bits, the three above the usual nine included. */
  readonly mode: number;
  /** Its number on the file system: another file of the same name has another. */
  readonly inode: number;
  /** The file system it is on. */
  readonly device: number;
  /** When names in it, contents or attributes changed last; nobody can set this. */
  readonly changedMs: number;
  /** How many names it has. */
  readonly links: number;
  /** The number of the user it belongs to. */
  readonly owner: number;
}

/** Whether both are of one file, whatever it is called. */
export function isSameFile(
  one: Pick<DiskStat, "inode" | "device"> | undefined,
  other: Pick<DiskStat, "inode" | "device"> | undefined,
): boolean {
  return one !== undefined && one.inode === other?.inode && one.device === other.device;
}

export interface DiskSpace {
  readonly totalBytes: number;
  /** What this process may still write. */
  readonly freeBytes: number;
}

/**
 * Names are text. One whose bytes are no UTF-8 is text that is not well-formed (`foreignName`):
 * it can be told to a person, and every call with it fails with `invalid-name`.
 */
export interface Disk {
  /**
   * `read`: must exist. `update`: must exist, read and write. `create`: must not exist, read and
   * write; `mode` is what it has at most from its first moment, less what the umask takes.
   * `plain`: to read a file that is there; what is a link, a pipe or a device is refused, without
   * waiting for one that writes into it.
   */
  open(path: string, how: "read" | "update" | "create" | "plain", mode?: number): Promise<DiskFile>;
  /** The bytes from `start` to `end`, end excluded, by the fastest way there is to a socket. */
  stream(
    path: string,
    start: number,
    end: number,
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
  /** Takes the place of a file that is there, in one step. */
  rename(from: string, to: string): Promise<void>;
  /** Of a file only. Throws `local-exists` when the name is taken, by whatever it is. */
  renameIfFree(from: string, to: string): Promise<void>;
  /** A file, a link, or an empty directory. */
  remove(path: string): Promise<void>;
  /** With parents; nothing happens when it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Without parents; it must not be there. `mode` less what the umask takes. */
  makeNewDirectory(path: string, mode: number): Promise<void>;
  /** In no particular order. */
  list(path: string): Promise<{ name: string; kind: DiskEntryKind }[]>;
  /** Of the entry itself, not of what a link leads to; undefined when there is none. */
  stat(path: string): Promise<DiskStat | undefined>;
  /** What a path leads to, links followed, made absolute. */
  realPath(path: string): Promise<string>;
  readLink(path: string): Promise<string>;
  makeLink(path: string, target: string): Promise<void>;
  /** Links are followed. */
  setAttributes(path: string, attributes: { mode: number; modifiedMs?: number }): Promise<void>;
  /** Returns when the names in this directory survive a power cut. */
  syncDirectory(path: string): Promise<void>;
  /** Of the file system that holds `path`. */
  space(path: string): Promise<DiskSpace>;
}

/** The bytes from `start` to `end`, end excluded, of an open file, which is closed at the end. */
export function streamOf(
  file: DiskFile,
  start: number,
  end: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let offset = start;
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>) => {
    const buffer = new Uint8Array(Math.min(streamPartBytes, end - offset));
    let count = 0;
    try {
      if (buffer.length > 0) count = await file.read(buffer, offset);
    } catch (error) {
      file.close();
      throw error;
    }
    offset += count;
    if (count > 0) controller.enqueue(buffer.subarray(0, count));
    if (count > 0 && offset < end) return;
    file.close();
    controller.close();
  };
  return new ReadableStream({ pull, cancel: () => file.close() }, { highWaterMark: 0 });
}
const streamPartBytes = 65_536;

/** The whole file, or undefined when there is none. For small files only. */
export async function readWhole(
  disk: Disk,
  path: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (await disk.stat(path) === undefined) return undefined;
  const file = await disk.open(path, "read");
  try {
    const bytes = new Uint8Array(await file.sizeBytes());
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    file.close();
  }
}

const unfinished = ".new";

/** Removes what a crash left of files that `writeDurably` was writing in this directory. */
export async function removeUnfinished(disk: Disk, directory: string): Promise<void> {
  if (await disk.stat(directory) === undefined) return;
  for (const { name, kind } of await disk.list(directory)) {
    if (kind !== "file" || !name.endsWith(unfinished)) continue;
    await disk.remove(`${directory}/${name}`).catch(() => {});
  }
}

/**
 * Writes a small file so that after a power cut it holds either what it held before or all of
 * `bytes`: temporary name in the same directory, write, sync, rename, sync the directory. With
 * `attributes` the file has them before anything is written: a secret is never open to others.
 */
export async function writeDurably(
  disk: Disk,
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
  attributes?: { mode: number; modifiedMs: number },
): Promise<void> {
  const temporary = `${path}${unfinished}`;
  if (await disk.stat(temporary) !== undefined) await disk.remove(temporary);
  const file = await disk.open(temporary, "create", attributes?.mode);
  try {
    try {
      if (attributes !== undefined) await disk.setAttributes(temporary, attributes);
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    await disk.remove(temporary).catch(() => {});
    throw error;
  }
  await disk.syncDirectory(path.slice(0, Math.max(1, path.lastIndexOf("/"))));
}
