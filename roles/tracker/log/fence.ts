/**
 * What another tracker of this cluster wrote, and this one lacks: the record of a later start, of
 * another start with the same epoch, or of an operation. Only what such a tracker signed counts. It
 * never wears off: it is in the catalog, and a start that has a higher epoch finds it there.
 */
import {
  Fault,
  isSigned,
  LogMark,
  type LogPosition,
  type SecretKey,
} from "../../../protocol/mod.ts";
import type { Log } from "../../kit/log.ts";
import type { Catalog } from "../catalog/catalog.ts";

export const fencedSetting = "fenced-by";

export interface FenceParts {
  readonly catalog: Catalog;
  readonly clusterKey: SecretKey;
  /** The record of this start. */
  readonly begun: LogMark;
  /** As the catalog has it. */
  readonly fenced: string | undefined;
  readonly log: Log;
}

export class Fence {
  #later: LogMark | undefined;

  constructor(private readonly parts: FenceParts) {
    const { fenced } = parts;
    if (fenced !== undefined) this.#later = LogMark.parse(JSON.parse(fenced));
  }

  get later(): LogMark | undefined {
    return this.#later;
  }

  /** @throws `stale-epoch` */
  check(): void {
    const { begun } = this.parts;
    if (this.#later === undefined) return;
    const isFork = begun.epoch === this.#later.epoch && begun.term !== this.#later.term;
    const other = isFork
      ? "another one began with the same epoch: two trackers of one state, or two rebuilds, ran"
      : `its seeders have what one of epoch ${this.#later.epoch} wrote`;
    throw new Fault("stale-epoch", `this tracker has epoch ${begun.epoch}; ${other}`);
  }

  /** @throws `unauthenticated` for what no tracker of this cluster wrote */
  checkSigned(mark: LogPosition): void {
    if (isSigned(this.parts.clusterKey, mark)) return;
    throw new Fault("unauthenticated", "no tracker of this cluster wrote that record of the log");
  }

  /**
   * A seeder tells which start it heard. True when that is another tracker's, and not an earlier
   * one's. @throws `unauthenticated`
   */
  async hear(heard: LogMark | undefined): Promise<boolean> {
    const { begun, log } = this.parts;
    if (heard === undefined || heard.epoch < begun.epoch || heard.term === begun.term) return false;
    this.checkSigned(heard);
    log.error("another tracker has taken over: nothing is acknowledged any more", {
      ...{ epoch: begun.epoch, term: begun.term },
      ...{ epochHeard: heard.epoch, termHeard: heard.term },
      next: "stop this tracker",
    });
    await this.raise(heard);
    return true;
  }

  /** In memory first; on disk so that a start before the first word of a seeder knows it too. */
  async raise(later: LogMark): Promise<void> {
    if (this.#later !== undefined && this.#later.epoch >= later.epoch) return;
    this.#later = later;
    const value = JSON.stringify(later);
    try {
      await this.parts.catalog.transaction((tx) => tx.putSetting(fencedSetting, value));
    } catch (fault) {
      this.parts.log.warn("what another tracker wrote was not kept", { fault });
    }
  }
}
