/**
 * Keeps this seeder's copy of the tracker's log as fresh as it can be: holds a question open at the
 * tracker, writes what comes, and acknowledges it by asking for what follows. To a tracker that has
 * lost its disk it shows what it has, and hands it over once that tracker has proved to know the
 * cluster's key.
 */
import {
  asFault,
  type ClusterCard,
  ClusterCard as ClusterCardSchema,
  connect,
  type Connection,
  Fault,
  limits,
  type LogRecord,
  rebuildProof,
  seederTokenOf,
  signPresentation,
  trackerRoutes,
  type Transport,
} from "../../../protocol/mod.ts";
import { type Clock, withDeadline } from "../../kit/clock.ts";
import { type Disk, readWhole, writeDurably } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import { backoffMs, repeat } from "../../kit/pace.ts";
import { type Random, randomHex } from "../../kit/random.ts";
import type { Identity } from "../identity.ts";
import type { Membership } from "../membership.ts";
import { LogSegments } from "./segments.ts";

export interface LogKeeperParts {
  readonly disk: Disk;
  /** Holds the files of the log and `card.json`. */
  readonly directory: string;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly log: Log;
}

const pauseMsFirst = 100;
const pauseMsMost = 2_000;
const presentPauseMs = 500;

export class LogKeeper {
  #segments: LogSegments | undefined;
  #card: ClusterCard | undefined;
  #failures = 0;
  #told = "";

  constructor(private readonly parts: LogKeeperParts) {}

  async run(signal: AbortSignal): Promise<void> {
    await repeat(this.parts.clock, signal, () => this.#step(signal));
    this.#segments?.close();
  }

  /** The pause until the next one. */
  async #step(signal: AbortSignal): Promise<number> {
    const { membership, random } = this.parts;
    const { identity } = membership;
    if (identity === undefined) return pauseMsFirst;
    try {
      const segments = this.#segments ??= await this.#open();
      try {
        await this.#pull(identity, segments, signal);
      } catch (error) {
        if (asFault(error).code !== "tracker-rebuilding") throw error;
        return await this.#present(identity, segments, signal);
      }
      this.#failures = 0;
      this.#told = "";
      return 0;
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
        this.#card = ClusterCardSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
      } catch {
        log.warn("card.json is damaged: the tracker is asked for it again", {});
      }
    }
    return segments;
  }

  async #pull(identity: Identity, segments: LogSegments, signal: AbortSignal): Promise<void> {
    const { membership, log } = this.parts;
    const request = {
      seederId: identity.seederId,
      epochHeard: identity.epoch,
      position: segments.position,
    };
    const reply = await this.#ask(
      limits.logPullMs + limits.trackerCallMs,
      signal,
      (inner) => this.#tracker(identity).pullLog(request, { signal: inner }),
    );
    if (reply.clusterId !== identity.clusterId) {
      throw new Fault("config-invalid", `the tracker is of cluster ${reply.clusterId}`);
    }
    if (!await membership.hearEpoch(reply.epoch)) {
      throw new Fault("stale-epoch", `an older tracker of epoch ${reply.epoch} answers`);
    }
    await this.#keepCard(reply.card);
    if (reply.restart) {
      log.warn("the tracker was rebuilt without these operations: set aside", segments.position);
      await segments.setAside();
    } else await segments.append(reply.clusterId, reply.records);
  }

  /** Before the records: what is acknowledged can be opened again. */
  async #keepCard(card: ClusterCard): Promise<void> {
    const { disk, directory, clock } = this.parts;
    const text = `${JSON.stringify(card, undefined, 2)}\n`;
    if (this.#card !== undefined && text === `${JSON.stringify(this.#card, undefined, 2)}\n`) {
      return;
    }
    const attributes = { mode: 0o600, modifiedMs: clock.now() };
    await writeDurably(disk, `${directory}/card.json`, new TextEncoder().encode(text), attributes);
    this.#card = card;
  }

  async #present(identity: Identity, segments: LogSegments, signal: AbortSignal): Promise<number> {
    const { random, log } = this.parts;
    if (this.#card === undefined) return pauseMsMost;
    const { seederId, seederKey } = identity;
    const last = await segments.last();
    const nonce = randomHex(random, 32);
    const request = signPresentation(seederKey, {
      seederId,
      epochHeard: identity.epoch,
      card: this.#card,
      ...(last === undefined ? {} : { last }),
      nonce,
    });
    const tracker = this.#tracker(identity);
    const reply = await this.#ask(
      limits.trackerCallMs,
      signal,
      (inner) => tracker.presentLog(request, { signal: inner }),
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
    for (let after = reply.uploadAfter; after !== undefined;) {
      const records = await segments.read(after);
      if (records.length === 0) break;
      after = await this.#upload(identity, records, signal);
      log.info("log handed to the tracker", { to: records.at(-1)?.sequence });
    }
    return presentPauseMs;
  }

  async #upload(
    identity: Identity,
    records: LogRecord[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { seederId } = identity;
    const { uploadAfter } = await this.#ask(
      limits.logPullMs + limits.trackerCallMs,
      signal,
      (inner) => this.#tracker(identity).uploadLog({ seederId, records }, { signal: inner }),
    );
    return uploadAfter;
  }

  #tracker(identity: Identity): Connection<typeof trackerRoutes> {
    const { membership, transport } = this.parts;
    const token = seederTokenOf(identity.seederKey);
    return connect(trackerRoutes, membership.address(), transport, "the tracker", { token });
  }

  #ask<T>(ms: number, outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = () => new Fault("tracker-unreachable", `no answer for ${ms} ms`);
    return withDeadline(this.parts.clock, ms, outer, late, work);
  }
}
