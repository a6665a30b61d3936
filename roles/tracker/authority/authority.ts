/**
 * Says what this tracker may do now. It alone makes permits; whoever acknowledges, orders or gives
 * up takes one as an argument, so that forgetting to ask does not compile. A permit is asked for at
 * the moment of the act and never kept: what is true before an await may not be after it.
 *
 * It begins by proving that its disk is the latest there is, at every start (`plan/authority.ts`).
 * That a later log exists is written down before anything else and outlives every restart: only
 * catching up or a rebuild ends it. Who has which log it hears from the keepers of the log
 * (`Witnesses`), when a loss is too large from the brake (`copies/loss_guard.ts`).
 */
import * as z from "zod";
import {
  type AuthorityStatus,
  Fault,
  isSigned,
  LogMark,
  type SecretKey,
  type SeederId,
} from "../../../protocol/mod.ts";
import type { Log } from "../../kit/log.ts";
import type { Catalog } from "../catalog/catalog.ts";
import {
  type Brake,
  type Fence,
  foreignLog,
  isAnother,
  isLater,
  isProvedBy,
  standingOf,
  type Word,
} from "../plan/authority.ts";

/** What the keepers of the log have shown since this tracker started. */
export interface Witnesses {
  word(): Word;
  /** Whether something was written to this log since the start that no start writes. */
  hasGoneOn(): boolean;
}

let acknowledging: (alone: boolean) => AcknowledgePermit;
let ordering: () => OrderPermit;
let givingUp: () => GiveUpPermit;

/** To commit an operation and to tell whoever asked for it that it is done. */
export class AcknowledgePermit {
  protected readonly kind = "acknowledge";
  /** @param alone the tracker's own disk may be enough, where no keeper is asked */
  private constructor(readonly alone: boolean) {}
  static {
    acknowledging = (alone) => new AcknowledgePermit(alone);
  }
}

/** To tell seeders what to do. */
export class OrderPermit {
  protected readonly kind = "order";
  private constructor() {}
  static {
    ordering = () => new OrderPermit();
  }
}

/** To let go of a copy, a version, a seeder, or the beginning of the log. */
export class GiveUpPermit {
  protected readonly kind = "give-up";
  private constructor() {}
  static {
    givingUp = () => new GiveUpPermit();
  }
}

/** What giving up and ordering ask, without the faults. */
export interface Permits {
  order(): OrderPermit | undefined;
  giveUp(): GiveUpPermit | undefined;
}

export const fencedSetting = "fenced-by";
const Kept = z.strictObject({ later: LogMark, parted: z.boolean() });

/** As the last tracker on this disk left it. */
export function fenceOf(kept: string | undefined): Fence | undefined {
  return kept === undefined || kept === "" ? undefined : Kept.parse(JSON.parse(kept));
}

export interface AuthorityParts {
  readonly catalog: Catalog;
  readonly clusterKey: SecretKey;
  /** The record of this start; while fenced, the last of this log. */
  readonly begun: LogMark;
  /** Records of a lower epoch that are not in the log were given up by a rebuild. */
  readonly rebuiltEpoch: number;
  readonly fence: Fence | undefined;
  readonly witnesses: () => Witnesses;
  readonly brake: () => Brake | undefined;
  readonly nameOf: (seederId: SeederId) => string;
  readonly log: Log;
}

export class Authority implements Permits {
  #fence: Fence | undefined;
  #isProved = false;
  #told = "";
  readonly #listeners: ((fault: Fault) => void)[] = [];

  constructor(private readonly parts: AuthorityParts) {
    this.#fence = parts.fence;
  }

  /** For a person. */
  get standing(): AuthorityStatus {
    const { begun, witnesses, brake, nameOf } = this.parts;
    const word = witnesses().word();
    this.#isProved ||= this.#fence === undefined && isProvedBy(word);
    const facts = { begun, word, fence: this.#fence, brake: brake(), isProved: this.#isProved };
    const standing = standingOf(facts, nameOf);
    this.#tell(standing);
    return standing;
  }

  get isFenced(): boolean {
    return this.#fence !== undefined;
  }

  /** @throws Fault `stale-epoch` while a later log exists */
  acknowledge(): AcknowledgePermit {
    const { state, why, next } = this.standing;
    if (state === "fenced") throw fault("stale-epoch", why, next);
    return acknowledging(state !== "proving");
  }

  order(): OrderPermit | undefined {
    return this.isFenced ? undefined : ordering();
  }

  giveUp(): GiveUpPermit | undefined {
    return this.standing.state === "ruling" ? givingUp() : undefined;
  }

  /**
   * For a person who wants something given up. @throws Fault `tracker-proving`, `drops-stopped`,
   * `stale-epoch`
   * @param instead what to do now, where there is something
   */
  demandGiveUp(instead: string): GiveUpPermit {
    const permit = this.giveUp();
    if (permit !== undefined) return permit;
    const { state, why, next } = this.standing;
    if (state === "fenced") throw fault("stale-epoch", why, next);
    if (state === "stopped") throw fault("drops-stopped", why, next);
    const wait = "wait until status says that the tracker rules";
    throw fault(
      "tracker-proving",
      `the tracker has started and gives nothing up yet: ${why}`,
      instead === "" ? wait : `${instead}, or ${wait}`,
    );
  }

  /** Calls back when a later log turns up; those who wait for an acknowledgement get none. */
  onFence(listener: (fault: Fault) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * A seeder tells which start it heard last. @throws Fault `stale-epoch` when fenced,
   * `unauthenticated` for what no tracker of this cluster wrote
   */
  async hear(heard: LogMark | undefined): Promise<void> {
    if (heard !== undefined && isAnother(heard, this.parts.begun)) await this.#fenceBy(heard);
    this.acknowledge();
  }

  /**
   * A seeder has records that this log lacks. Resolves when they were given up long ago.
   * @throws Fault `stale-epoch` when they are of a later time, `unauthenticated`
   */
  async hearForeign(position: LogMark): Promise<void> {
    this.#checkSigned(position);
    if (foreignLog(position, this.parts.rebuiltEpoch) === "given-up") return;
    await this.#fenceBy(position);
    this.acknowledge();
  }

  #checkSigned(mark: LogMark): void {
    if (isSigned(this.parts.clusterKey, mark)) return;
    throw new Fault("unauthenticated", "no tracker of this cluster wrote that record of the log");
  }

  /** In memory first; on disk so that a start before the first word of a seeder knows it too. */
  async #fenceBy(later: LogMark): Promise<void> {
    this.#checkSigned(later);
    const { witnesses, catalog, log } = this.parts;
    const before = this.#fence;
    if (before !== undefined && !isLater(later, before.later)) return;
    this.#fence = { later, parted: before === undefined ? witnesses().hasGoneOn() : before.parted };
    const { why, next } = this.standing;
    for (const listener of this.#listeners) listener(fault("stale-epoch", why, next));
    try {
      const text = JSON.stringify(this.#fence);
      await catalog.transaction((tx) => tx.putSetting(fencedSetting, text));
    } catch (error) {
      log.warn("that a later log exists was not written down", { fault: error });
    }
  }

  #tell({ state, why, next }: AuthorityStatus): void {
    if (state === this.#told) return;
    this.#told = state;
    const level = state === "ruling" || state === "proving" ? "info" : "error";
    this.parts.log[level](`this tracker is ${state}`, { why, next });
  }
}

function fault(
  code: "stale-epoch" | "drops-stopped" | "tracker-proving",
  why = "",
  next = "",
): Fault {
  return new Fault(code, why, { next });
}
