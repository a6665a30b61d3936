/**
 * Starts a seeder on this machine's disk, clock, dice and network, and runs it until told to stop.
 */
import { Fault } from "../../protocol/mod.ts";
import { systemClock } from "../kit/clock.ts";
import { isWildcard, listen, urlOf } from "../kit/listen.ts";
import { lockDirectory } from "../kit/lock.ts";
import { lineLog, type LogLevel } from "../kit/log.ts";
import { prepareState } from "../kit/machine.ts";
import { systemRandom } from "../kit/random.ts";
import { refuseAll } from "../kit/serve.ts";
import { systemDisk } from "../kit/system_disk.ts";
import { systemTransport } from "../kit/system_transport.ts";
import type { Disk } from "../kit/disk.ts";
import { secretIn, type SecretInput } from "../kit/secret_input.ts";
import { Anchor, openDiskStore, openSeeder } from "./mod.ts";

export interface SeederConfig {
  readonly disk: string;
  readonly listen: { readonly host: string; readonly port: number };
  /**
   * How others reach it, when that is not where it listens. Port 0 stands for the one it listens
   * on.
   */
  readonly advertise?: { readonly host: string; readonly port: number } | undefined;
  readonly name: string;
  readonly zone?: string | undefined;
  readonly joinCode?: string | undefined;
  readonly joinCodeFile?: string | undefined;
  readonly secretInput: SecretInput;
  readonly trackerUrl?: string | undefined;
  readonly reserveBytes?: number | undefined;
  readonly adopt: boolean;
  readonly logLevel: LogLevel;
}

/**
 * Resolves once everything is closed after `signal` fired. Throws the fault that kept it from
 * starting.
 */
export async function startSeeder(
  config: SeederConfig,
  signal: AbortSignal,
  write: { out: (line: string) => void; log: (line: string) => void },
): Promise<void> {
  const clock = systemClock();
  const random = systemRandom();
  const log = lineLog(clock, config.name, config.logLevel, write.log);
  const machineDisk = systemDisk();
  const transport = systemTransport();
  const stateDirectory = await prepareState(machineDisk, config.disk, "seeder");
  const lock = await lockDirectory(stateDirectory);
  const anchor = await Anchor.drop(machineDisk, stateDirectory, random);
  const disk = anchor.held();
  const hasJoined = await disk.stat(`${stateDirectory}/seeder.json`) !== undefined;
  const joinCode = await joinCodeOf(config, machineDisk, hasJoined);
  const late: { app?: Awaited<ReturnType<typeof openSeeder>>["app"] } = {};
  const startingUp = refuseAll(new Fault("unavailable", `${config.name} is starting`), random);
  const listener = await listen(
    (request, peer) => (late.app ?? startingUp)(request, peer),
    config.listen.host,
    config.listen.port,
  );
  const folder = config.disk.replace(/\/+$/, "");
  const store = await openDiskStore({
    disk,
    directory: stateDirectory,
    folder,
    clock,
    random,
    log,
    ...(config.reserveBytes === undefined ? {} : { reserveBytes: config.reserveBytes }),
  });
  const seeder = await openSeeder({
    store,
    disk,
    stateDirectory,
    anchor,
    ...(store.adopted === undefined
      ? {}
      : { adopt: { folder, files: store.adopted, enabled: config.adopt } }),
    name: config.name,
    ...(config.zone === undefined ? {} : { zone: config.zone }),
    joinCode,
    ...(config.trackerUrl === undefined ? {} : { trackerAddress: config.trackerUrl }),
    clock,
    random,
    transport,
    log,
  });
  late.app = seeder.app;
  write.out(`${config.name} listening on ${urlOf(listener.host, listener.port)}`);
  const host = config.advertise?.host ??
    (isWildcard(listener.host) ? undefined : listener.host);
  const port = config.advertise?.port || listener.port;
  await seeder.run({ port, ...(host === undefined ? {} : { host }) }, signal);
  await listener.stop(3_000);
  await seeder.close();
  await store.close();
  transport.close();
  lock.release();
}

/**
 * Where the join code is looked for each time one is needed: a file may hold another by then. One
 * that is typed or piped in is read at the start, once.
 * @throws Fault `no-credentials`: a seeder that could never be let in would sit there for ever
 */
async function joinCodeOf(
  { joinCode, joinCodeFile: path, secretInput }: SeederConfig,
  disk: Disk,
  hasJoined: boolean,
): Promise<() => Promise<string | undefined>> {
  if (joinCode !== undefined) return () => Promise.resolve(joinCode);
  if (path !== undefined && path !== "-") return () => secretIn(disk, path, secretInput);
  if (hasJoined) return () => Promise.resolve(undefined);
  const canAsk = path === "-" || secretInput.isTerminal;
  const code = canAsk ? await secretInput.ask("join code of the cluster: ") : undefined;
  if (code !== undefined) return () => Promise.resolve(code);
  throw new Fault(
    "no-credentials",
    "this seeder has not joined a cluster yet and was given no join code",
    { next: "on a client type: join-code; then start this with --join-code-file FILE" },
  );
}
