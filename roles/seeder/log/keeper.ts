/**
 * Keeps this seeder's copy of the tracker's log as fresh as it can be: holds a question open at the
 * tracker, writes what comes, and acknowledges it by asking for what follows. To a tracker that has
 * lost its disk it shows what it has, and hands it over once that tracker has proved to know the
 * cluster's key.
 */
import * as z from "zod";
import {
  asFault,
  ClusterCard,
  type ClusterId,
  Fault,
  isLaterMark,
  type KeepersMark,
  limits,
  type LogKeepers,
  type LogRecord,
  positionAfter,
  rebuildProof,
  signPresentation,
  type SnapshotMark,
} from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import { type Disk, readWhole, writeDurably } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import { backoffMs, repeat } from "../../kit/pace.ts";
import { type Random, randomHex } from "../../kit/random.ts";
import type { Identity } from "../identity.ts";
import type { Membership } from "../membership.ts";
import type { TrackerTime } from "../tracker_time.ts";
import type { TrackerLine } from "../tracker_line.ts";
import { SnapshotFolder } from "../../kit/snapshot_folder.ts";
import { LogSegments } from "./segments.ts";
import { SnapshotKeeper } from "./snapshot_keeper.ts";

export interface LogKeeperParts {
  readonly disk: Disk;
  /** Holds the files of the log and `card.json`. */
  readonly directory: string;
  readonly membership: Membership;
  readonly leaseTime: Pick<TrackerTime, "heardMs">;
  readonly line: TrackerLine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What `card.json` holds. */
const KeptCard = z.strictObject({ card: ClusterCard, owes: z.int().min(0) });

const pauseMsFirst = 100;
const pauseMsMost = 2_000;
const presentPauseMs = 500;
const waitsForSnapshotMs = 500;

export class LogKeeper {
  readonly #folder: SnapshotFolder;
  readonly #snapshots: SnapshotKeeper;
  #rolledFor = 0;
  #trimmedTo = 0;
  #segments: LogSegments | undefined;
  #card: ClusterCard | undefined;
  /** Its log was set aside: until it has this operation again it has less than it once promised. */
  #owes = 0;
  #failures = 0;
  #told = "";

  constructor(private readonly parts: LogKeeperParts) {
    const { disk, directory, clock, random, log } = parts;
    this.#folder = new SnapshotFolder(disk, directory, log);
    this.#snapshots = new SnapshotKeeper({
      ...{ folder: this.#folder, clock, random, log },
      pull: (sequence, offset, signal) => this.#pullSnapshot(sequence, offset, signal),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      repeat(this.parts.clock, signal, () => this.#step(signal)),
      this.#snapshots.run(signal),
    ]);
    this.#segments?.close();
  }

  /** The pause until the next one. */
  async #step(signal: AbortSignal): Promise<number> {
    const { membership, random } = this.parts;
    const { identity } = membership;
    if (identity === undefined) return pauseMsFirst;
    try {
      const segments = this.#segments ??= await this.#open();
      let pauseMs: number;
      try {
        pauseMs = await this.#pull(identity, segments, signal);
      } catch (error) {
        if (!saysRebuilding(asFault(error))) throw error;
        return await this.#present(identity, segments, signal);
      }
      this.#failures = 0;
      this.#told = "";
      return pauseMs;
    } catch (error) {
      if (signal.aborted) return 0;
      this.#tell(asFault(error));
      return backoffMs(random, this.#failures++, pauseMsFirst, pauseMsMost);
    }
  }

  /** The heartbeat tells already of a tracker that is silent or does not know this seeder. */
  #tell(fault: Fault): void {
    if (fault.code === this.#told) return;
    this.#told = fault.code;
    const level = fault.code === "tracker-unreachable" ? "debug" : "warn";
    this.parts.log[level]("the log is not kept up", { fault, next: fault.next });
  }

  async #open(): Promise<LogSegments> {
    const { disk, directory, log } = this.parts;
    const segments = await LogSegments.open(disk, directory, log);
    const bytes = await readWhole(disk, `${directory}/card.json`);
    if (bytes !== undefined) {
      try {
        const kept = KeptCard.parse(JSON.parse(new TextDecoder().decode(bytes)));
        this.#card = kept.card;
        this.#owes = kept.owes;
      } catch {
        log.warn("card.json is damaged: the tracker is asked for it again", {});
      }
    }
    return segments;
  }

  /** The pause until the next question. */
  async #pull(identity: Identity, segments: LogSegments, signal: AbortSignal): Promise<number> {
    const { membership, log } = this.parts;
    const keepers = this.#card?.keepers;
    const request = {
      seederId: identity.seederId,
      ...(identity.heard === undefined ? {} : { heard: identity.heard }),
      position: segments.position,
      snapshots: this.#snapshots.marks ?? [],
      ...(keepers === undefined ? {} : { keepers: markOf(keepers) }),
      ...this.#leaseHeard(),
    };
    const reply = await this.parts.line.ask(
      limits.logPullMs + limits.trackerCallMs,
      signal,
      (tracker, inner) => tracker.pullLog(request, { signal: inner }),
    );
    if (reply.clusterId !== identity.clusterId) {
      throw new Fault("config-invalid", `the tracker is of cluster ${reply.clusterId}`);
    }
    await membership.hearStart(reply.start);
    if (reply.card !== undefined) await this.#keepCard(reply.card);
    this.#snapshots.hear(reply.snapshots);
    if (reply.restart) {
      log.warn("the tracker was rebuilt without these operations: set aside", segments.position);
      await this.#owe(reply.start.sequence);
      await this.#folder.moveOthers(reply.snapshots.keep, await segments.setAside());
    } else if (reply.letGo === true) {
      await this.#letGo(segments);
    } else if (reply.beginAfter !== undefined) {
      return await this.#beginAfter(segments, reply.clusterId, reply.beginAfter);
    } else await segments.append(reply.clusterId, reply.records);
    await this.#shorten(segments);
    return 0;
  }

  /** This log ends before the tracker's begins. The pause until it is asked again. */
  async #beginAfter(
    segments: LogSegments,
    clusterId: ClusterId,
    mark: SnapshotMark,
  ): Promise<number> {
    if (!this.#snapshots.has(mark)) return waitsForSnapshotMs;
    const position = positionAfter(await this.#folder.head(mark));
    const { sequence } = position;
    this.parts.log.info("the log goes on after a snapshot", { sequence });
    await segments.beginAfter(clusterId, position);
    return 0;
  }

  /** Others keep the log, and have all that is here. The card stays: it tells who they are. */
  async #letGo(segments: LogSegments): Promise<void> {
    this.parts.log.info("others keep the log now: this copy goes", { ...segments.position });
    await segments.discard();
    for (const mark of this.#folder.marks) await this.#folder.remove(mark);
  }

  /** A new file for every snapshot, and none older than what the snapshots stand for. */
  async #shorten(segments: LogSegments): Promise<void> {
    const { fetched, since } = this.#snapshots;
    if (fetched > this.#rolledFor) segments.roll();
    this.#rolledFor = fetched;
    if (since === undefined || since.sequence <= this.#trimmedTo) return;
    const before = segments.after.sequence;
    await segments.trim(since.sequence);
    this.#trimmedTo = since.sequence;
    const after = segments.after.sequence;
    if (after > before) this.parts.log.info("log shortened", { before, after });
  }

  async #pullSnapshot(sequence: number, offset: number, signal: AbortSignal): Promise<string> {
    const { identity } = this.parts.membership;
    if (identity === undefined) throw new Fault("unavailable", "this seeder has not joined yet");
    const request = { seederId: identity.seederId, sequence, offset };
    const { text } = await this.parts.line.ask(
      limits.trackerCallMs,
      signal,
      (tracker, inner) => tracker.pullSnapshot(request, { signal: inner }),
    );
    return text;
  }

  #leaseHeard(): { leaseHeardMs?: number } {
    const leaseHeardMs = this.parts.leaseTime.heardMs;
    return leaseHeardMs === undefined ? {} : { leaseHeardMs };
  }

  /** Before the records: what is acknowledged can be opened again. */
  async #keepCard(card: ClusterCard): Promise<void> {
    if (this.#card !== undefined && !isLaterMark(card.keepers, this.#card.keepers)) return;
    await this.#write({ card, owes: this.#owes });
    this.#card = card;
  }

  /** Before the log goes: what it promised, it shows again only when it has it again. */
  async #owe(sequence: number): Promise<void> {
    this.#owes = sequence;
    if (this.#card !== undefined) await this.#write({ card: this.#card, owes: sequence });
  }

  async #write(kept: z.output<typeof KeptCard>): Promise<void> {
    const { disk, directory, clock } = this.parts;
    const bytes = new TextEncoder().encode(`${JSON.stringify(kept, undefined, 2)}\n`);
    const attributes = { mode: 0o600, modifiedMs: clock.now() };
    await writeDurably(disk, `${directory}/card.json`, bytes, attributes);
  }

  async #present(identity: Identity, segments: LogSegments, signal: AbortSignal): Promise<number> {
    const { random, log } = this.parts;
    const snapshots = this.#snapshots.marks;
    const { seederId, generation, seederKey, heard } = identity;
    const card = this.#card;
    if (card === undefined || snapshots === undefined || heard === undefined) return presentPauseMs;
    const { position } = segments;
    if (position.sequence < this.#owes) return presentPauseMs;
    const nonce = randomHex(random, 32);
    const request = signPresentation(seederKey, {
      ...{ seederId, generation, heard, card, ...this.#leaseHeard() },
      ...(position.sequence === 0 ? {} : { last: position }),
      after: segments.after,
      snapshots,
      nonce,
    });
    const reply = await this.parts.line.ask(
      limits.trackerCallMs,
      signal,
      (tracker, inner) => tracker.presentLog(request, { signal: inner }),
    );
    if (reply.proof !== rebuildProof(seederKey, seederId, nonce)) {
      throw new Fault(
        "forbidden",
        "a tracker that does not know the cluster's key asks for its log",
        {
          next: "find out who answers at the tracker's address",
        },
      );
    }
    if (reply.uploadSnapshot !== undefined) {
      const { sequence, offset } = reply.uploadSnapshot;
      await this.#uploadSnapshot(identity, sequence, offset, signal);
      return 0;
    }
    for (let after = reply.uploadAfter; after !== undefined;) {
      const records = await this.#readable(segments, after);
      after = await this.#upload(identity, records, signal);
      if (records.length === 0) break;
      log.info("log handed to the tracker", { to: records.at(-1)?.sequence });
    }
    return presentPauseMs;
  }

  /** None when they are damaged, which the tracker is told, so that it takes another's. */
  async #readable(segments: LogSegments, after: number): Promise<LogRecord[]> {
    try {
      return await segments.read(after);
    } catch (fault) {
      if (asFault(fault).code !== "config-corrupt") throw fault;
      this.parts.log.error("this seeder's log is damaged", { fault });
      return [];
    }
  }

  async #uploadSnapshot(
    identity: Identity,
    sequence: number,
    from: number,
    signal: AbortSignal,
  ): Promise<void> {
    const mark = this.#folder.at(sequence);
    const { seederId } = identity;
    let offset: number | undefined = from;
    while (offset !== undefined) {
      const text: string = mark === undefined ? "" : await this.#folder.read(mark, offset);
      const request = { seederId, sequence, offset, text };
      const reply: { offset?: number | undefined } = await this.parts.line.ask(
        limits.logPullMs + limits.trackerCallMs,
        signal,
        (tracker, inner) => tracker.uploadSnapshot(request, { signal: inner }),
      );
      offset = text === "" ? undefined : reply.offset;
    }
    this.parts.log.info("snapshot handed to the tracker", { sequence });
  }

  async #upload(
    identity: Identity,
    records: LogRecord[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { seederId } = identity;
    const { uploadAfter } = await this.parts.line.ask(
      limits.logPullMs + limits.trackerCallMs,
      signal,
      (tracker, inner) => tracker.uploadLog({ seederId, records }, { signal: inner }),
    );
    return uploadAfter;
  }
}

/**
 * Before it was shown a log, a tracker without a disk knows no key and cannot prove a word: what it
 * says is enough to show it one, and no more.
 */
function saysRebuilding(fault: Fault): boolean {
  const said = fault.code === "tracker-unproved" ? asFault(fault.cause) : fault;
  return said.code === "tracker-rebuilding";
}

function markOf({ epoch, sequence }: LogKeepers): KeepersMark {
  return { epoch, sequence };
}
