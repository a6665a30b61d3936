/**
 * Finds the records of a pack file that has no sidecar: the newest one, one from before a crash, or
 * one whose sidecar was lost. Bodies are hashed, since after a power cut a head may have reached
 * the disk and its body not. Where a head is damaged the next good one is searched for: nothing
 * else is lost. It changes nothing.
 */
import { chunkIdOf } from "../../../protocol/mod.ts";
import type { DiskFile } from "../../kit/disk.ts";
import {
  type Bytes,
  packHeadBytes,
  readPackHead,
  readRecordHead,
  type RecordHead,
  recordHeadBytes,
  recordMagic,
} from "./pack_format.ts";

export interface PackRecord extends RecordHead {
  /** Where the record's head begins. */
  readonly offset: number;
}

export interface PackContents {
  readonly sizeBytes: number;
  /** Absent when the pack head is damaged. */
  readonly salt: Bytes | undefined;
  /** In the order written. */
  readonly records: readonly PackRecord[];
  /** Runs of bytes that belong to no good record, ends excluded. */
  readonly gaps: readonly { readonly start: number; readonly end: number }[];
}

const windowBytes = 1024 * 1024;

export async function scanPack(file: DiskFile): Promise<PackContents> {
  const sizeBytes = await file.sizeBytes();
  const window = new ReadWindow(file, sizeBytes);
  const salt = readPackHead(await window.at(0, packHeadBytes));
  const records: PackRecord[] = [];
  const gaps: { start: number; end: number }[] = [];

  async function recordAt(offset: number): Promise<PackRecord | "corrupt" | undefined> {
    const head = readRecordHead(salt, await window.at(offset, recordHeadBytes));
    if (head === undefined || offset + recordHeadBytes + head.sizeBytes > sizeBytes) {
      return undefined;
    }
    const record = { ...head, offset };
    if (head.kind === "drop") return record;
    const body = await window.at(offset + recordHeadBytes, head.sizeBytes);
    if (chunkIdOf(body) === head.chunkId) return record;
    // The body's size is certain only under a checked head.
    if (salt === undefined) return undefined;
    gaps.push({ start: offset, end: endOf(record) });
    return "corrupt";
  }

  let at = packHeadBytes;
  if (salt === undefined) gaps.push({ start: 0, end: Math.min(packHeadBytes, sizeBytes) });
  while (at < sizeBytes) {
    const record = await recordAt(at);
    if (record === "corrupt") {
      at = gaps.at(-1)?.end ?? sizeBytes;
    } else if (record !== undefined) {
      records.push(record);
      at = endOf(record);
    } else {
      const next = await window.find(recordMagic, at + 1) ?? sizeBytes;
      const gap = gaps.at(-1);
      if (gap !== undefined && gap.end === at) gap.end = next;
      else gaps.push({ start: at, end: next });
      at = next;
    }
  }
  return { sizeBytes, salt, records, gaps };
}

export function endOf(record: PackRecord): number {
  return record.offset + recordHeadBytes + record.sizeBytes;
}

/** Reads a file front to back in large pieces. */
class ReadWindow {
  #start = 0;
  #bytes: Bytes = new Uint8Array();

  constructor(private readonly file: DiskFile, private readonly sizeBytes: number) {}

  /** `count` bytes at `offset`, fewer where the file ends. Good until the next call. */
  async at(offset: number, count: number): Promise<Bytes> {
    const wanted = Math.max(0, Math.min(count, this.sizeBytes - offset));
    const inside = offset - this.#start;
    if (inside < 0 || inside + wanted > this.#bytes.length) {
      const buffer = new Uint8Array(
        Math.min(Math.max(windowBytes, wanted), Math.max(0, this.sizeBytes - offset)),
      );
      this.#bytes = buffer.subarray(0, await this.file.read(buffer, offset));
      this.#start = offset;
      return this.#bytes.subarray(0, wanted);
    }
    return this.#bytes.subarray(inside, inside + wanted);
  }

  /** Where `text` begins at `from` or later. */
  async find(text: Bytes, from: number): Promise<number | undefined> {
    for (let at = from; at + text.length <= this.sizeBytes;) {
      const bytes = await this.at(at, Math.min(windowBytes, this.sizeBytes - at));
      for (
        let i = bytes.indexOf(text[0] ?? 0);
        i !== -1 && i + text.length <= bytes.length;
        i = bytes.indexOf(text[0] ?? 0, i + 1)
      ) {
        if (text.every((byte, j) => bytes[i + j] === byte)) return at + i;
      }
      if (bytes.length < text.length) return undefined;
      at += bytes.length - text.length + 1;
    }
    return undefined;
  }
}
