/**
 * Finds chunks that may need something, a bounded number each second: those short of holdings,
 * those that an absent or drained seeder holds, and now and then all. It only names them; what
 * they need is decided by the plans.
 */
import type { ChunkEntry, SeederId } from "../../../protocol/mod.ts";
import type { Ground } from "../ground.ts";
import { type ClusterView, isLive } from "../plan/view.ts";

const pageChunks = 500;
/** A walk that came to its end begins again after this: graces end, copies fail. */
const pauseMs = 5_000;

/** A cursor over chunks in order of id. */
interface Walk {
  after: string | undefined;
  endedMs: number | undefined;
}

export class HealingFinder {
  readonly #short: Walk = { after: undefined, endedMs: undefined };
  readonly #absent = new Map<SeederId, Walk>();
  #all: Walk | undefined;

  /** Chunks that may be below their copies. */
  async nextBelow(core: Pick<Ground, "catalog">, cluster: ClusterView): Promise<ChunkEntry[]> {
    const found: ChunkEntry[] = [];
    const { nowMs } = cluster;
    await core.catalog.read(async (view) => {
      if (isDue(this.#short, nowMs)) {
        const page = await view.shortChunks(this.#short.after, pageChunks);
        step(this.#short, page, nowMs);
        found.push(...page);
      }
      for (const seederId of this.#walked(cluster)) {
        const walk = this.#absent.get(seederId);
        if (walk === undefined || !isDue(walk, nowMs)) continue;
        const page = await view.holdingsOf(seederId, walk.after, pageChunks);
        step(walk, page, nowMs);
        found.push(...page);
      }
    });
    return found;
  }

  /** Seeders whose chunks may have too few copies elsewhere. A walk begins when one joins them. */
  #walked(cluster: ClusterView): SeederId[] {
    const now = cluster.seeders.filter(({ state, leaving }) => !isLive(state) || leaving === true)
      .map(({ seederId }) => seederId);
    for (const seederId of this.#absent.keys()) {
      if (!now.includes(seederId)) this.#absent.delete(seederId);
    }
    for (const seederId of now) {
      if (this.#absent.has(seederId)) continue;
      this.#absent.set(seederId, { after: undefined, endedMs: undefined });
    }
    return now;
  }

  /** Begins a walk over all chunks, or begins it again. */
  startAll(): void {
    this.#all = { after: undefined, endedMs: undefined };
  }

  get walksAll(): boolean {
    return this.#all !== undefined;
  }

  /** The next chunks of the walk over all; empty and over when there are none left. */
  async nextOfAll(core: Pick<Ground, "catalog">): Promise<ChunkEntry[]> {
    const walk = this.#all;
    if (walk === undefined) return [];
    const page = await core.catalog.read((view) => view.heldChunks(walk.after, pageChunks * 2));
    walk.after = page.at(-1)?.chunkId;
    if (page.length < pageChunks * 2 && this.#all === walk) this.#all = undefined;
    return page;
  }
}

function isDue(walk: Walk, nowMs: number): boolean {
  return walk.endedMs === undefined || nowMs - walk.endedMs >= pauseMs;
}

function step(walk: Walk, page: readonly ChunkEntry[], nowMs: number): void {
  const over = page.length < pageChunks;
  walk.after = over ? undefined : page.at(-1)?.chunkId;
  walk.endedMs = over ? nowMs : undefined;
}
