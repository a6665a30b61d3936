/**
 * Opens a tracker over a catalog: its parts, and who is given which. What it does because somebody
 * asked is in `api.ts`, what it does by itself in `steps.ts`.
 */
import {
  BaseUrl,
  type CodePurpose,
  Fault,
  limits,
  Pace,
  positionOf,
  signRecord,
  type Transport,
} from "../../protocol/mod.ts";
import { trackerRoutes } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import { type Disk, removeUnfinished } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";
import { repeat } from "../kit/pace.ts";
import type { Random } from "../kit/random.ts";
import { SnapshotFolder } from "../kit/snapshot_folder.ts";
import { type App, serveRoutes } from "../kit/serve.ts";
import { Adoptions } from "./seeders/adoptions.ts";
import { acknowledged } from "./log/acknowledge.ts";
import { trackerHandlers } from "./api.ts";
import { sayingEarlierTime } from "./authority/earlier_time.ts";
import { Authority, fencedSetting, fenceOf } from "./authority/authority.ts";
import type { Catalog } from "./catalog/catalog.ts";
import { openClusterKeys } from "./cluster_keys.ts";
import { Codes } from "./codes.ts";
import { RecentCommits } from "./files/commit.ts";
import { openArchive } from "./snapshots/archive.ts";
import type { Core } from "./core.ts";
import type { Ground } from "./ground.ts";
import { trackerGuard } from "./guard.ts";
import { rememberFalseAnswers } from "./copies/false_answers.ts";
import { Garbage } from "./copies/garbage.ts";
import { Healing } from "./copies/healing.ts";
import { Holdings } from "./copies/holdings.ts";
import { LeaseClock } from "./copies/lease_clock.ts";
import { LostCopies } from "./copies/lost.ts";
import { LossGuard } from "./copies/loss_guard.ts";
import { keepersSetting } from "./log/apply.ts";
import { LogShipping } from "./log/log_shipping.ts";
import { Members } from "./seeders/members.ts";
import { buildMended, Mending } from "./checks/mending.ts";
import { commitStart } from "./log/begin.ts";
import { OrderBook } from "./seeders/orders.ts";
import type { LogSync } from "./plan/log_sync.ts";
import { authoritySetting, clusterIdSetting, refuseUnfinished } from "./recovery/way_back.ts";
import { openSealedKey } from "./recovery/recovery.ts";
import { paceSetting } from "./seeders/seeder_care.ts";
import type { Scratch } from "./log/scratch.ts";
import type { Room } from "./room.ts";
import { Scrubs } from "./copies/scrubs.ts";
import { type SnapshotSettings, snapshotSettings } from "./snapshots/snapshots.ts";
import { Status } from "./status.ts";
import { tellingCatalog } from "./log/telling_catalog.ts";
import { archiving, attention, refreshCodes, stepper, watch } from "./steps.ts";

export interface TrackerParts {
  readonly catalog: Catalog;
  readonly disk: Disk;
  /** Where `cluster.json` and `codes/` are kept: `<disk>/.offshore/tracker`. */
  readonly stateDirectory: string;
  /** How seeders and clients reach it; put into codes. */
  readonly publicUrl: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** To look at a chunk whose holders do not agree; without it such a chunk is left alone. */
  readonly transport?: Transport;
  readonly copiesDefault?: number;
  readonly trashKeepMs?: number;
  readonly trashShareMax?: number;
  readonly versionsShareMax?: number;
  /** How long a chunk stays that nobody names. */
  readonly garbageGraceMs?: number;
  /** Where codes are kept fresh besides `<stateDirectory>/codes/`. */
  readonly codeFiles?: Partial<Record<CodePurpose, string>>;
  /** What an acknowledgement waits for; without it, for the tracker's own disk alone. */
  readonly logSync?: LogSync;
  /** Where snapshots are made and proved; without it there are none and the log stays whole. */
  readonly scratch?: Scratch;
  /** Looks after the room on the disk; without it nothing is refused. */
  readonly room?: Room;
  /** Whether `run` may end with `mend`: then the catalog is exchanged and the tracker reopened. */
  readonly mends?: boolean;
  readonly snapshots?: Partial<SnapshotSettings> & { readonly spreadNeeded?: number };
}

export interface Tracker {
  readonly app: App;
  /** The code under which the cluster key was sealed, where that was done just now. */
  readonly recoveryCode: string | undefined;
  /** Steps each second until the signal fires, or the tables are to be built anew. */
  run(signal: AbortSignal): Promise<"stopped" | "mend">;
  /** A fresh code for a seeder. */
  joinCode(): string;
  /** A fresh code for a person. */
  loginCode(): string;
  /** After `run` has ended with `mend`: leaves the new catalog in the scratch, closed. */
  buildMended(): Promise<void>;
  /** Lets go of nothing but itself: the catalog is closed by whoever opened it. */
  close(): Promise<void>;
}

/**
 * Opens the tracker: raises the epoch, so that seeders refuse any tracker that ran before, and
 * reads who the seeders are. @throws Fault `config-corrupt`, `config-invalid`, or what catalog and
 * disk throw
 */
export async function openTracker(parts: TrackerParts): Promise<Tracker> {
  const { core, recoveryCode } = await openCore(parts);
  const codes = new Codes({
    core,
    disk: parts.disk,
    directory: `${parts.stateDirectory}/codes`,
    also: parts.codeFiles ?? {},
    publicUrl: parts.publicUrl,
  });
  const recent = new RecentCommits();
  const parted = trackerHandlers({ core, codes, recent, status: new Status(core) });
  const handlers = acknowledged(parted, core.authority, core.shipping, parts.room);
  const app = serveRoutes({
    table: trackerRoutes,
    handlers,
    guard: trackerGuard(core.keys, core.members, parts.random),
    ...{ clock: parts.clock, log: parts.log, random: parts.random },
  });
  await refreshCodes(core, codes);
  core.log.info("tracker opened", { clusterId: core.keys.clusterId, epoch: core.start.epoch });
  const step = stepper(core, codes, recent);
  const stop = async () => void await Promise.all([core.shipping.close(), core.healing.close()]);
  const lastMs = () => core.shipping.head.timeMs;
  return {
    app: sayingEarlierTime(app, core.authority, lastMs),
    recoveryCode,
    run: async (outer) => {
      const ending = new AbortController();
      const signal = AbortSignal.any([outer, ending.signal]);
      core.mending.begun.then(() => ending.abort(new Error("the tables are built anew")));
      signal.addEventListener("abort", stop, { once: true });
      await Promise.all([
        repeat(parts.clock, signal, step),
        ...parts.room === undefined ? [] : [repeat(parts.clock, signal, watch(core, parts.room))],
        repeat(parts.clock, signal, attention(core)),
        archiving(parts.clock, signal, core),
      ]);
      return outer.aborted ? "stopped" : "mend";
    },
    joinCode: () => codes.mint("join"),
    loginCode: () => codes.mint("login"),
    buildMended: async () => {
      const { scratch, clock } = parts;
      if (scratch === undefined || core.archive === undefined) return;
      const pause = () => clock.sleep(0);
      const { folder } = core.archive;
      const { clusterKey } = core.keys;
      const live = core.catalog;
      await buildMended({ scratch, live, folder, clusterKey, pause, log: core.log });
    },
    close: stop,
  };
}

async function openCore(
  parts: TrackerParts,
): Promise<{ core: Core; recoveryCode: string | undefined }> {
  const { catalog, clock, random, log, disk, stateDirectory, transport } = parts;
  if (!BaseUrl.safeParse(parts.publicUrl).success) {
    throw new Fault("config-invalid", `${parts.publicUrl} is no address for others to reach`, {
      next: "pass --public-url http://HOST:PORT",
    });
  }
  await refuseUnfinished(catalog);
  const kept = await catalog.read(async (view) => ({
    knownId: await view.setting(clusterIdSetting),
    head: await view.logHead(),
    start: (await view.logAfter(0, 1))[0]?.sequence ?? 1,
    rows: await view.seeders(),
    pace: await view.setting(paceSetting),
    stop: await view.setting(LossGuard.settingName),
    rebuiltEpoch: Number(await view.setting(authoritySetting) ?? 0),
    fenced: await view.setting(fencedSetting),
    keepersKept: await view.setting(keepersSetting),
  }));
  const { knownId, head, start, rows, rebuiltEpoch, pace, stop } = kept;
  // A host whose clock was set back must not hand out times before those written down.
  const aheadMs = Math.max(0, (head?.timeMs ?? 0) - clock.now());
  const now = () => clock.now() + aheadMs;
  const leases = await catalog.read((view) => LeaseClock.open(view, clock, now()));
  await disk.makeDirectory(stateDirectory);
  for (const below of ["", "/codes"]) await removeUnfinished(disk, `${stateDirectory}${below}`);
  const keys = await openClusterKeys(disk, stateDirectory, random, knownId, now());
  const { clusterKey, clusterId } = keys;
  const fence = fenceOf(kept.fenced);
  // One that is fenced writes nothing, and never comes to stand above the tracker that took over.
  const begun = fence !== undefined && head !== undefined
    ? positionOf(signRecord(clusterKey, head))
    : await commitStart(
      { catalog, clusterKey, random, nowMs: now(), rebuiltEpoch },
      (tx) => tx.putSetting(clusterIdSetting, clusterId),
    );
  const recovery = { disk, stateDirectory, random, nowMs: now() };
  const { sealedKey, made } = await openSealedKey(recovery, keys);
  const upSinceMs = now();
  const copiesDefault = parts.copiesDefault ?? limits.copiesDefault;
  const members = new Members(rows, upSinceMs, keys);
  await catalog.read((view) => rememberFalseAnswers(view, members));
  const folder = new SnapshotFolder(disk, `${stateDirectory}/snapshots`, log);
  if (parts.scratch !== undefined) await folder.open();
  const authority: Authority = new Authority({
    ...{ catalog, clusterKey, begun, rebuiltEpoch, fence, log },
    witnesses: () => shipping,
    brake: () => losses.stopped,
    nameOf: (seederId) => members.get(seederId)?.row.name ?? seederId,
  });
  const told = tellingCatalog(catalog, (rows) => {
    // Who is no member any more is none before a question of it is answered with these rows.
    members.committed(rows);
    shipping.committed(rows);
  });
  const shipping: LogShipping = new LogShipping({
    ...{ start, folder, spreadNeeded: parts.snapshots?.spreadNeeded },
    ...{ catalog: told, keys, sealedKey, begun, members, now, clock, log },
    ...{ authority, leases },
    keepersKept: kept.keepersKept,
    mode: parts.logSync ?? "local",
  });
  const archive = parts.scratch === undefined ? undefined : openArchive({
    ...{
      catalog,
      scratch: parts.scratch,
      folder,
      shipping,
      authority,
      clusterKey,
      clusterId,
      now,
      clock,
      log,
    },
    settings: { ...snapshotSettings, ...parts.snapshots },
    mayGrow: () => parts.room?.isLow !== true,
  });
  const ground: Ground = {
    sleep: (ms, signal) => clock.sleep(ms, signal),
    catalog: told,
    keys,
    start: begun,
    authority,
    upSinceMs,
    copiesDefault,
    trashKeepMs: parts.trashKeepMs ?? limits.trashKeepMs,
    trashShareMax: parts.trashShareMax ?? limits.trashShareMax,
    versionsShareMax: parts.versionsShareMax ?? limits.versionsShareMax,
    now,
    leases,
    random,
    log,
  };
  const orders = new OrderBook(random);
  const adoptions = new Adoptions();
  const holdings = new Holdings({ ...ground, orders });
  const losses = new LossGuard({ ...ground, members }, stop);
  const dropping = { ...ground, members, orders, losses, adoptions };
  const ids = rows.map((row) => row.seederId);
  const scrubs = await catalog.read((view) => Scrubs.open({ ...ground, members }, view, ids));
  const core: Core = {
    ...dropping,
    holdings,
    scrubs,
    lost: new LostCopies({ ...ground, members, holdings }),
    shipping,
    archive,
    mending: new Mending(parts.mends === true && archive !== undefined),
    room: parts.room,
    garbage: new Garbage(dropping, parts.garbageGraceMs ?? limits.garbageGraceMs),
    healing: new Healing({ ...dropping, holdings }, Pace.catch("normal").parse(pace), transport),
  };
  return { core, recoveryCode: made };
}
