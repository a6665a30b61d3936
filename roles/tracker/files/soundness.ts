/**
 * How well the copies of a file are: the fewest on live seeders over its chunks, and since when
 * each of them is known to be good at the least.
 */
import { type ChunkId, limits } from "../../../protocol/mod.ts";
import type { CatalogView, VersionRow } from "../catalog/catalog.ts";
import type { CopyRow } from "../catalog/holding_rows.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import type { Scrubs } from "../copies/scrubs.ts";

export interface Soundness {
  /** Absent without chunks. */
  readonly copiesLeast?: number;
  /**
   * Every copy on a live seeder was verified at this time or later; null where that is not known.
   */
  readonly verifiedMs?: number | null;
}

/** Of a longer file the answer is that of all its seeders' shelves: it has chunks on every one. */
const chunksLookedAtMax = 4 * limits.manifestPageChunksMax;

export interface SoundnessNeeds extends Pick<Ground, "now"> {
  readonly members: Members;
  readonly scrubs: Pick<Scrubs, "allVerifiedMs" | "verifiedMs">;
}

export async function soundnessOf(
  core: SoundnessNeeds,
  view: CatalogView,
  version: VersionRow,
): Promise<Soundness> {
  const live = core.members.live(core.now());
  const copiesLeast = await view.copiesLeast(version.versionId, live);
  if (copiesLeast === undefined) return {};
  const verifiedMs = version.chunkCount > chunksLookedAtMax
    ? Math.min(...live.map((seederId) => core.scrubs.allVerifiedMs(seederId)))
    : await oldestOf(core, view, version, new Set(live));
  return {
    copiesLeast,
    verifiedMs: Number.isFinite(verifiedMs) && verifiedMs > 0 ? verifiedMs : null,
  };
}

/**
 * What the scrub says of its shelf, or when it came, which is never earlier: its bytes were checked
 * on their way in. 0 where nothing is known.
 */
export function verifiedMsOf(
  scrubs: Pick<Scrubs, "verifiedMs">,
  chunkId: ChunkId,
  { seederId, cameMs = 0 }: CopyRow,
): number {
  return Math.max(scrubs.verifiedMs(seederId, chunkId), cameMs);
}

async function oldestOf(
  core: SoundnessNeeds,
  view: CatalogView,
  { versionId, chunkCount }: VersionRow,
  live: ReadonlySet<string>,
): Promise<number> {
  let oldestMs = Infinity;
  const page = limits.manifestPageChunksMax;
  for (let from = 0; from < chunkCount; from += page) {
    const entries = await view.manifest(versionId, from, page);
    for (const [chunkId, copies] of await view.copies(entries.map((one) => one.chunkId))) {
      for (const copy of copies) {
        if (!live.has(copy.seederId)) continue;
        oldestMs = Math.min(oldestMs, verifiedMsOf(core.scrubs, chunkId, copy));
      }
    }
  }
  return oldestMs;
}
