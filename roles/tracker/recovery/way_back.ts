/**
 * What every way back from nothing has in common, from seeders or from a file: the mark that a
 * catalog is being filled, and what stands beside the catalog in the end.
 */
import { Fault, limits, type RecoveryCode } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import { type Disk, readWhole } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import { fencedSetting, fenceOf } from "../authority/authority.ts";
import { isStart } from "../log/operations.ts";
import type { Catalog, CatalogTransaction } from "../catalog/catalog.ts";
import { type ClusterKeys, writeClusterKeys } from "../cluster_keys.ts";
import { latestBelieved, LeaseClock } from "../copies/lease_clock.ts";
import { keepSealed } from "./recovery.ts";

export const clusterIdSetting = "cluster-id";
/**
 * The first epoch of a tracker that was rebuilt. Records of a lower one that are not in its log
 * were given up.
 */
export const authoritySetting = "log-authority-epoch";
const intakeSetting = "log-intake";
const catchingUp = "catching-up";

/** What every way back from nothing is given. */
export interface RebuildParts {
  readonly catalog: Catalog;
  readonly disk: Disk;
  readonly stateDirectory: string;
  /** Absent where the disk has the key: when a log that was set back catches up. */
  readonly recoveryCode: RecoveryCode | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** @throws Fault `config-corrupt` when the catalog is of a rebuild that did not come to its end */
export async function refuseUnfinished(catalog: Catalog): Promise<void> {
  const state = await catalog.read((view) => view.setting(intakeSetting));
  if (state === catchingUp) {
    throw new Fault("config-corrupt", "this tracker's log did not come to the end of the others", {
      next: "start it with --catch-up again",
    });
  }
  if (state !== "begun") return;
  throw new Fault("config-corrupt", "this tracker's rebuild did not come to its end", {
    next: "start it with --rebuild (or --restore FILE) and the recovery code again",
  });
}

/**
 * Marks the catalog as being filled; false when it was filled before, so that a service may be
 * started again with the same flags. @throws Fault `config-invalid` when there is another cluster
 * here
 */
export async function beginIntake(parts: RebuildParts): Promise<boolean> {
  const { catalog, disk, stateDirectory } = parts;
  const { state, head } = await catalog.read(async (view) => ({
    state: await view.setting(intakeSetting),
    head: await view.logHead(),
  }));
  if (state !== undefined) return state === "begun";
  if (head !== undefined || await readWhole(disk, `${stateDirectory}/cluster.json`) !== undefined) {
    throw new Fault(
      "config-invalid",
      `${stateDirectory} is not empty: it holds a tracker's state`,
      {
        next: "start without --rebuild and --restore, or move the folder away first",
      },
    );
  }
  await catalog.transaction(markBegun);
  return true;
}

/**
 * Makes a catalog whose log was set back ready to be gone on with: the records of its own starts
 * are struck off its end, for the others have none of them, and they changed no table. False when
 * nothing says that there is a later log, so that a service may be started again with the flag.
 */
export async function beginCatchUp(catalog: Catalog): Promise<boolean> {
  return await catalog.transaction(async (tx) => {
    const state = await tx.setting(intakeSetting);
    if (state === catchingUp) return true;
    if (fenceOf(await tx.setting(fencedSetting)) === undefined) return false;
    let last = await tx.logHead();
    while (last !== undefined && isStart(last)) {
      const [before] = await tx.logAfter(last.sequence - 2, 1);
      if (before?.sequence !== last.sequence - 1) break;
      await tx.cutLog(before.sequence);
      last = before;
    }
    await tx.putSetting(intakeSetting, catchingUp);
    return true;
  });
}

/** The catalog is no tracker's until the intake ends. */
export function markBegun(tx: CatalogTransaction): Promise<void> {
  return tx.putSetting(intakeSetting, "begun");
}

/**
 * Leaves what a tracker starts from, under an epoch that no earlier tracker reaches.
 * @param leaseHeardMs the latest that a seeder heard of the lease clock: the next begins after it
 */
export async function endIntake(
  parts: RebuildParts,
  keys: ClusterKeys,
  highestEpoch: number,
  leaseHeardMs = 0,
): Promise<number> {
  const { catalog, disk, stateDirectory, random, clock, recoveryCode } = parts;
  const epoch = (Math.floor(highestEpoch / limits.epochsOfGenerationMax) + 1) *
    limits.epochsOfGenerationMax;
  if (recoveryCode !== undefined) {
    await writeClusterKeys(disk, stateDirectory, keys, clock.now());
    const recovery = { disk, stateDirectory, random, nowMs: clock.now() };
    await keepSealed(recovery, keys, recoveryCode);
  }
  await catalog.transaction(async (tx) => {
    await tx.putSetting(clusterIdSetting, keys.clusterId);
    await tx.putSetting(authoritySetting, String(epoch));
    const leaseMs = Math.min(leaseHeardMs, latestBelieved(clock));
    const before = Number(await tx.setting(LeaseClock.settingName) ?? 0);
    if (leaseMs > Math.max(before, clock.now())) {
      await tx.putSetting(LeaseClock.settingName, String(leaseMs));
    }
    await tx.putSetting(fencedSetting, "");
    await tx.putSetting(intakeSetting, "ended");
  });
  return epoch;
}
