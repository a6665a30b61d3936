/**
 * `leftovers` tells what a world at rest, whose graces are over, has not cleared away: uploads
 * whose lease has ended, chunks that nobody names, and files that were to live for a moment only,
 * on the disks of the tracker and the seeders.
 *
 * It does not check what is kept on purpose (quarantine, parts of interrupted downloads, logs set
 * aside), dead records inside packs, and chunks on disks that the catalog does not know of:
 * `catalogTellsTheTruth` finds those. Where a disk failed, a small file that was being replaced may
 * lie there half-written until it is written again or its role starts.
 */
import { type Cluster, stateOf } from "../machine/cluster.ts";

/** @param failed whether a disk failed or was full since its role started */
export async function leftovers(cluster: Cluster, failed: boolean): Promise<string[]> {
  const temporary = failed ? /\/tmp\/|\.part$/ : /\/tmp\/|\.new$|\.part$/;
  const problems: string[] = [];
  const { uploads, orphans } = await cluster.recorded().read(async (view) => ({
    uploads: await view.uploadCount(),
    orphans: await view.unreferenced(undefined, 1_000),
  }));
  if (uploads > 0) problems.push(`${uploads} uploads are open that nobody goes on with`);
  for (const { chunkId } of orphans) {
    problems.push(`${chunkId.slice(0, 12)} is held and nobody names it`);
  }
  const disks = [
    { machine: cluster.tracker, state: stateOf.tracker },
    ...cluster.seeders.map((machine) => ({ machine, state: stateOf.seeder })),
  ];
  for (const { machine, state } of disks) {
    for (const { path } of machine.disk.files(state)) {
      if (temporary.test(path)) problems.push(`${machine.name} has left ${path}`);
    }
  }
  return problems;
}
