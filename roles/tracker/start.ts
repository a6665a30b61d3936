/**
 * Starts a tracker on this machine's disk, clock, dice and network, and runs it until told to stop.
 */
import { Fault } from "../../protocol/mod.ts";
import { systemClock } from "../kit/clock.ts";
import { isWildcard, listen, type Listener, urlOf } from "../kit/listen.ts";
import { lockDirectory } from "../kit/lock.ts";
import { lineLog, type LogLevel } from "../kit/log.ts";
import { firstAddress, prepareState } from "../kit/machine.ts";
import { systemRandom } from "../kit/random.ts";
import { systemDisk } from "../kit/system_disk.ts";
import { openSqliteCatalog, openTracker } from "./mod.ts";

export interface TrackerConfig {
  readonly disk: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** How seeders and clients reach it, when that is not where it listens. */
  readonly publicUrl?: string;
  readonly copies: number;
  readonly garbageMinutes: number;
  readonly joinCodeFile?: string | undefined;
  readonly loginCodeFile?: string | undefined;
  readonly logLevel: LogLevel;
}

/**
 * Resolves once everything is closed after `signal` fired. Throws the fault that kept it from
 * starting.
 */
export async function startTracker(
  config: TrackerConfig,
  signal: AbortSignal,
  write: { out: (line: string) => void; log: (line: string) => void },
): Promise<void> {
  const clock = systemClock();
  const log = lineLog(clock, "tracker", config.logLevel, write.log);
  const disk = systemDisk();
  const stateDirectory = await prepareState(disk, config.disk, "tracker");
  const lock = await lockDirectory(stateDirectory);
  const late: { app?: Awaited<ReturnType<typeof openTracker>>["app"] } = {};
  // Listening comes first: the address goes into the codes, and a taken port must change nothing.
  const listener = listen(
    (request, peer) => late.app?.(request, peer) ?? Promise.resolve(startingUp()),
    config.listen.host,
    config.listen.port,
  );
  const publicUrl = config.publicUrl ?? publicUrlOf(listener);
  const catalog = await openSqliteCatalog(`${stateDirectory}/catalog.sqlite`);
  const tracker = await openTracker({
    catalog,
    disk,
    stateDirectory,
    publicUrl,
    clock,
    random: systemRandom(),
    log,
    copiesDefault: config.copies,
    garbageGraceMs: config.garbageMinutes * 60_000,
    codeFiles: {
      ...(config.joinCodeFile === undefined ? {} : { join: config.joinCodeFile }),
      ...(config.loginCodeFile === undefined ? {} : { login: config.loginCodeFile }),
    },
  });
  late.app = tracker.app;
  const running = tracker.run(signal);
  write.out(`tracker listening on ${urlOf(listener.host, listener.port)}`);
  write.out(`reached at ${publicUrl}`);
  write.out(`join code for seeders, good for a day: ${tracker.joinCode()}`);
  write.out(`login code for people, good for a day: ${tracker.loginCode()}`);
  write.out(`fresh codes are kept in ${stateDirectory}/codes/`);
  await running;
  await listener.stop(3_000);
  await tracker.close();
  await catalog.close();
  lock.release();
}

function startingUp(): Response {
  return new Response(null, { status: 503 });
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
