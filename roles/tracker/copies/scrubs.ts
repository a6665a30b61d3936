/**
 * What the seeders' scrubs have told: how far they are, and when the copies of each shelf were last
 * verified. Which copies turned out bad is told elsewhere (`lost.ts`).
 *
 * Kept in memory and, so that a restart of the tracker does not forget the seeders that are silent
 * just then, as one setting a seeder.
 */
import * as z from "zod";
import {
  type ChunkId,
  Fault,
  limits,
  ScrubProgress,
  type ScrubReport,
  type ScrubStatusReply,
  type SeederId,
  shelfOf,
  ShelfTimes,
} from "../../../protocol/mod.ts";
import type { CatalogView } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";

const Kept = z.strictObject({ verifiedMs: ShelfTimes, progress: ScrubProgress });
type Kept = z.output<typeof Kept>;

/** Reports are written down no more often than this. */
const keepMs = 10_000;

export interface ScrubNeeds extends Pick<Ground, "catalog" | "now"> {
  readonly members: Members;
}

/** Where what was told is asked for. */
export interface ScrubView extends Pick<ScrubNeeds, "members" | "now"> {
  readonly scrubs: Scrubs;
}

export class Scrubs {
  readonly #kept = new Map<SeederId, Kept>();
  readonly #keptMs = new Map<SeederId, number>();
  readonly #asked = new Map<SeederId, number>();

  private constructor(private readonly needs: ScrubNeeds) {}

  /**
   * What the tracker before knew of these seeders. A setting that cannot be read is passed over.
   */
  static async open(
    needs: ScrubNeeds,
    view: CatalogView,
    seederIds: readonly SeederId[],
  ): Promise<Scrubs> {
    const scrubs = new Scrubs(needs);
    for (const seederId of seederIds) {
      const text = await view.setting(settingOf(seederId));
      const parsed = Kept.safeParse(text === undefined ? undefined : jsonOf(text));
      if (parsed.success) scrubs.#kept.set(seederId, parsed.data);
    }
    return scrubs;
  }

  /** @throws Fault `seeder-unknown` */
  async take(report: ScrubReport): Promise<void> {
    const core = this.needs;
    const { seederId, bootId, verifiedMs, progress } = report;
    const member = core.members.get(seederId);
    if (member === undefined) {
      throw new Fault("seeder-unknown", `no seeder with the id ${seederId} has joined`);
    }
    if (member.bootIdsReplaced.has(bootId)) return;
    const nowMs = core.now();
    this.#kept.set(seederId, { verifiedMs, progress });
    const isDue = nowMs - (this.#keptMs.get(seederId) ?? -Infinity) >= keepMs;
    if (!isDue) return;
    this.#keptMs.set(seederId, nowMs);
    await core.catalog.transaction((tx) =>
      tx.putSetting(settingOf(seederId), JSON.stringify({ verifiedMs, progress }))
    );
  }

  /** These seeders shall read at once all that they have not read since now. */
  ask(seederIds: readonly SeederId[], nowMs: number): void {
    for (const seederId of seederIds) this.#asked.set(seederId, nowMs);
  }

  /** What was asked of this seeder and is not done yet, for the reply to its heartbeat. */
  askedOf(seederId: SeederId): number | undefined {
    const askedMs = this.#asked.get(seederId);
    const kept = this.#kept.get(seederId);
    const isDone = askedMs !== undefined && kept !== undefined &&
      kept.progress.pace !== "asked" && kept.verifiedMs.every((ms) => ms >= askedMs);
    if (isDone) this.#asked.delete(seederId);
    return isDone ? undefined : askedMs;
  }

  progressOf(seederId: SeederId): ScrubProgress | undefined {
    return this.#kept.get(seederId)?.progress;
  }

  /** The copy of this chunk there was verified at this time or later; 0 where that is not known. */
  verifiedMs(seederId: SeederId, chunkId: ChunkId): number {
    return this.#kept.get(seederId)?.verifiedMs[shelfOf(chunkId)] ?? 0;
  }

  /** The same for all that the seeder holds. */
  allVerifiedMs(seederId: SeederId): number {
    const kept = this.#kept.get(seederId);
    return kept === undefined ? 0 : Math.min(...kept.verifiedMs);
  }
}

function settingOf(seederId: SeederId): string {
  return `scrub ${seederId}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function scrubStatus(core: ScrubView): ScrubStatusReply {
  const nowMs = core.now();
  const seeders = core.members.all().map((member) => {
    const { seederId, name } = member.row;
    const progress = core.scrubs.progressOf(seederId);
    const askedMs = core.scrubs.askedOf(seederId);
    return {
      seederId,
      name,
      state: core.members.stateOf(member, nowMs),
      chunkCount: member.chunkCount,
      verifiedMs: core.scrubs.allVerifiedMs(seederId) || null,
      ...(askedMs === undefined ? {} : { askedMs }),
      ...(progress === undefined ? {} : { progress }),
    };
  });
  seeders.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return { nowMs, roundMs: limits.scrubRoundMs, ageMaxMs: limits.scrubAgeMaxMs, seeders };
}

/** @throws Fault `seeder-unknown` */
export function scrubNow(core: ScrubView, seederIds: readonly SeederId[]): { askedMs: number } {
  const stranger = seederIds.find((seederId) => core.members.get(seederId) === undefined);
  if (stranger !== undefined) {
    throw new Fault("seeder-unknown", `no seeder with the id ${stranger} has joined`);
  }
  const askedMs = core.now();
  core.scrubs.ask(seederIds, askedMs);
  return { askedMs };
}
