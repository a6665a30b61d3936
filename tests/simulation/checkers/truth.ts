/**
 * `catalogTellsTheTruth` compares the catalog of a world at rest with the disks, both ways: a
 * holding that no disk has would be counted on, a copy nobody knows of would lie there for ever. It
 * opens the real stores with no seeder running. It does not check bytes (`nothingLost` does), nor
 * what a write that failed has left on a disk: the seeder finds it at its next start and tells it.
 */
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { openDiskStore } from "../../../roles/seeder/mod.ts";
import { type Cluster, stateOf } from "../machine/cluster.ts";
import type { Machine } from "../machine/world.ts";

const everything = 1_000_000;

export async function catalogTellsTheTruth(cluster: Cluster): Promise<string[]> {
  const problems: string[] = [];
  const catalog = cluster.recorded();
  const rows = await catalog.read((view) => view.seeders());
  for (const machine of cluster.seeders) {
    const seederId = identityOn(machine);
    const row = rows.find((one) => one.seederId === seederId);
    if (row === undefined) {
      problems.push(`${machine.name} is not in the catalog`);
      continue;
    }
    const store = await openDiskStore({
      disk: machine.disk,
      directory: stateOf.seeder,
      folder: "/disk",
      clock: machine.clock,
      random: seededRandom(1),
      log: silentLog,
    });
    const onDisk = new Set((await store.list(undefined, everything)).map((one) => one.chunkId));
    await store.close();
    const held = await catalog.read((view) => view.holdingsOf(row.seederId, undefined, everything));
    const recorded = new Set(held.map(({ chunkId }) => chunkId));
    for (const chunkId of recorded) {
      if (!onDisk.has(chunkId)) problems.push(`${machine.name} has not ${chunkId.slice(0, 12)}`);
    }
    const known = cluster.stores.get(machine);
    for (const chunkId of onDisk) {
      if (!recorded.has(chunkId) && known?.holds(chunkId) === true) {
        problems.push(`${chunkId.slice(0, 12)} is unknown at ${row.name}`);
      }
    }
  }
  return problems;
}

/** Under which id it joined: after the loss of a disk there is a second one with its name. */
function identityOn(machine: Machine): string | undefined {
  const bytes = machine.disk.peek(`${stateOf.seeder}/seeder.json`);
  return bytes && JSON.parse(new TextDecoder().decode(bytes)).seederId;
}
