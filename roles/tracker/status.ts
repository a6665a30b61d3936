/** The cluster on one screen: what the tracker knows of its seeders, files and chunks. */
import type { ClusterStatus, SeederId, SeederView } from "../../protocol/mod.ts";
import { version } from "../kit/version.ts";
import type { Core } from "./core.ts";
import { trashLimits } from "./trash.ts";
import type { Member } from "./members.ts";

/** Counting copies touches every chunk, so many screens share one count for this long. */
const countLifeMs = 1_000;

export class Status {
  #counted: { atMs: number; below: Promise<{ atRisk: number; unavailable: number }> } | undefined;

  constructor(private readonly core: Core) {}

  async read(): Promise<ClusterStatus> {
    const { core } = this;
    const nowMs = core.now();
    const { atRisk, unavailable } = await this.#chunksBelow(nowMs);
    const { totals, trash, uploadsOpen, head } = await core.catalog.read(async (view) => ({
      totals: await view.totals(),
      trash: await view.trashSums(),
      uploadsOpen: await view.uploadCount(),
      head: await view.logHead(),
    }));
    return {
      clusterId: core.keys.clusterId,
      epoch: core.epoch,
      version,
      nowMs,
      upSinceMs: core.upSinceMs,
      seeders: core.members.all().map((member) => seederView(core, member, nowMs))
        .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
      chunks: totals.chunks,
      files: totals.files - trash.files,
      directories: totals.directories - trash.directories,
      links: totals.links - trash.links,
      fileBytes: totals.fileBytes - trash.fileBytes,
      trash: { ...trash, ...trashLimits(core) },
      chunksAtRisk: atRisk,
      chunksUnavailable: unavailable,
      uploadsOpen,
      logSequence: head?.sequence ?? 0,
      copiesDefault: core.copiesDefault,
    };
  }

  #chunksBelow(nowMs: number): Promise<{ atRisk: number; unavailable: number }> {
    const { core } = this;
    if (this.#counted !== undefined && nowMs - this.#counted.atMs < countLifeMs) {
      return this.#counted.below;
    }
    const below = core.catalog.read((view) => view.chunksBelow(core.members.live(nowMs)));
    this.#counted = { atMs: nowMs, below };
    // A count that failed is not handed to the next who asks.
    below.catch(() => this.#counted = undefined);
    return below;
  }
}

function seederView(core: Core, member: Member, nowMs: number): SeederView {
  const { seederId, name, zone, address } = member.row;
  const { writable, trouble, space, chunkCount, heardMs } = member;
  return {
    seederId,
    name,
    zone,
    address,
    state: core.members.stateOf(member, nowMs),
    silentMs: heardMs === undefined ? null : Math.max(0, nowMs - heardMs),
    writable,
    ...(trouble === undefined ? {} : { trouble }),
    space,
    chunkCount,
    ...scrubOf(core, seederId),
  };
}

function scrubOf(core: Core, seederId: SeederId): Pick<SeederView, "scrub"> {
  const progress = core.scrubs.progressOf(seederId);
  if (progress === undefined) return {};
  const { corruptChunks, corruptMs, unreadableChunks } = progress;
  const verifiedMs = core.scrubs.allVerifiedMs(seederId) || null;
  return { scrub: { verifiedMs, corruptChunks, corruptMs, unreadableChunks } };
}
