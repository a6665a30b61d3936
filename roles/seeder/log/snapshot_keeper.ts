/**
 * Keeps the snapshots that the tracker names: fetches those that are missing part by part, beside
 * the log and never in its way, and lets older ones go once the tracker says that enough seeders
 * have newer ones. What is about to be relied on is read again first.
 */
import {
  asFault,
  Fault,
  isSameSnapshot,
  limits,
  type SnapshotMark,
  type SnapshotNews,
} from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Log } from "../../kit/log.ts";
import { backoffMs, repeat } from "../../kit/pace.ts";
import type { Random } from "../../kit/random.ts";
import type { SnapshotFolder } from "../../kit/snapshot_folder.ts";

export interface SnapshotKeeperParts {
  readonly folder: SnapshotFolder;
  /** A part of the snapshot from the tracker, from `offset` on. */
  readonly pull: (sequence: number, offset: number, signal: AbortSignal) => Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const stepMs = 1_000;
const failedMsFirst = 2_000;
const failedMsMost = 60_000;

export class SnapshotKeeper {
  #opened = false;
  #news: SnapshotNews = { keep: [] };
  #failures = 0;
  /** Whether the tracker has told anything since the start. */
  #heard = false;
  /** Whether what was broken off was looked through since the latest fetch. */
  #swept = false;
  #relied: SnapshotMark | undefined;
  #fetched = 0;

  constructor(private readonly parts: SnapshotKeeperParts) {}

  /** Those on this disk that are worth naming, newest last; undefined until all were read. */
  get marks(): SnapshotMark[] | undefined {
    if (!this.#opened) return undefined;
    const { marks } = this.parts.folder;
    const named = marks.filter((mark) => this.#news.keep.some((one) => isSameSnapshot(one, mark)));
    return (named.length > 0 ? named : marks).slice(-limits.snapshotsKeptMax);
  }

  has(mark: SnapshotMark): boolean {
    return this.#opened && this.parts.folder.has(mark);
  }

  /** The operation from which on the log is needed; undefined while all of it is. */
  get since(): SnapshotMark | undefined {
    return this.#relied;
  }

  /** How many have come in since the start. */
  get fetched(): number {
    return this.#fetched;
  }

  hear(news: SnapshotNews): void {
    this.#heard = true;
    this.#news = news;
  }

  async run(signal: AbortSignal): Promise<void> {
    await repeat(this.parts.clock, signal, () => this.#step(signal));
  }

  async #step(signal: AbortSignal): Promise<number> {
    const { folder, log, random } = this.parts;
    try {
      if (!this.#opened) await folder.open();
      this.#opened = true;
      const { keep } = this.#news;
      const missing = keep.find((mark) => !folder.has(mark));
      if (missing !== undefined) await this.#fetch(missing, signal);
      else if (this.#heard && !this.#swept) {
        // What was broken off, before this start too, may be of a snapshot that nobody keeps any
        // more, or this seeder keeps none now.
        await folder.sweep(keep);
        this.#swept = true;
      }
      await this.#letGo();
      this.#failures = 0;
      return stepMs;
    } catch (error) {
      if (signal.aborted) return 0;
      const fault = asFault(error);
      if (this.#failures === 0) log.warn("a snapshot of the catalog is not here", { fault });
      return backoffMs(random, this.#failures++, failedMsFirst, failedMsMost);
    }
  }

  async #fetch(mark: SnapshotMark, signal: AbortSignal): Promise<void> {
    const { folder, pull, log } = this.parts;
    this.#swept = false;
    await folder.sweep(this.#news.keep);
    const receiver = await folder.receive(mark);
    try {
      for (;;) {
        const text = await pull(mark.sequence, receiver.offset, signal);
        if (text === "") {
          throw new Fault("config-corrupt", "the tracker has less of it than it said");
        }
        if (await receiver.take(text)) break;
      }
    } finally {
      receiver.close();
    }
    this.#fetched++;
    log.info("snapshot of the catalog kept", {
      sequence: mark.sequence,
      sizeBytes: mark.sizeBytes,
    });
  }

  /** Only what two newer snapshots that are good now stand for. */
  async #letGo(): Promise<void> {
    const { folder } = this.parts;
    const { since, keep } = this.#news;
    if (since === undefined) return;
    if (this.#relied === undefined || since.sequence > this.#relied.sequence) {
      const newer = keep.filter((mark) => mark.sequence > since.sequence && folder.has(mark));
      const [one] = newer;
      if (one === undefined || !folder.has(since)) return;
      if (!await folder.verify(since) || !await folder.verify(one)) return;
      this.#relied = since;
    }
    for (const mark of folder.marks) {
      if (mark.sequence < this.#relied.sequence) await folder.remove(mark);
    }
  }
}
