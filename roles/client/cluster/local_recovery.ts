/**
 * The day the tracker's folder of a local cluster is gone and its seeders' folders are not. A new
 * tracker would be another cluster's, and their files would have no names any more: so `up` refuses
 * to make one, and takes the old one's state from the seeders when it is told to. The recovery code
 * this needs is kept beside the roles' folders, not only in the one that may be lost.
 */
import * as z from "zod";
import { Fault } from "../../../protocol/mod.ts";
import { writeBeside } from "../../kit/beside.ts";
import { type Disk, readWhole } from "../../kit/disk.ts";
import type { Random } from "../../kit/random.ts";

/** Of a seeder's `seeder.json`, all that is of interest here. */
const SeederFile = z.object({ clusterId: z.string() });

/** Where the recovery code of the cluster in this folder is kept. */
export function recoveryCodePath(disks: string): string {
  return `${disks}/recovery-code`;
}

/**
 * What the tracker must be given besides its usual flags: nothing, or those of a rebuild.
 * @throws Fault `config-invalid` when there are seeders of a cluster and no tracker, or a rebuild
 * is asked for and there is a tracker, or no code
 */
export async function trackerBegins(
  disk: Disk,
  disks: string,
  rebuild: boolean,
): Promise<Record<string, string>> {
  const there = await disk.stat(`${disks}/tracker/.offshore/tracker/cluster.json`) !== undefined;
  if (there && !rebuild) return {};
  if (there) {
    throw new Fault("config-invalid", `${disks}/tracker holds a tracker's state`, {
      next: "start without --rebuild, or move that folder away first",
    });
  }
  const clusterId = await clusterOfSeeders(disk, disks);
  const code = await textOf(disk, recoveryCodePath(disks));
  if (!rebuild) {
    if (clusterId === undefined) return {};
    const from = code === undefined
      ? `write its recovery code into ${recoveryCodePath(disks)}, then type`
      : "type";
    throw new Fault(
      "config-invalid",
      `the tracker's folder ${disks}/tracker is gone or empty, and the seeders here belong to ` +
        `cluster ${clusterId}: a new tracker would not know their files`,
      { next: `bring the folder back; or ${from}: offshore up --rebuild (docs/RECOVERY.md)` },
    );
  }
  if (clusterId === undefined) {
    throw new Fault("config-invalid", `no seeder in ${disks} belongs to a cluster`, {
      next: "start without --rebuild",
    });
  }
  if (code === undefined) {
    throw new Fault("no-credentials", `there is no recovery code in ${recoveryCodePath(disks)}`, {
      next: "write the line there that the tracker kept in codes/recovery",
    });
  }
  return { OFFSHORE_REBUILD: "true", OFFSHORE_RECOVERY_CODE_FILE: recoveryCodePath(disks) };
}

/** Keeps the code that the tracker made; true when it was not kept before. */
export async function keepRecoveryCode(
  disk: Disk,
  random: Random,
  disks: string,
): Promise<boolean> {
  const path = recoveryCodePath(disks);
  const code = await textOf(disk, `${disks}/tracker/.offshore/tracker/codes/recovery`);
  if (code === undefined || code === await textOf(disk, path)) return false;
  const bytes = new TextEncoder().encode(`${code}\n`);
  await writeBeside(disk, random, path, bytes, 0o600);
  return true;
}

async function clusterOfSeeders(disk: Disk, disks: string): Promise<string | undefined> {
  if (await disk.stat(disks) === undefined) return undefined;
  for (const { name } of await disk.list(disks)) {
    if (!/^seeder-\d+$/.test(name)) continue;
    const text = await textOf(disk, `${disks}/${name}/.offshore/seeder/seeder.json`);
    if (text === undefined) continue;
    try {
      return SeederFile.parse(JSON.parse(text)).clusterId;
    } catch {
      // Damaged: the seeder itself says so at its start.
    }
  }
  return undefined;
}

async function textOf(disk: Disk, path: string): Promise<string | undefined> {
  const bytes = await readWhole(disk, path);
  const text = bytes === undefined ? "" : new TextDecoder().decode(bytes).trim();
  return text === "" ? undefined : text;
}
