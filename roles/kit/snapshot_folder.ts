/**
 * Snapshots on a disk, the same at the tracker and at seeders: one file each, named by its
 * operation and the first digits of its digest. A file has its name only when it is whole, checked
 * and synced; before that it is a `.part` that goes on where its last whole line ends. What the
 * rows say is not known here, nor which snapshots are worth keeping.
 */
import {
  asFault,
  Fault,
  isSameSnapshot,
  limits,
  SnapshotCheck,
  type SnapshotHead,
  type SnapshotMark,
} from "../../protocol/mod.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { linesOf } from "./lines.ts";
import type { Log } from "./log.ts";

const suffix = ".snapshot";

function nameOf({ sequence, digest }: SnapshotMark): string {
  return `${String(sequence).padStart(12, "0")}-${digest.slice(0, 8)}${suffix}`;
}

export class SnapshotFolder {
  /** Checked in this process, in ascending order. */
  #marks: SnapshotMark[] = [];

  constructor(
    readonly disk: Disk,
    readonly directory: string,
    private readonly log: Log,
  ) {}

  /**
   * Reads every file to its end; those that are not whole are renamed and no longer counted.
   */
  async open(): Promise<void> {
    await this.disk.makeDirectory(this.directory);
    this.#marks = [];
    for (const { name, kind } of await this.disk.list(this.directory)) {
      if (kind !== "file" || !/^\d{12,}-[0-9a-f]{8}\.snapshot$/.test(name)) continue;
      const path = `${this.directory}/${name}`;
      try {
        const mark = (await readSnapshot(this.disk, path)).mark;
        if (mark === undefined || nameOf(mark) !== name) throw notWhole(path);
        this.#add(mark);
      } catch (fault) {
        if (asFault(fault).code !== "config-corrupt") throw fault;
        await this.#setAside(path, fault);
      }
    }
  }

  /** Whole and checked, in ascending order. */
  get marks(): readonly SnapshotMark[] {
    return this.#marks;
  }

  has(mark: SnapshotMark): boolean {
    return this.#marks.some((each) => isSameSnapshot(each, mark));
  }

  at(sequence: number): SnapshotMark | undefined {
    return this.#marks.find((each) => each.sequence === sequence);
  }

  pathOf(mark: SnapshotMark): string {
    return `${this.directory}/${nameOf(mark)}`;
  }

  /** Reads it again; false, and it is set aside, when it is damaged. */
  async verify(mark: SnapshotMark): Promise<boolean> {
    try {
      const check = await readSnapshot(this.disk, this.pathOf(mark));
      if (check.mark === undefined || !isSameSnapshot(check.mark, mark)) {
        throw notWhole(this.pathOf(mark));
      }
      return true;
    } catch (fault) {
      if (asFault(fault).code !== "config-corrupt") throw fault;
      await this.#setAside(this.pathOf(mark), fault);
      this.#marks = this.#marks.filter((each) => !isSameSnapshot(each, mark));
      return false;
    }
  }

  /** Whole lines from `offset` on, as many as fit a message; empty at the end. */
  async read(mark: SnapshotMark, offset: number): Promise<string> {
    const file = await this.disk.open(this.pathOf(mark), "read");
    try {
      const buffer = new Uint8Array(limits.snapshotPageBytesMax);
      const bytes = buffer.subarray(0, await file.read(buffer, offset));
      return new TextDecoder().decode(bytes.subarray(0, bytes.lastIndexOf(10) + 1));
    } finally {
      file.close();
    }
  }

  async remove(mark: SnapshotMark): Promise<void> {
    this.#marks = this.#marks.filter((each) => !isSameSnapshot(each, mark));
    await this.disk.remove(this.pathOf(mark));
  }

  /** The head of a snapshot that is here. */
  async head(mark: SnapshotMark): Promise<SnapshotHead> {
    const check = new SnapshotCheck();
    for await (const line of linesOf(this.disk, this.pathOf(mark))) {
      check.take(line);
      break;
    }
    if (check.head === undefined) throw notWhole(this.pathOf(mark));
    return check.head;
  }

  /** Goes on with a snapshot that comes in parts. */
  async receive(mark: SnapshotMark): Promise<SnapshotReceiver> {
    const path = `${this.pathOf(mark)}.part`;
    return await SnapshotReceiver.open(this.disk, path, mark, async () => {
      await this.disk.rename(path, this.pathOf(mark));
      await this.disk.syncDirectory(this.directory);
      this.#add(mark);
    });
  }

  /** A file that was written here under another name, synced and whole, gets its own. */
  async adopt(path: string, mark: SnapshotMark): Promise<void> {
    await this.disk.rename(path, this.pathOf(mark));
    await this.disk.syncDirectory(this.directory);
    this.#add(mark);
  }

  /** Removes parts of snapshots that are none of these. */
  async sweep(wanted: readonly SnapshotMark[]): Promise<void> {
    const names = wanted.map((mark) => `${nameOf(mark)}.part`);
    for (const { name } of await this.disk.list(this.directory)) {
      if (!name.endsWith(`${suffix}.part`) || names.includes(name)) continue;
      await this.disk.remove(`${this.directory}/${name}`);
    }
  }

  #add(mark: SnapshotMark): void {
    const others = this.#marks.filter((each) => !isSameSnapshot(each, mark));
    this.#marks = [...others, mark].sort((a, b) => a.sequence - b.sequence);
  }

  /** Those that are none of these go to another folder. */
  async moveOthers(kept: readonly SnapshotMark[], directory: string): Promise<void> {
    for (const mark of this.#marks) {
      if (kept.some((each) => isSameSnapshot(each, mark))) continue;
      await this.disk.rename(this.pathOf(mark), `${directory}/${nameOf(mark)}`);
      this.#marks = this.#marks.filter((each) => each !== mark);
    }
    await this.disk.syncDirectory(directory);
    await this.disk.syncDirectory(this.directory);
  }

  async #setAside(path: string, fault: unknown): Promise<void> {
    this.log.warn("a snapshot is damaged and left aside", { path, fault });
    await this.disk.rename(path, `${path}.damaged`);
  }
}

/** One snapshot on its way in. */
export class SnapshotReceiver {
  #closed = false;
  #shown = 0;

  private constructor(
    private readonly disk: Disk,
    private readonly path: string,
    private readonly mark: SnapshotMark,
    private readonly file: DiskFile,
    private readonly check: SnapshotCheck,
    private readonly whole: () => Promise<void>,
  ) {}

  static async open(
    disk: Disk,
    path: string,
    mark: SnapshotMark,
    whole: () => Promise<void>,
  ): Promise<SnapshotReceiver> {
    const there = await disk.stat(path) !== undefined;
    const check = there ? await wholeLines(disk, path) : new SnapshotCheck();
    const file = await disk.open(path, there ? "update" : "create");
    await file.truncate(check.sizeBytes);
    return new SnapshotReceiver(disk, path, mark, file, check, whole);
  }

  /** From where more is wanted. */
  get offset(): number {
    return this.check.sizeBytes;
  }

  /** What of the file's next part is not here yet; parts are given from its beginning on. */
  restOf(text: string): string {
    const bytes = new TextEncoder().encode(text);
    const known = Math.min(bytes.length, Math.max(0, this.offset - this.#shown));
    this.#shown += bytes.length;
    return new TextDecoder().decode(bytes.subarray(known));
  }

  /**
   * Takes the next lines; true when it is whole now, synced and under its name. @throws Fault
   * `config-corrupt` when they are damaged or another snapshot's, and what was there is removed
   */
  async take(text: string): Promise<boolean> {
    const { offset } = this;
    try {
      if (!text.endsWith("\n")) throw notWhole(this.path);
      for (const line of text.slice(0, -1).split("\n")) this.check.take(line);
      const { mark } = this.check;
      if (mark !== undefined && !isSameSnapshot(mark, this.mark)) throw notWhole(this.path);
    } catch (fault) {
      this.close();
      await this.disk.remove(this.path);
      throw fault;
    }
    await this.file.write(new TextEncoder().encode(text), offset);
    if (this.check.mark === undefined) return false;
    await this.file.sync();
    this.close();
    await this.whole();
    return true;
  }

  close(): void {
    if (!this.#closed) this.file.close();
    this.#closed = true;
  }
}

/** What of an unfinished file is whole. */
async function wholeLines(disk: Disk, path: string): Promise<SnapshotCheck> {
  const check = new SnapshotCheck();
  try {
    for await (const line of linesOf(disk, path)) check.take(line);
  } catch (fault) {
    if (asFault(fault).code !== "config-corrupt") throw fault;
  }
  // All lines and still unfinished: the last did not reach the disk as it was checked.
  return check.mark === undefined ? check : new SnapshotCheck();
}

/**
 * Reads a snapshot, telling `row` of each row; its mark is there when it is whole. @throws Fault
 * `config-corrupt` at the first line that is damaged
 */
export async function readSnapshot(
  disk: Disk,
  path: string,
  row: (value: unknown) => Promise<void> = () => Promise.resolve(),
): Promise<SnapshotCheck> {
  const check = new SnapshotCheck();
  for await (const line of linesOf(disk, path)) {
    const value = check.take(line);
    if (value !== undefined) await row(value);
  }
  return check;
}

function notWhole(path: string): Fault {
  return new Fault("config-corrupt", `the snapshot ${path} is not whole`, {
    next: "take an older snapshot, or that of another seeder",
  });
}
