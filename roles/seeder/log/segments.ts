/**
 * A seeder's copy of the tracker's log: files of lines in one folder, each line a record that tells
 * by itself whether it is whole, each file naming the record before its first. Only appended to; a
 * file that has grown large is left and a new one begun. What was not synced when the power went is
 * cut off at the next start and asked for again. What the records say is not known here.
 */
import type * as z from "zod";
import {
  type ClusterId,
  Fault,
  followsIn,
  limits,
  LogFileHead,
  logLine,
  logOrigin,
  type LogPosition,
  LogRecord,
  positionOf,
  readLogLine,
} from "../../../protocol/mod.ts";
import { type Disk, type DiskFile, readWhole } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";

const suffix = ".log";

/** The file whose first record has this sequence. */
function nameOf(first: number): string {
  return `${String(first).padStart(12, "0")}${suffix}`;
}

interface Parsed {
  readonly head: z.output<typeof LogFileHead>;
  readonly records: LogRecord[];
  /** Where the good lines end. */
  readonly endBytes: number;
  readonly whole: boolean;
}

export class LogSegments {
  /** Sequences of the first records of the files, in order. */
  #firsts: number[] = [];
  #position: LogPosition = logOrigin;
  #after: LogPosition = logOrigin;
  #isRolling = false;
  #open: { file: DiskFile; sizeBytes: number } | undefined;

  private constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    private readonly log: Log,
  ) {}

  /** Reads the newest file; those before it are read when they are asked for. */
  static async open(disk: Disk, directory: string, log: Log): Promise<LogSegments> {
    const segments = new LogSegments(disk, directory, log);
    await disk.makeDirectory(directory);
    // The folder may be as new as the first file in it: its name must last as well.
    await disk.syncDirectory(directory.slice(0, Math.max(1, directory.lastIndexOf("/"))));
    await segments.#read();
    return segments;
  }

  /** The last record, synced. */
  get position(): LogPosition {
    return this.#position;
  }

  /** The record before the first: what was before that is in a snapshot. */
  get after(): LogPosition {
    return this.#after;
  }

  /**
   * Resolves when the records are synced. @throws `config-corrupt` when they do not follow; disk's
   */
  async append(clusterId: ClusterId, records: readonly LogRecord[]): Promise<void> {
    let position = this.#position;
    for (const record of records) {
      if (!followsIn(position, record)) {
        throw new Fault("config-corrupt", `record ${record.sequence} does not follow`);
      }
      position = positionOf(record);
    }
    if (records.length === 0) return;
    const open = await this.#openFile(clusterId);
    const bytes = new TextEncoder().encode(records.map(logLine).join(""));
    try {
      await open.file.write(bytes, open.sizeBytes);
      await open.file.sync();
    } catch (fault) {
      // What was written of it is not known: read again before anything else is appended.
      await this.#reopen();
      throw fault;
    }
    open.sizeBytes += bytes.length;
    this.#position = position;
  }

  /**
   * Records after `sequence` from the one file they begin in, as many as fit a message; none at the
   * end.
   * @throws Fault `config-corrupt` when they are damaged
   */
  async read(sequence: number): Promise<LogRecord[]> {
    if (sequence >= this.#position.sequence) return [];
    const first = this.#firsts.findLast((each) => each <= sequence + 1);
    const parsed = first === undefined ? undefined : await this.#parse(first);
    const wanted = parsed?.records.filter((record) => record.sequence > sequence) ?? [];
    if (wanted[0]?.sequence !== sequence + 1) {
      throw new Fault("config-corrupt", `record ${sequence + 1} of the log is damaged here`);
    }
    let bytes = 0;
    const end = wanted.findIndex(({ text }, i) =>
      (bytes += text.length) >= limits.logPageBytesMax || i + 1 === limits.logPageRecordsMax
    );
    return wanted.slice(0, end === -1 ? wanted.length : end + 1);
  }

  /** The whole copy goes into a folder of its own, and a new one begins. */
  async setAside(kind: "aside" | "old" = "aside"): Promise<string> {
    this.#close();
    const aside = `${this.directory}/${kind}-${this.#position.sequence}-${this.#position.epoch}`;
    await this.disk.makeDirectory(aside);
    for (const first of this.#firsts) {
      await this.disk.rename(`${this.directory}/${nameOf(first)}`, `${aside}/${nameOf(first)}`);
    }
    await this.disk.syncDirectory(aside);
    await this.disk.syncDirectory(this.directory);
    this.#firsts = [];
    this.#position = this.#after = logOrigin;
    return aside;
  }

  /**
   * Begins anew after a snapshot that is on this disk. What was here goes into a folder of its own,
   * until `trim` takes it away.
   */
  async beginAfter(clusterId: ClusterId, position: LogPosition): Promise<void> {
    if (this.#firsts.length > 0) await this.setAside("old");
    this.#position = this.#after = position;
    this.#open = await this.#begin(clusterId);
  }

  /** The whole copy goes. */
  async discard(): Promise<void> {
    this.#close();
    // The newest first: what is left by a crash is a copy that ends earlier.
    for (let first = this.#firsts.at(-1); first !== undefined; first = this.#firsts.at(-1)) {
      await this.disk.remove(`${this.directory}/${nameOf(first)}`);
      this.#firsts.pop();
    }
    await this.disk.syncDirectory(this.directory);
    this.#position = this.#after = logOrigin;
  }

  /** The next record begins a new file, so that those before can go one day. */
  roll(): void {
    this.#isRolling = true;
  }

  /** Removes what is not needed by someone who has a snapshot at this operation. */
  async trim(sequence: number): Promise<void> {
    for (let second = this.#firsts[1]; second !== undefined; second = this.#firsts[1]) {
      if (second > sequence + 1) break;
      const [first] = this.#firsts.splice(0, 1);
      if (first !== undefined) await this.disk.remove(`${this.directory}/${nameOf(first)}`);
      await this.#readAfter();
    }
    for (const { name } of await this.disk.list(this.directory)) {
      const old = /^old-(\d+)-\d+$/.exec(name)?.[1];
      if (old === undefined || Number(old) > sequence) continue;
      const directory = `${this.directory}/${name}`;
      for (const file of await this.disk.list(directory)) {
        await this.disk.remove(`${directory}/${file.name}`);
      }
      await this.disk.remove(directory);
    }
    await this.disk.syncDirectory(this.directory);
  }

  close(): void {
    this.#close();
  }

  #close(): void {
    this.#open?.file.close();
    this.#open = undefined;
  }

  async #reopen(): Promise<void> {
    this.#close();
    try {
      await this.#read();
    } catch (fault) {
      this.log.error("the log cannot be read again", { fault });
      throw fault;
    }
  }

  async #read(): Promise<void> {
    const entries = await this.disk.list(this.directory);
    this.#firsts = entries.filter(({ name, kind }) =>
      kind === "file" && /^\d{12,}\.log$/.test(name)
    ).map(({ name }) => Number.parseInt(name)).sort((a, b) => a - b);
    this.#position = logOrigin;
    await this.#readAfter();
    for (let first = this.#firsts.at(-1); first !== undefined; first = this.#firsts.at(-1)) {
      const parsed = await this.#parse(first);
      if (parsed !== undefined) {
        if (!parsed.whole) await this.#cut(first, parsed.endBytes);
        const last = parsed.records.at(-1);
        this.#position = last === undefined ? parsed.head.after : positionOf(last);
        return;
      }
      // Without its first line nothing in it was ever synced, or it is damaged: kept, not used.
      const path = `${this.directory}/${nameOf(first)}`;
      this.log.warn("a file of the log cannot be read and is left aside", { path });
      await this.disk.rename(path, `${path}.damaged`);
      this.#firsts.pop();
    }
  }

  /** From the head of the oldest file. */
  async #readAfter(): Promise<void> {
    const [first] = this.#firsts;
    const parsed = first === undefined ? undefined : await this.#parse(first);
    this.#after = parsed?.head.after ?? logOrigin;
  }

  async #cut(first: number, endBytes: number): Promise<void> {
    const path = `${this.directory}/${nameOf(first)}`;
    const file = await this.disk.open(path, "update");
    try {
      this.log.warn("the end of the log was not whole", { path, endBytes });
      await file.truncate(endBytes);
      await file.sync();
    } finally {
      file.close();
    }
  }

  async #openFile(clusterId: ClusterId): Promise<{ file: DiskFile; sizeBytes: number }> {
    if (this.#isRolling) {
      this.#isRolling = false;
      this.#close();
      if (this.#firsts.at(-1) !== this.#position.sequence + 1) {
        return this.#open = await this.#begin(clusterId);
      }
    }
    if (this.#open !== undefined && this.#open.sizeBytes < limits.logSegmentBytesMax) {
      return this.#open;
    }
    this.#close();
    const first = this.#firsts.at(-1);
    if (first !== undefined) {
      const file = await this.disk.open(`${this.directory}/${nameOf(first)}`, "update");
      const sizeBytes = await file.sizeBytes();
      if (sizeBytes < limits.logSegmentBytesMax) return this.#open = { file, sizeBytes };
      file.close();
    }
    return this.#open = await this.#begin(clusterId);
  }

  async #begin(clusterId: ClusterId): Promise<{ file: DiskFile; sizeBytes: number }> {
    const first = this.#position.sequence + 1;
    const path = `${this.directory}/${nameOf(first)}`;
    const head = { format: "offshore log 1", clusterId, after: this.#position } as const;
    const bytes = new TextEncoder().encode(logLine(head));
    const file = await this.disk.open(path, "create");
    try {
      await file.write(bytes, 0);
      await file.sync();
      await this.disk.syncDirectory(this.directory);
    } catch (fault) {
      file.close();
      await this.disk.remove(path).catch(() => {});
      throw fault;
    }
    this.#firsts.push(first);
    return { file, sizeBytes: bytes.length };
  }

  /** The good lines of a file; undefined when not even the first is. */
  async #parse(first: number): Promise<Parsed | undefined> {
    const bytes = await readWhole(this.disk, `${this.directory}/${nameOf(first)}`);
    if (bytes === undefined) return undefined;
    const decoder = new TextDecoder();
    let head: z.output<typeof LogFileHead> | undefined;
    let position = logOrigin;
    const records: LogRecord[] = [];
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      const line = decoder.decode(bytes.subarray(start, end));
      if (head === undefined) {
        head = readLogLine(LogFileHead, line);
        if (head?.after.sequence !== first - 1) return undefined;
        position = head.after;
      } else {
        const record = readLogLine(LogRecord, line);
        if (record === undefined || !followsIn(position, record)) break;
        records.push(record);
        position = positionOf(record);
      }
      start = end + 1;
    }
    if (head === undefined) return undefined;
    return { head, records, endBytes: start, whole: start === bytes.length };
  }
}
