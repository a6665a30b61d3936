/**
 * The tracker's snapshots: made in the background from the follower (`follower.ts`), and each
 * restored into a scratch catalog and compared before it counts. What is compared is the restored
 * catalog with the follower, row by row through the digest of all their lines: the live tables have
 * gone on meanwhile, and the check of those against the follower is fsck's.
 *
 * Afterwards what the snapshots stand for is let go: older snapshots, and the oldest operations of
 * the log, both only when seeders have enough (`plan/snapshots.ts`).
 */
import {
  Fault,
  isSameSnapshot,
  limits,
  type SecretKey,
  signRecord,
  type SnapshotMark,
} from "../../../protocol/mod.ts";
import type { ClusterId } from "../../../protocol/mod.ts";
import type { Log } from "../../kit/log.ts";
import { readSnapshot, type SnapshotFolder } from "../../kit/snapshot_folder.ts";
import type { Permits } from "../authority/authority.ts";
import type { Catalog, LogRow } from "../catalog/catalog.ts";
import type { Follower } from "../log/follower.ts";
import type { LogShipping } from "../log/log_shipping.ts";
import { isSnapshotDue, type SnapshotPace } from "../plan/snapshots.ts";
import type { Scratch } from "../log/scratch.ts";
import { markOf, type Pause, restoreSnapshot, writeSnapshot } from "./snapshot_restore.ts";

export interface SnapshotSettings extends SnapshotPace {
  /** Operations that stay in the tracker's log though snapshots would replace them. */
  readonly keepOperations: number;
}

export const snapshotSettings: SnapshotSettings = {
  everyOperations: limits.snapshotOperationsMin,
  everyMs: limits.snapshotEveryMs,
  share: limits.snapshotShare,
  keepOperations: limits.logOperationsMin,
};

export interface SnapshotsParts {
  readonly catalog: Catalog;
  readonly scratch: Scratch;
  readonly folder: SnapshotFolder;
  readonly follower: Follower;
  readonly shipping: LogShipping;
  readonly authority: Pick<Permits, "giveUp">;
  readonly clusterId: ClusterId;
  readonly clusterKey: SecretKey;
  readonly settings: SnapshotSettings;
  /** False while the disk is nearly full. */
  readonly mayGrow?: () => boolean;
  readonly now: () => number;
  readonly pause: Pause;
  readonly log: Log;
}

const stepMs = 1_000;
/** After a failure: what failed may take a while to be mended. */
const pauseMs = 60_000;
const trimmedAtOnce = 2_000;

export class Snapshots {
  #newest: { mark: SnapshotMark; lines: number; timeMs: number } | undefined;
  #firstMs: number | undefined;

  constructor(private readonly parts: SnapshotsParts) {}

  /** What the background has to do now; the pause until the next time. */
  async step(): Promise<number> {
    const { log } = this.parts;
    try {
      if (this.parts.mayGrow?.() !== false && await this.#isDue()) await this.make();
      await this.#letGo();
      return stepMs;
    } catch (fault) {
      const next = "see what is wrong with the log: fsck";
      log.error("no snapshot of the catalog", { fault, next });
      return pauseMs;
    }
  }

  async #isDue(): Promise<boolean> {
    const { shipping, settings, now, folder } = this.parts;
    const newest = folder.marks.at(-1);
    if (newest !== undefined && this.#newest?.mark !== newest) {
      const check = await readSnapshot(folder.disk, folder.pathOf(newest));
      this.#newest = { mark: newest, lines: check.lines, timeMs: check.head?.at.timeMs ?? 0 };
    }
    const head = { sequence: shipping.head.sequence, nowMs: now() };
    const last = newest === undefined || this.#newest === undefined
      ? { sequence: 0, timeMs: await this.#firstTimeMs(), lines: 0 }
      : { sequence: newest.sequence, timeMs: this.#newest.timeMs, lines: this.#newest.lines };
    return isSnapshotDue(head, last, settings);
  }

  async #firstTimeMs(): Promise<number> {
    if (this.#firstMs !== undefined) return this.#firstMs;
    const [first] = await this.parts.catalog.read((view) => view.logAfter(0, 1));
    // Where operation 1 is gone there was a snapshot, and a new one is due at once.
    if (first !== undefined) this.#firstMs = first.sequence === 1 ? first.timeMs : 0;
    return this.#firstMs ?? this.parts.now();
  }

  /** Makes one of the log as it is; undefined when there is one already. */
  async make(): Promise<SnapshotMark | undefined> {
    const { folder, follower, now, log, pause } = this.parts;
    return await follower.use(async ({ catalog, advance }) => {
      const startedMs = now();
      const head = await advance();
      if (head === undefined || folder.at(head.sequence) !== undefined) return undefined;
      const path = `${folder.directory}/making.part`;
      if (await folder.disk.stat(path) !== undefined) await folder.disk.remove(path);
      const mark = await writeSnapshot(catalog, this.#of(head), folder.disk, path, pause);
      await this.#prove(path, mark, head);
      await folder.adopt(path, mark);
      const { sequence, sizeBytes } = mark;
      log.info("snapshot made", { sequence, sizeBytes, ms: now() - startedMs });
      return mark;
    });
  }

  #of(head: LogRow) {
    const { clusterId, clusterKey } = this.parts;
    return { clusterId, clusterKey, at: signRecord(clusterKey, head) };
  }

  /** @throws Fault `internal` when what is restored from the file is not what the log says */
  async #prove(path: string, mark: SnapshotMark, head: LogRow): Promise<void> {
    const { scratch, folder, clusterKey, pause } = this.parts;
    await scratch.remove("restored");
    const restored = await scratch.open("restored");
    try {
      await restoreSnapshot(restored, { disk: folder.disk, path }, mark, clusterKey, pause);
      const again = await markOf(restored, this.#of(head), pause);
      if (!isSameSnapshot(again, mark)) {
        throw new Fault(
          "internal",
          `the snapshot at operation ${mark.sequence} restores otherwise`,
        );
      }
    } finally {
      await restored.close();
      await scratch.remove("restored");
    }
  }

  async #letGo(): Promise<void> {
    const { folder, shipping, catalog, settings, follower, log, authority } = this.parts;
    if (authority.giveUp() === undefined) return;
    const { keep, since } = shipping.news();
    for (const mark of folder.marks) {
      if (keep.some((each) => isSameSnapshot(each, mark))) continue;
      await folder.remove(mark);
    }
    if (since === undefined) return;
    const upTo = Math.min(
      since.sequence,
      shipping.head.sequence - settings.keepOperations,
      follower.sequence === 0 ? since.sequence : follower.sequence,
    );
    const start = Math.min(upTo, shipping.start + trimmedAtOnce);
    if (start <= shipping.start) return;
    const permit = authority.giveUp();
    if (permit === undefined) return;
    // Told first: a seeder is compared with no row that may be gone when it is looked up.
    shipping.trimmed(permit, start);
    const gone = await catalog.transaction((tx) => tx.trimLog(start, 2 * trimmedAtOnce));
    log.info("the tracker's log begins with operation", { start, gone });
  }
}
