/**
 * `watchDrops` looks at every copy that is given up on a disk, at the moment it is: so many others
 * must be left as the versions that name the chunk ask for, both in the tracker's records and on
 * disks. A copy that was just destroyed counts for a while: the tracker may have found it good.
 *
 * It does not check bytes (`nothingLost` does), whether the other machines run at that moment, and
 * chunks that no version names any more.
 */
import type { ChunkId } from "../../../protocol/mod.ts";
import type { Cluster } from "../machine/cluster.ts";
import type { Machine } from "../machine/world.ts";

/** As long as a word of a good copy counts, and an order founded on it may be carried out. */
const wordMs = 3 * 60_000;

export interface DropsExcused {
  /** When data was destroyed last, and where. */
  readonly destroyedMs: () => number | undefined;
  readonly victim: Machine | undefined;
  /** The client was told of fewer copies than wanted. */
  readonly isAtRisk: (chunkId: ChunkId) => boolean;
  /** How many copies in their own files people took away lately. */
  readonly takenLately?: (chunkId: ChunkId) => number;
}

/** Calls `fail` for each drop that should not have been; how many drops there were. */
export function watchDrops(
  cluster: Cluster,
  excused: DropsExcused,
  fail: (problem: string) => void,
): () => number {
  let drops = 0;
  cluster.onDrop = async (machine, chunkId) => {
    drops++;
    const { wanted, holders, ids } = await cluster.recorded().read(async (view) => ({
      wanted: (await view.chunkUses([chunkId]))[0]?.wanted ?? 0,
      holders: (await view.holders([chunkId])).get(chunkId) ?? [],
      ids: (await view.seeders()).filter(({ name }) => name === machine.name)
        .map(({ seederId }) => seederId),
    }));
    const confirmed = holders.filter((seederId) => !ids.includes(seederId)).length;
    const onDisks =
      cluster.seeders.filter((other) =>
        other !== machine && cluster.stores.get(other)?.holds(chunkId) === true
      ).length;
    const { elapsedMs } = cluster.world.timeline;
    const destroyedMs = excused.destroyedMs() ?? -Infinity;
    const lately = excused.victim !== machine && elapsedMs - destroyedMs < wordMs ? 1 : 0;
    const taken = excused.takenLately?.(chunkId) ?? 0;
    const needed = excused.isAtRisk(chunkId) ? Math.min(1, wanted) : wanted - lately - taken;
    if (confirmed >= needed && onDisks >= needed) return;
    fail(
      `${machine.name} gives ${chunkId.slice(0, 12)} up, of which ${wanted} copies are wanted, ` +
        `${confirmed} others confirmed and ${onDisks} others on disks`,
    );
  };
  return () => drops;
}
