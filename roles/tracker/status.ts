/** The cluster on one screen: what the tracker knows of its seeders, files and chunks. */
import {
  type ClusterStatus,
  type HealingStatus,
  limits,
  type Outsider,
  type SeederId,
  type SeederView,
} from "../../protocol/mod.ts";
import { version } from "../kit/version.ts";
import type { CatalogView } from "./catalog/catalog.ts";
import type { Core } from "./core.ts";
import { trashLimits } from "./files/trash.ts";
import type { Member } from "./seeders/members.ts";
import { versionsShare } from "./files/versions.ts";

const setAsideListed = 20;

/**
 * Counting copies touches every chunk, so many screens share one count for this long, as long as
 * the same seeders are live: whoever sees a seeder red shall see what that means.
 */
const countLifeMs = 1_000;

export class Status {
  #counted: {
    readonly atMs: number;
    readonly live: string;
    readonly below: Promise<{ atRisk: number; unavailable: number }>;
  } | undefined;

  constructor(private readonly core: Core) {}

  async read(): Promise<ClusterStatus> {
    const { core } = this;
    const nowMs = core.now();
    const { atRisk, unavailable } = await this.#chunksBelow(nowMs);
    const { totals, trash, versions, uploadsOpen, head, adopted } = await core.catalog.read(async (
      view,
    ) => ({
      totals: await view.totals(),
      trash: await view.trashSums(),
      versions: await view.oldVersionSums(),
      uploadsOpen: await view.uploadCount(),
      head: await view.logHead(),
      adopted: await adoptedOf(core, view),
    }));
    return {
      clusterId: core.keys.clusterId,
      epoch: core.start.epoch,
      version,
      nowMs,
      upSinceMs: core.upSinceMs,
      authority: core.authority.standing,
      seeders: core.members.all()
        .map((member) => ({ ...seederView(core, member, nowMs), ...adopted.get(member) }))
        .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
      outsiders: core.members.outsiders().map((member) => outsiderView(member, nowMs)),
      chunks: totals.chunks,
      files: totals.files - trash.files,
      directories: totals.directories - trash.directories,
      links: totals.links - trash.links,
      fileBytes: totals.fileBytes - trash.fileBytes,
      trash: { ...trash, ...trashLimits(core) },
      oldVersions: { ...versions, bytesMax: versionsShare(core).bytesMax },
      chunksAtRisk: atRisk,
      chunksUnavailable: unavailable,
      uploadsOpen,
      logSequence: head?.sequence ?? 0,
      log: core.shipping.status,
      copiesDefault: core.copiesDefault,
      healing: await this.#healing(nowMs, atRisk - unavailable),
    };
  }

  /** @param below chunks that lack copies and can be read */
  async #healing(nowMs: number, below: number): Promise<HealingStatus> {
    const { core } = this;
    const { healing } = core;
    const draining = core.members.all().filter((member) => member.isLeaving);
    const staying = core.members.live(nowMs).filter((id) =>
      core.members.get(id)?.isLeaving !== true
    );
    const { left, unproved, sums } = await core.catalog.read(async (view) => ({
      unproved: await Promise.all(
        draining.map(({ row: { seederId } }) =>
          view.chunksUnproved(
            seederId,
            staying,
            healing.proving.drainedSinceMs(seederId),
            limits.copiesMax,
          )
        ),
      ),
      left: draining.length === 0 ? below : (await view.chunksBelow(staying)).atRisk,
      sums: await Promise.all(
        core.members.all().map(({ row }) => view.holdingsSummary(row.seederId)),
      ),
    }));
    const chunks = sums.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
    const bytes = sums.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
    const bytesLeft = chunks === 0 ? 0 : Math.round(left * bytes / chunks);
    const speed = healing.bytesPerSecond(nowMs);
    return {
      pace: healing.pace,
      copying: healing.copying,
      moving: healing.moving,
      bytesPerSecond: speed,
      secondsLeft: left === 0 ? 0 : speed === 0 ? null : Math.ceil(bytesLeft / speed),
      setAsideCount: healing.setAside.size,
      setAside: healing.setAside.first(setAsideListed),
      stuck: healing.stuck.told(nowMs),
      drains: draining.map(({ row }, i) => ({
        seederId: row.seederId,
        chunksLeft: left,
        chunksUnproved: unproved[i] ?? 0,
        bytesLeft,
      })),
    };
  }

  #chunksBelow(nowMs: number): Promise<{ atRisk: number; unavailable: number }> {
    const { core } = this;
    const counted = this.#counted;
    const seeders = core.members.live(nowMs);
    const live = seeders.toSorted().join();
    if (counted?.live === live && nowMs - counted.atMs < countLifeMs) return counted.below;
    const below = core.catalog.read((view) => view.chunksBelow(seeders));
    this.#counted = { atMs: nowMs, live, below };
    // A count that failed is not handed to the next who asks.
    below.catch(() => this.#counted = undefined);
    return below;
  }
}

/** Of those that told something of files on their disk, or had some. */
async function adoptedOf(
  core: Core,
  view: CatalogView,
): Promise<Map<Member, Pick<SeederView, "adopted">>> {
  const found = new Map<Member, Pick<SeederView, "adopted">>();
  for (const member of core.members.all()) {
    const adopted = await core.adoptions.of(view, member.row.seederId, core.now());
    if (adopted.files > 0 || adopted.report !== undefined) found.set(member, { adopted });
  }
  return found;
}

function seederView(core: Core, member: Member, nowMs: number): SeederView {
  const { seederId, name, zone, address } = member.row;
  const until = member.row.maintenanceUntilMs ?? 0;
  const { writable, trouble, diskGone, space, chunkCount, heardMs } = member;
  return {
    seederId,
    name,
    zone,
    address,
    state: core.members.stateOf(member, nowMs),
    silentMs: heardMs === undefined ? null : Math.max(0, nowMs - heardMs),
    writable,
    ...(trouble === undefined ? {} : { trouble }),
    ...(diskGone === undefined ? {} : { diskGone }),
    space,
    ...asksOf(member),
    chunkCount,
    draining: member.isLeaving,
    ...(member.falseAnswers === undefined ? {} : { falseAnswers: member.falseAnswers }),
    ...(until > nowMs ? { maintenanceUntilMs: until } : {}),
    ...scrubOf(core, seederId),
  };
}

/** Sizes of a file system change a little by themselves: that is nothing to ask a person about. */
const growthShare = 1 / 64;

/** What it says of itself that nobody has accepted. */
function asksOf({ toldZone, told: { totalBytes }, row }: Member): Pick<SeederView, "asks"> {
  const hasMore = totalBytes > row.capacityBytes * (1 + growthShare);
  const isElsewhere = toldZone !== undefined && toldZone !== row.zone;
  if (!hasMore && !isElsewhere) return {};
  return {
    asks: {
      ...(isElsewhere ? { zone: toldZone } : {}),
      ...(hasMore ? { capacityBytes: totalBytes } : {}),
    },
  };
}

function outsiderView(member: Member, nowMs: number): Outsider {
  const { seederId, standing, name, address, zone, capacityBytes } = member.row;
  return {
    ...{ seederId, name, address, zone: member.toldZone ?? zone },
    standing: standing === "banned" ? standing : "pending",
    capacityBytes: member.told.totalBytes || capacityBytes,
    silentMs: member.heardMs === undefined ? null : Math.max(0, nowMs - member.heardMs),
  };
}

function scrubOf(core: Core, seederId: SeederId): Pick<SeederView, "scrub"> {
  const progress = core.scrubs.progressOf(seederId);
  if (progress === undefined) return {};
  const { corruptChunks, corruptMs, unreadableChunks } = progress;
  const verifiedMs = core.scrubs.allVerifiedMs(seederId) || null;
  return { scrub: { verifiedMs, corruptChunks, corruptMs, unreadableChunks } };
}
