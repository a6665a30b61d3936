/**
 * A seeder's place in its cluster: joining with a code, knowing the tracker's address and epoch,
 * and keeping all of it in the identity file.
 */
import {
  aboutJoin,
  asFault,
  type ClusterId,
  codeFault,
  Fault,
  type JoinReply,
  type JoinRequest,
  limits,
  type LogMark,
  proverOfCode,
  readCodeFor,
  sealUnderCode,
  SecretKey,
  type SeederId,
  unsealUnderCode,
} from "../../protocol/mod.ts";
import type * as z from "zod";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import { backoffMs } from "../kit/pace.ts";
import { type Random, randomHex } from "../kit/random.ts";
import { type Identity, type IdentityFile, trackerByCode } from "./identity.ts";
import type { JoinAttempts } from "./join_attempts.ts";
import type { TrackerLine } from "./tracker_line.ts";

type Request = z.output<typeof JoinRequest>;
/** What a seeder says of itself whenever it speaks. */
export type Presented = Pick<Request, "name" | "zone" | "advertised">;

export interface MembershipParts {
  readonly file: IdentityFile;
  readonly attempts: JoinAttempts;
  readonly joinCode: () => Promise<string | undefined>;
  /** The size of its disk. */
  readonly capacityBytes: () => Promise<number>;
  /** Overrides the address in the code. */
  readonly trackerAddress?: string;
  readonly line: TrackerLine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const pauseMsFirst = 250;
const pauseMsMost = 5_000;

export class Membership {
  #identity: Identity | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(private readonly parts: MembershipParts) {}

  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** @throws Fault `config-corrupt`; `config-invalid` when the join code is of another cluster */
  async open(): Promise<void> {
    this.#identity = await this.parts.file.read();
    if (this.#identity !== undefined) await this.parts.attempts.forget();
    await this.refreshAddress();
  }

  /** Where the tracker is called: what the configuration says, else what the identity does. */
  address(): string {
    return this.parts.trackerAddress ?? this.#identity?.trackerAddress ?? "";
  }

  /** A fresh join code tells where the tracker is now. @throws Fault `config-invalid` */
  async refreshAddress(): Promise<void> {
    const code = await this.#code();
    const identity = this.#identity;
    if (identity === undefined) return;
    const trackerAddress = trackerByCode(code, identity);
    if (trackerAddress === undefined || trackerAddress === identity.trackerAddress) return;
    this.parts.log.info("tracker has another address", { trackerAddress });
    await this.#keep({ ...identity, trackerAddress });
  }

  /**
   * Remembers a later start of the tracker. @throws Fault `stale-epoch` when one heard before has a
   * higher epoch, or the same and is another
   */
  async hearStart(start: LogMark): Promise<void> {
    const identity = this.#identity;
    if (identity === undefined) throw new Fault("unavailable", "this seeder has not joined yet");
    const { heard } = identity;
    if (heard === undefined || start.epoch > heard.epoch) {
      return await this.#keep({ ...identity, heard: start });
    }
    if (start.term === heard.term && start.epoch === heard.epoch) return;
    const is = start.epoch === heard.epoch
      ? `two trackers began with epoch ${start.epoch}, and the other was heard first`
      : `an older tracker of epoch ${start.epoch} answers, one of ${heard.epoch} was heard`;
    throw new Fault("stale-epoch", is);
  }

  /** In memory at once; on disk as soon as the disk allows. */
  async #keep(identity: Identity): Promise<void> {
    this.#identity = identity;
    try {
      await this.#write(() => this.#identity ?? identity);
    } catch (fault) {
      this.parts.log.warn("identity not written", { fault });
    }
  }

  /** One after another, each what is known when its turn comes: the last one stays. */
  #write(identity: () => Identity): Promise<void> {
    const write = () => this.parts.file.write(identity());
    return this.#written = this.#written.then(write, write);
  }

  async #code(): Promise<string | undefined> {
    try {
      return await this.parts.joinCode();
    } catch (fault) {
      this.parts.log.warn("join code not read", { fault });
      return undefined;
    }
  }

  /** Joins with the code there is, waiting for one and for the tracker until `signal` fires. */
  async join(presented: Presented, signal: AbortSignal): Promise<void> {
    let told = "";
    for (let attempt = 0; this.#identity === undefined && !signal.aborted; attempt++) {
      try {
        if (await this.joinOnce(presented, signal)) return;
        told = this.#tellOnce(told, "waiting for a join code", {});
      } catch (error) {
        if (signal.aborted) return;
        const fault = asFault(error);
        // Another seeder has it: this disk is a copy of another's, or was put back as it was.
        if (fault.code === "identity-taken") await this.parts.attempts.forget();
        told = this.#tellOnce(told, "cannot join yet", { fault, next: fault.next });
      }
      const pauseMs = backoffMs(this.parts.random, attempt, pauseMsFirst, pauseMsMost);
      await this.parts.clock.sleep(pauseMs, signal).catch(() => {});
    }
  }

  #tellOnce(before: string, event: string, fields: { fault?: Fault; next?: string }): string {
    const text = `${event} ${fields.fault?.code ?? ""}`;
    if (text !== before) this.parts.log.warn(event, fields);
    return text;
  }

  /**
   * One try to join. A seeder without an identity writes down under which id it asks before it
   * does, so that a join that was done is found again, whatever happens to the answer, to this
   * process or to the power. False when there is no code.
   * @throws Fault what the tracker answers, `code-invalid`, `config-invalid`, `tracker-unreachable`
   */
  async joinOnce(presented: Presented, signal: AbortSignal): Promise<boolean> {
    const { parts } = this;
    const code = await this.#code();
    if (code === undefined) return false;
    const { claims, text, codeId, secret } = readCodeFor("join", code);
    if (this.#identity !== undefined) trackerByCode(code, this.#identity);
    const address = parts.trackerAddress ?? claims.tracker;
    const { seederId, attempt } = this.#identity ?? await parts.attempts.of(claims.clusterId);
    const generation = this.#identity?.generation ?? 0;
    const capacityBytes = await parts.capacityBytes();
    const sealedAttempt = sealUnderCode(secret, randomHex(parts.random, 24), seederId, attempt);
    const self = { text, seederId, sealedAttempt, generation, capacityBytes };
    const reply = await parts.line.askAs(
      proverOfCode({ codeId, secret }, randomHex(parts.random, 32)),
      address,
      limits.trackerCallMs,
      signal,
      (tracker, inner) => tracker.join({ ...self, ...presented }, { signal: inner }),
    ).catch((error) => {
      throw codeFault(asFault(error));
    });
    checkCluster(reply.clusterId, claims.clusterId);
    const identity: Identity = {
      ...{ seederId, attempt, ...joinedBy(secret, seederId, reply) },
      ...{ trackerAddress: claims.tracker, heard: this.#identity?.heard },
    };
    // A seeder that forgot its key at the next start would come back as a stranger: disk first.
    await this.#write(() => identity);
    this.#identity = identity;
    await parts.attempts.forget();
    parts.log.info("joined", { seederId, clusterId: reply.clusterId, tracker: address });
    return true;
  }
}

/** What the reply gives, its key opened. @throws Fault `code-invalid` */
function joinedBy(
  secret: SecretKey,
  seederId: SeederId,
  { clusterId, generation, sealedKey }: z.output<typeof JoinReply>,
): Pick<Identity, "clusterId" | "generation" | "seederKey"> {
  const about = aboutJoin(clusterId, seederId, generation);
  const seederKey = SecretKey.parse(unsealUnderCode(secret, sealedKey, about));
  return { clusterId, generation, seederKey };
}

function checkCluster(found: ClusterId, expected: ClusterId): void {
  if (found === expected) return;
  throw new Fault(
    "config-invalid",
    `the tracker is of cluster ${found}, the join code of ${expected}`,
    { next: "check the tracker's address" },
  );
}
