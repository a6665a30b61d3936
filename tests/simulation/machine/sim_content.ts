/**
 * The contents of one simulated file, twice: as programs see them, and as they would be found after
 * a power cut. Between two syncs every write is remembered in blocks, so that a crash can keep any
 * of them and lose the others, in any order, and tear one in the middle, as a real disk may.
 *
 * A sync that failed loses what it should have written though programs go on seeing it, which is
 * what Linux does with pages it could not write back (LWN 752063, "PostgreSQL's fsync() surprise").
 */
import { type Random, randomInt } from "../../../roles/kit/random.ts";

const blockBytes = 4096;

interface PendingWrite {
  readonly offset: number;
  /** Undefined: the file was cut or grown to `offset`. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** Bytes that grow; what was never written reads as zero. */
class Growing {
  #buffer = new Uint8Array(0);
  sizeBytes = 0;

  view(start: number, end: number): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(start, Math.min(end, this.sizeBytes));
  }

  write(bytes: Uint8Array<ArrayBuffer>, offset: number): void {
    const end = offset + bytes.length;
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(end, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.sizeBytes));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, offset);
    this.sizeBytes = Math.max(this.sizeBytes, end);
  }

  resize(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) this.#buffer.fill(0, sizeBytes, this.sizeBytes);
    else if (sizeBytes > this.#buffer.length) this.write(new Uint8Array(1), sizeBytes - 1);
    this.sizeBytes = sizeBytes;
  }

  replaceBy(other: Growing): void {
    this.#buffer = other.view(0, other.sizeBytes).slice();
    this.sizeBytes = other.sizeBytes;
  }
}

export class SimContent {
  readonly #seen = new Growing();
  readonly #durable = new Growing();
  #pending: PendingWrite[] = [];
  /** Its sectors are bad: programs can find it and not read it. Stays over crashes. */
  spoiled = false;

  get sizeBytes(): number {
    return this.#seen.sizeBytes;
  }

  /** How many bytes from `offset` on were copied into `buffer`. */
  read(buffer: Uint8Array<ArrayBuffer>, offset: number): number {
    const found = this.#seen.view(Math.min(offset, this.sizeBytes), offset + buffer.length);
    buffer.set(found);
    return found.length;
  }

  write(bytes: Uint8Array<ArrayBuffer>, offset: number): void {
    this.#seen.write(bytes, offset);
    this.#pending.push({ offset, bytes: bytes.slice() });
  }

  truncate(sizeBytes: number): void {
    this.#seen.resize(sizeBytes);
    this.#pending.push({ offset: sizeBytes, bytes: undefined });
  }

  sync(): void {
    for (const write of this.#pending) apply(this.#durable, write);
    this.#pending = [];
  }

  /** The sync that failed: what was waiting for it never reaches the disk. */
  forgetPending(): void {
    this.#pending = [];
  }

  /** What is safe of it, as a content of its own. */
  durableCopy(): SimContent {
    const copy = new SimContent();
    copy.#durable.replaceBy(this.#durable);
    copy.#seen.replaceBy(this.#durable);
    return copy;
  }

  /** Flips one bit, on the medium as well. */
  rot(bit: number): void {
    for (const side of [this.#seen, this.#durable]) {
      const found = side.view(bit >> 3, (bit >> 3) + 1);
      if (found.length === 1) found[0] = (found[0] ?? 0) ^ (1 << (bit & 7));
    }
  }

  /**
   * The power goes. What was synced stays; of the rest the dice keep nothing, everything or parts.
   */
  crash(random: Random): void {
    const keep = [0, 0.5, 1][randomInt(random, 0, 2)] ?? 0;
    for (const write of this.#pending.flatMap(inBlocks)) {
      if (random.unit() >= keep) continue;
      const bytes = write.bytes;
      // One kept block in eight is torn: only its front reached the disk.
      if (bytes === undefined || random.unit() >= 1 / 8) apply(this.#durable, write);
      else {
        apply(this.#durable, {
          ...write,
          bytes: bytes.slice(0, randomInt(random, 0, bytes.length)),
        });
      }
    }
    this.#pending = [];
    this.#seen.replaceBy(this.#durable);
  }
}

function apply(side: Growing, write: PendingWrite): void {
  if (write.bytes === undefined) side.resize(write.offset);
  else side.write(write.bytes, write.offset);
}

function inBlocks(write: PendingWrite): PendingWrite[] {
  const { bytes, offset } = write;
  if (bytes === undefined || bytes.length <= blockBytes) return [write];
  const blocks: PendingWrite[] = [];
  let start = 0;
  while (start < bytes.length) {
    const end = Math.min(bytes.length, start + blockBytes - ((offset + start) % blockBytes));
    blocks.push({ offset: offset + start, bytes: bytes.subarray(start, end) });
    start = end;
  }
  return blocks;
}
