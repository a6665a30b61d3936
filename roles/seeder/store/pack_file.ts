/**
 * One pack that is being written: whole groups of records are appended with one write and one sync.
 * After a failure the group is cut off again; where that fails too, the pack is closed for good,
 * and what follows goes into a new one: after a failed sync nothing can be said about what reached
 * the disk.
 */
import type { Disk, DiskFile } from "../../kit/disk.ts";
import { type Random } from "../../kit/random.ts";
import {
  type Bytes,
  encodePackHead,
  encodeRecordHead,
  packHeadBytes,
  type RecordHead,
  recordHeadBytes,
} from "./pack_format.ts";
import type { PackContents, PackRecord } from "./pack_scan.ts";
import { writeSidecar } from "./pack_sidecar.ts";

export interface NewRecord extends RecordHead {
  /** Empty for a drop. */
  readonly bytes: Bytes;
}

export function packPath(directory: string, pack: number): string {
  return `${directory}/${String(pack).padStart(8, "0")}.pack`;
}

export function sidecarPath(directory: string, pack: number): string {
  return `${directory}/${String(pack).padStart(8, "0")}.index`;
}

export class OpenPack {
  readonly #records: PackRecord[];
  #sizeBytes: number;
  #broken = false;

  private constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    readonly number: number,
    private readonly salt: Bytes,
    private readonly file: DiskFile,
    contents: Pick<PackContents, "records" | "sizeBytes">,
  ) {
    this.#records = [...contents.records];
    this.#sizeBytes = contents.sizeBytes;
  }

  static async create(
    disk: Disk,
    directory: string,
    number: number,
    random: Random,
  ): Promise<OpenPack> {
    const path = packPath(directory, number);
    const salt = random.bytes(16);
    const file = await disk.open(path, "create");
    try {
      await file.write(encodePackHead(salt), 0);
      await file.sync();
      await disk.syncDirectory(directory);
    } catch (error) {
      file.close();
      await disk.remove(path).catch(() => {});
      throw error;
    }
    const contents = { records: [], sizeBytes: packHeadBytes };
    return new OpenPack(disk, directory, number, salt, file, contents);
  }

  /** Goes on with a pack that was scanned without a gap. */
  static async resume(
    disk: Disk,
    directory: string,
    number: number,
    salt: Bytes,
    contents: PackContents,
  ): Promise<OpenPack> {
    const file = await disk.open(packPath(directory, number), "update");
    return new OpenPack(disk, directory, number, salt, file, contents);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** True when nothing more may be appended. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Appends durably, all or none. Where each record begins. */
  async append(records: readonly NewRecord[]): Promise<number[]> {
    const total = records.reduce((sum, each) => sum + recordHeadBytes + each.bytes.length, 0);
    const group = new Uint8Array(total);
    const offsets: number[] = [];
    let at = 0;
    for (const record of records) {
      offsets.push(this.#sizeBytes + at);
      group.set(encodeRecordHead(this.salt, record), at);
      group.set(record.bytes, at + recordHeadBytes);
      at += recordHeadBytes + record.bytes.length;
    }
    try {
      await this.file.write(group, this.#sizeBytes);
      await this.file.sync();
    } catch (error) {
      await this.#cutOff();
      throw error;
    }
    records.forEach(({ kind, chunkId, sizeBytes }, i) =>
      this.#records.push({ kind, chunkId, sizeBytes, offset: offsets[i] ?? 0 })
    );
    this.#sizeBytes += total;
    return offsets;
  }

  async #cutOff(): Promise<void> {
    try {
      await this.file.truncate(this.#sizeBytes);
      await this.file.sync();
    } catch {
      this.#broken = true;
    }
  }

  /** Closes it for good. A sidecar is written unless the pack may hold bytes we know nothing of. */
  async seal(): Promise<void> {
    this.file.close();
    if (this.#broken) return;
    await writeSidecar(this.disk, sidecarPath(this.directory, this.number), {
      sizeBytes: this.#sizeBytes,
      salt: this.salt,
      records: this.#records,
    });
  }

  close(): void {
    this.file.close();
  }
}
