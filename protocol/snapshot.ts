/**
 * A snapshot: what the tables of a tracker were after one operation of its log, as lines of text
 * that anybody can check without knowing what they say. The first line names the operation, each
 * line between is one row, and the last has the SHA-256 of all bytes before it and the tracker's
 * signature on that. The same tables give the same bytes. A snapshot and the log after it are worth
 * as much as the whole log. What a row says is none of this room's business.
 */
import { createHash } from "node:crypto";
import * as z from "zod";
import { Fault } from "./faults.ts";
import { ClusterId, SeederId } from "./ids.ts";
import { checkedLine, type LogPosition, LogRecord, positionOf, readLogLine } from "./log.ts";
import type { SnapshotMark } from "./snapshot_mark.ts";
import { sameMac, type SecretKey, snapshotMac } from "./trust.ts";

const Hex64 = z.string().regex(/^[0-9a-f]{64}$/);

export const SnapshotHead = z.strictObject({
  format: z.literal("offshore snapshot 1"),
  clusterId: ClusterId,
  /** The last operation whose outcome is in it. */
  at: LogRecord,
});
export type SnapshotHead = z.output<typeof SnapshotHead>;

export const SnapshotEnd = z.strictObject({
  /** Lines before this one. */
  lines: z.int().min(1),
  /** SHA-256 of all bytes before this line. */
  digest: Hex64,
  /** Under a key derived from the cluster key. */
  mac: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});
export type SnapshotEnd = z.output<typeof SnapshotEnd>;

const encoder = new TextEncoder();

/** The lines of a snapshot in the making: each method gives the text to write next. */
export class SnapshotWriter {
  readonly #hash = createHash("sha256");
  #lines = 0;
  #sizeBytes = 0;

  constructor(private readonly clusterKey: SecretKey, private readonly head: SnapshotHead) {}

  begin(): string {
    return this.#line(this.head);
  }

  row(row: object): string {
    return this.#line(row);
  }

  end(): { text: string; mark: SnapshotMark } {
    const digest = this.#hash.digest("hex");
    const mac = snapshotMac(this.clusterKey, digest);
    const text = checkedLine({ lines: this.#lines, digest, mac } satisfies SnapshotEnd);
    const sizeBytes = this.#sizeBytes + text.length;
    const { sequence, checksum } = this.head.at;
    return { text, mark: { sequence, checksum, digest, sizeBytes } };
  }

  #line(value: object): string {
    const text = checkedLine(value);
    const bytes = encoder.encode(text);
    this.#hash.update(bytes);
    this.#lines++;
    this.#sizeBytes += bytes.length;
    return text;
  }
}

/** Follows the lines of a snapshot and tells whether they are whole. */
export class SnapshotCheck {
  readonly #hash = createHash("sha256");
  #lines = 0;
  #sizeBytes = 0;
  #head: SnapshotHead | undefined;
  #end: SnapshotEnd | undefined;

  /** After the first line. */
  get head(): SnapshotHead | undefined {
    return this.#head;
  }

  /** After the last line. */
  get mark(): SnapshotMark | undefined {
    if (this.#head === undefined || this.#end === undefined) return undefined;
    const { sequence, checksum } = this.#head.at;
    return { sequence, checksum, digest: this.#end.digest, sizeBytes: this.#sizeBytes };
  }

  get lines(): number {
    return this.#lines;
  }

  /** Bytes of the lines taken. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Takes the next line without its line feed; the row it is, undefined for the first and the last.
   * @throws Fault `config-corrupt` when it is not whole or does not belong there
   */
  take(line: string): unknown {
    const value = readLogLine(AnyLine, line);
    if (value === undefined || this.#end !== undefined) throw this.#damaged();
    const end = this.#lines === 0 ? undefined : SnapshotEnd.safeParse(value).data;
    if (end !== undefined) {
      if (end.lines !== this.#lines || end.digest !== this.#hash.digest("hex")) {
        throw this.#damaged();
      }
      this.#end = end;
    }
    const bytes = encoder.encode(`${line}\n`);
    if (end === undefined) this.#hash.update(bytes);
    this.#sizeBytes += bytes.length;
    this.#lines++;
    if (end !== undefined) return undefined;
    if (this.#head !== undefined) return value;
    this.#head = SnapshotHead.safeParse(value).data;
    if (this.#head === undefined) throw this.#damaged();
    return undefined;
  }

  /** Whether all lines were taken and the cluster's tracker wrote them. */
  isSigned(clusterKey: SecretKey): boolean {
    return this.#end !== undefined &&
      sameMac(this.#end.mac, snapshotMac(clusterKey, this.#end.digest));
  }

  #damaged(): Fault {
    return new Fault("config-corrupt", `line ${this.#lines + 1} of the snapshot is damaged`, {
      next: "take an older snapshot, or that of another seeder",
    });
  }
}

const AnyLine = z.record(z.string(), z.unknown());

/** Where the log goes on after this snapshot. */
export function positionAfter(head: SnapshotHead): LogPosition {
  return positionOf(head.at);
}

export const PullSnapshotRequest = z.strictObject({
  seederId: SeederId,
  sequence: z.int().min(1),
  offset: z.int().min(0),
});
/** Bytes of the file from `offset` as text, whole lines; empty at its end. */
export const PullSnapshotReply = z.strictObject({ text: z.string() });

export const ExportSnapshotRequest = PullSnapshotRequest.omit({ seederId: true });

export const UploadSnapshotRequest = z.strictObject({
  seederId: SeederId,
  sequence: z.int().min(1),
  offset: z.int().min(0),
  /** Whole lines; empty when the seeder cannot read what should be there. */
  text: z.string(),
});
/** From where more is wanted; absent when nothing is. */
export const UploadSnapshotReply = z.strictObject({ offset: z.int().min(0).optional() });
