/**
 * A tracker with an empty disk from a file that `offshore backup` wrote: the snapshot it begins
 * with, where it has one, and the operations after that, each checked with its signature and done
 * again. Broken off, it goes on where it was when it is started again.
 */
import { type RecoveryCode, type SnapshotMark, unsealKey } from "../../../protocol/mod.ts";
import { readBackup } from "../../kit/backup_file.ts";
import { SnapshotFolder, type SnapshotReceiver } from "../../kit/snapshot_folder.ts";
import { ClusterKeys } from "../cluster_keys.ts";
import { LogIntake } from "../log/log_intake.ts";
import { restoreSnapshot, rowsAtOnceAlone } from "../snapshots/snapshot_restore.ts";
import { beginIntake, endIntake, markBegun, type RebuildParts } from "./way_back.ts";

const politeMs = 2;

/**
 * Up to which operation it goes; 0 when that was done before. @throws Fault `config-corrupt` when
 * the file is damaged or cut off; `code-invalid`; `config-invalid` when there is a cluster in the
 * folder already
 */
export async function restoreFile(
  parts: RebuildParts & { readonly recoveryCode: RecoveryCode },
  path: string,
): Promise<number> {
  const { catalog, disk, stateDirectory, clock, log } = parts;
  const folder = new SnapshotFolder(disk, `${stateDirectory}/snapshots`, log);
  let keys: ClusterKeys | undefined;
  let receiver: SnapshotReceiver | undefined;
  let intake: LogIntake | undefined;
  let mark: SnapshotMark | undefined;
  let done = false;
  const head = await readBackup(disk, path, {
    head: async ({ clusterId, card, base }) => {
      mark = base;
      const clusterKey = unsealKey(parts.recoveryCode, card.sealedKey);
      keys = new ClusterKeys({ clusterId, clusterKey });
      done = !await beginIntake(parts);
      if (done) return;
      if (await catalog.read((view) => view.logHead()) === undefined) {
        await catalog.transaction(async (tx) => {
          await tx.reset();
          await markBegun(tx);
        });
      }
      if (base === undefined) intake = await LogIntake.open(catalog, clusterKey);
      else {
        await folder.open();
        if (!folder.has(base)) receiver = await folder.receive(base);
      }
    },
    snapshot: async (text) => {
      // What is there already of it was written by an earlier try, from the same file.
      const rest = receiver === undefined ? "" : receiver.restOf(text);
      if (rest !== "") await receiver?.take(rest);
    },
    based: async () => {
      if (done || keys === undefined || mark === undefined) return;
      const { clusterKey } = keys;
      if (await catalog.read((view) => view.logHead()) === undefined) {
        const file = { disk, path: folder.pathOf(mark) };
        const pause = () => clock.sleep(politeMs);
        await restoreSnapshot(catalog, file, mark, clusterKey, pause, rowsAtOnceAlone);
      }
      intake = await LogIntake.open(catalog, clusterKey);
    },
    records: async (records) => await intake?.take(records),
  });
  receiver?.close();
  if (done || keys === undefined || intake === undefined) return 0;
  const { sequence, epoch: last } = intake.position;
  const epoch = await endIntake(parts, keys, Math.max(head.epoch, last));
  log.info("restored", { path, operations: sequence, epoch });
  return sequence;
}
