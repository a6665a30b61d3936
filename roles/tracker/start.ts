/**
 * Starts a tracker on this machine's disk, clock, dice and network, and runs it until told to stop.
 */
import { Fault, limits, type RecoveryCode } from "../../protocol/mod.ts";
import { systemClock } from "../kit/clock.ts";
import { isWildcard, listen, type Listener, urlOf } from "../kit/listen.ts";
import { lockDirectory } from "../kit/lock.ts";
import { lineLog, type Log, type LogLevel } from "../kit/log.ts";
import { firstAddress, prepareState } from "../kit/machine.ts";
import { systemRandom } from "../kit/random.ts";
import { systemTransport } from "../kit/system_transport.ts";
import { systemDisk } from "../kit/system_disk.ts";
import { type App, refuseAll } from "../kit/serve.ts";
import { codesDirectory, removeCodes } from "./code_files.ts";
import { beginExchange, endExchange } from "./checks/exchange.ts";
import {
  openCatchUp,
  openRebuild,
  openSqliteCatalog,
  openTracker,
  restoreFile,
  sqliteScratch,
  type Tracker,
} from "./mod.ts";
import { Room } from "./room.ts";
import type { LogSync } from "./plan/log_sync.ts";

/** Where a tracker with an empty disk takes its state from. */
export type WayBack =
  | { readonly kind: "seeders"; readonly code: RecoveryCode; readonly needed: number | undefined }
  | { readonly kind: "own" }
  | { readonly kind: "file"; readonly code: RecoveryCode; readonly path: string };

/** What the flags ask for, undefined for a start like any other. @throws Fault `usage` */
export async function wayBack(flags: {
  readonly rebuild: boolean;
  readonly seedersNeeded: number | undefined;
  readonly file: string | undefined;
  /** Asked only where it is needed. */
  readonly recoveryCode: () => Promise<RecoveryCode | undefined>;
  readonly catchUp?: boolean;
}): Promise<WayBack | undefined> {
  const { seedersNeeded: needed, file: path } = flags;
  const fromSeeders = flags.rebuild || needed !== undefined;
  if (flags.catchUp === true) {
    if (!fromSeeders && path === undefined) return { kind: "own" };
    throw new Fault(
      "usage",
      "--catch-up goes on with what is here, the others begin with nothing",
      {
        next: "give one of them",
      },
    );
  }
  if (!fromSeeders && path === undefined) return undefined;
  if (fromSeeders && path !== undefined) {
    throw new Fault("usage", "--rebuild takes the log from seeders, --restore from a file", {
      next: "give one of them",
    });
  }
  const code = await flags.recoveryCode();
  if (code === undefined) {
    throw new Fault("no-credentials", "without the recovery code the cluster's key stays sealed", {
      next: "pass --recovery-code-file FILE with the line that the tracker kept in codes/recovery",
    });
  }
  return path === undefined ? { kind: "seeders", code, needed } : { kind: "file", code, path };
}

export interface TrackerConfig {
  readonly disk: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** How seeders and clients reach it, when that is not where it listens. */
  readonly publicUrl?: string;
  readonly copies: number;
  readonly trashDays: number;
  readonly trashPercent: number;
  readonly versionsPercent: number;
  readonly logSync: LogSync;
  readonly from?: WayBack | undefined;
  readonly garbageMinutes: number;
  readonly snapshotOperations: number;
  readonly snapshotHours: number;
  readonly logOperations: number;
  readonly joinCodeFile?: string | undefined;
  readonly loginCodeFile?: string | undefined;
  readonly logLevel: LogLevel;
}

/** Where a tracker writes to. */
export interface Writers {
  readonly out: (line: string) => void;
  /** A person reads what goes there, and nothing keeps it. */
  readonly outIsTerminal: boolean;
  readonly log: (line: string) => void;
}

/**
 * Resolves once everything is closed after `signal` fired. Throws the fault that kept it from
 * starting.
 */
export async function startTracker(
  config: TrackerConfig,
  signal: AbortSignal,
  write: Writers,
): Promise<void> {
  const clock = systemClock();
  const log = lineLog(clock, "tracker", config.logLevel, write.log);
  const disk = systemDisk();
  const stateDirectory = await prepareState(disk, config.disk, "tracker");
  const lock = await lockDirectory(stateDirectory);
  const random = systemRandom();
  const transport = systemTransport();
  const late: { app?: App } = {};
  const startingUp = refuseAll(new Fault("unavailable", "the tracker is starting"), random);
  // Listening comes first: the address goes into the codes, and a taken port must change nothing.
  const listener = await listen(
    (request, peer) => (late.app ?? startingUp)(request, peer),
    config.listen.host,
    config.listen.port,
  );
  const publicUrl = config.publicUrl ?? publicUrlOf(listener);
  const room = await Room.open({ disk, stateDirectory, random, log });
  const path = `${stateDirectory}/catalog.sqlite`;
  await endExchange(disk, path, clock.now());
  let catalog = await openSqliteCatalog(path);
  // Told only once somebody answers there: programs that start this one wait for the line.
  const listening = `tracker listening on ${urlOf(listener.host, listener.port)}`;
  const parts = { catalog, disk, stateDirectory, clock, random, log };
  const { from } = config;
  if (from?.kind === "file") await restoreFile({ ...parts, recoveryCode: from.code }, from.path);
  if (from?.kind === "seeders" || from?.kind === "own") {
    const rebuild = from.kind === "own"
      ? await openCatchUp(parts)
      : await openRebuild({ ...parts, seedersNeeded: from.needed, recoveryCode: from.code });
    late.app = rebuild.app;
    await removeCodes(disk, config.disk, [config.joinCodeFile, config.loginCodeFile]);
    write.out(listening);
    write.out("waiting for the seeders to present their logs");
    if (!await rebuild.run(signal)) {
      await listener.stop(3_000);
      await catalog.close();
      return lock.release();
    }
  }
  const scratchDirectory = `${stateDirectory}/scratch`;
  for (let start = 1;; start++) {
    const tracker = await openTracker({
      ...parts,
      catalog,
      transport,
      publicUrl,
      logSync: config.logSync,
      copiesDefault: config.copies,
      trashKeepMs: config.trashDays * 86_400_000,
      trashShareMax: config.trashPercent / 100,
      versionsShareMax: config.versionsPercent / 100,
      garbageGraceMs: config.garbageMinutes * 60_000,
      scratch: sqliteScratch(disk, scratchDirectory),
      mends: true,
      room,
      snapshots: {
        everyOperations: config.snapshotOperations,
        everyMs: config.snapshotHours * 3_600_000,
        keepOperations: config.logOperations,
      },
      codeFiles: {
        ...(config.joinCodeFile === undefined ? {} : { join: config.joinCodeFile }),
        ...(config.loginCodeFile === undefined ? {} : { login: config.loginCodeFile }),
      },
    });
    late.app = tracker.app;
    const running = tracker.run(signal);
    if (start === 1) {
      if (from === undefined || from.kind === "file") write.out(listening);
      tellOperator(tracker, publicUrl, config.disk, write);
    }
    const ended = await running;
    if (ended === "stopped") {
      await listener.stop(3_000);
      await tracker.close();
      transport.close();
      await catalog.close();
      return lock.release();
    }
    late.app = refuseAll(new Fault("unavailable", "the tables are built anew"), random);
    await tracker.close();
    const mended = await buildOrTell(tracker, log);
    await catalog.close();
    if (mended) await beginExchange(disk, path, `${scratchDirectory}/mended.sqlite`, clock.now());
    catalog = await openSqliteCatalog(path);
  }
}

/** Whether there is a catalog to exchange for; where not, the tracker goes on with what it has. */
async function buildOrTell(tracker: Tracker, log: Log): Promise<boolean> {
  try {
    await tracker.buildMended();
    return true;
  } catch (fault) {
    log.error("the tables could not be built anew from the log", { fault });
    return false;
  }
}

/** Codes are for a person who looks on, and in no log: of a service its output is one. */
function tellOperator(
  tracker: Tracker,
  publicUrl: string,
  disk: string,
  { out, outIsTerminal }: Writers,
): void {
  out(`reached at ${publicUrl}`);
  if (!outIsTerminal) {
    out(`codes are kept in ${codesDirectory(disk)}/; to see them: offshore codes --disk ${disk}`);
    return;
  }
  const life = `good once, for ${limits.codeLifeMs / 60_000} minutes`;
  out(`join code for a seeder, ${life}: ${tracker.joinCode()}`);
  out(`login code for a person, ${life}: ${tracker.loginCode()}`);
  if (tracker.recoveryCode !== undefined) {
    out(`recovery code, for the day this disk is lost: ${tracker.recoveryCode}`);
    out("keep it somewhere else: with it and the seeders everything comes back");
  }
  out(`fresh codes: offshore codes --disk ${disk}`);
}

function publicUrlOf(listener: Listener): string {
  if (!isWildcard(listener.host)) return urlOf(listener.host, listener.port);
  const address = firstAddress();
  if (address === undefined) {
    throw new Fault("config-invalid", "this machine has no address that others could reach", {
      next: "pass --public-url http://HOST:PORT",
    });
  }
  return urlOf(address, listener.port);
}
