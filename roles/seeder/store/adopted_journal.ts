/**
 * The journal of adopted files on disk: lines are appended, found again by where they begin, and
 * read from front to back at the start. Nothing in it is precious: what a crash tears off is found
 * again by looking at the files, and a journal that cannot be read at all is set aside.
 */
import { Fault } from "../../../protocol/mod.ts";
import type { Disk, DiskFile } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import { type AdoptedLine, encodeLine, readLine } from "./adopted_format.ts";

const blockBytes = 256 * 1024;

export interface PlacedLine {
  readonly at: number;
  readonly line: AdoptedLine;
}

type ReadLine = PlacedLine & { readonly nextAt: number };

export class AdoptedJournal {
  #file: DiskFile | undefined;
  #sizeBytes = 0;
  #unsynced = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly disk: Disk,
    readonly path: string,
    private readonly log: Log,
  ) {}

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Opens the journal, or begins one, and hands every good line to `take` in order. What follows
   * the last good line is cut off.
   */
  async open(take: (placed: PlacedLine) => Promise<void> | undefined): Promise<void> {
    if (await this.disk.stat(this.path) === undefined) return await this.#begin();
    this.#file = await this.disk.open(this.path, "update");
    const wholeBytes = await this.#file.sizeBytes();
    this.#sizeBytes = wholeBytes;
    let endBytes = 0, first = true;
    reading: for await (const lines of this.#blocks(0, wholeBytes)) {
      for (const { at, line, nextAt } of lines) {
        if (first && !("format" in line)) break reading;
        first = false;
        // Most lines are taken at once: waiting for each would take longer than reading it.
        const taken = take({ at, line });
        if (taken !== undefined) await taken;
        endBytes = nextAt;
      }
    }
    if (first) return await this.#setAside();
    if (endBytes < wholeBytes) {
      this.log.warn("the end of the journal of adopted files was not whole", { endBytes });
      await this.#file.truncate(endBytes);
      this.#sizeBytes = endBytes;
    }
  }

  async #setAside(): Promise<void> {
    this.log.warn("the journal of adopted files cannot be read, a new one begins", {
      path: this.path,
    });
    this.#file?.close();
    await this.disk.rename(this.path, `${this.path}.damaged`);
    await this.#begin();
  }

  async #begin(): Promise<void> {
    this.#file = await this.disk.open(this.path, "create");
    this.#sizeBytes = 0;
    await this.append([{ format: "offshore adopted 1" }]);
    await this.disk.syncDirectory(this.path.slice(0, this.path.lastIndexOf("/")));
  }

  /** Where each line begins. Safe from a power cut after `sync`. */
  append(lines: readonly AdoptedLine[]): Promise<number[]> {
    return this.#inTurn(async () => {
      const file = this.#opened();
      const encoded = lines.map(encodeLine);
      const total = encoded.reduce((sum, { length }) => sum + length, 0);
      const bytes = new Uint8Array(total);
      const places: number[] = [];
      let at = 0;
      for (const each of encoded) {
        places.push(this.#sizeBytes + at);
        bytes.set(each, at);
        at += each.length;
      }
      try {
        await file.write(bytes, this.#sizeBytes);
      } catch (error) {
        // The next write begins at the same place: half a line must not stay behind it.
        await file.truncate(this.#sizeBytes).catch(() => {});
        throw error;
      }
      this.#unsynced = true;
      this.#sizeBytes += total;
      return places;
    });
  }

  sync(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#unsynced) return;
      await this.#opened().sync();
      this.#unsynced = false;
    });
  }

  /** The lines that begin at `from` or later, up to the end as it is now. */
  async *linesFrom(from: number): AsyncGenerator<PlacedLine> {
    for await (const lines of this.#blocks(from, this.#sizeBytes)) yield* lines;
  }

  /** Some lines at a time. Ends at the first line that is not whole. */
  async *#blocks(from: number, to: number): AsyncGenerator<ReadLine[]> {
    const decoder = new TextDecoder();
    let rest = new Uint8Array(0), restAt = from;
    // One line, most often, is asked for: a short first read, longer ones when it goes on.
    for (let at = from, size = 8 * 1024; at < to; size = blockBytes) {
      const block = new Uint8Array(Math.min(size, to - at));
      const count = await this.#opened().read(block, at);
      if (count === 0) return;
      at += count;
      const bytes = new Uint8Array(rest.length + count);
      bytes.set(rest);
      bytes.set(block.subarray(0, count), rest.length);
      const lines: ReadLine[] = [];
      let start = 0, sound = true;
      for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
        const line = readLine(decoder.decode(bytes.subarray(start, end)));
        sound = line !== undefined;
        if (line === undefined) break;
        lines.push({ at: restAt + start, line, nextAt: restAt + end + 1 });
        start = end + 1;
        if (size < blockBytes) yield lines.splice(0);
      }
      if (lines.length > 0) yield lines;
      if (!sound) return;
      rest = bytes.slice(start);
      restAt += start;
    }
  }

  async close(): Promise<void> {
    await this.sync().catch((fault) =>
      this.log.warn("journal of adopted files not synced", { fault })
    );
    this.#file?.close();
    this.#file = undefined;
  }

  /** Takes the place of what is there: the lines, whole and synced, in one step. */
  async replaceWith(lines: AsyncIterable<AdoptedLine>): Promise<void> {
    const temporary = `${this.path}.new`;
    if (await this.disk.stat(temporary) !== undefined) await this.disk.remove(temporary);
    const fresh = await this.disk.open(temporary, "create");
    try {
      let at = 0;
      for await (const line of lines) {
        const bytes = encodeLine(line);
        await fresh.write(bytes, at);
        at += bytes.length;
      }
      await fresh.sync();
    } finally {
      fresh.close();
    }
    this.#file?.close();
    this.#file = undefined;
    await this.disk.rename(temporary, this.path);
    await this.disk.syncDirectory(this.path.slice(0, this.path.lastIndexOf("/")));
  }

  #opened(): DiskFile {
    if (this.#file !== undefined) return this.#file;
    throw new Fault("unavailable", "the journal of adopted files is closed");
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => {});
    return mine;
  }
}
