/**
 * `offshore up`: a whole cluster on this machine, a tracker and some seeders as child processes
 * with their folders side by side, for as long as a shell is open. The children hold the other end
 * of their standard input and stop when it closes, so none of them outlives this process, however
 * it ends.
 */
import * as z from "zod";
import { asFault, Fault } from "../../../protocol/mod.ts";
import { systemClock } from "../../kit/clock.ts";
import type { CommandSpec } from "../../kit/command_line.ts";
import { LogLevelText, wholeNumber } from "../../kit/config.ts";
import { logLevels } from "../../kit/log.ts";
import { systemRandom } from "../../kit/random.ts";
import { systemTransport } from "../../kit/system_transport.ts";
import { silentLog } from "../../kit/log.ts";
import { readWhole } from "../../kit/disk.ts";
import { systemDisk } from "../../kit/system_disk.ts";
import { keepRecoveryCode, recoveryCodePath, trackerBegins } from "./local_recovery.ts";
import { login, openSession } from "./session.ts";

export const upSpec: CommandSpec = {
  name: "offshore up",
  summary: "Start a whole cluster on this machine and open its shell; leaving the shell stops it.",
  details: "Commands are read from standard input when that is no terminal.",
  options: [
    {
      name: "disks",
      value: "path",
      summary: "folder with one folder for each role",
      environment: true,
      default: ".disks",
    },
    {
      name: "seeders",
      value: "count",
      summary: "how many seeders to start",
      environment: true,
      default: "3",
    },
    {
      name: "port",
      value: "port",
      summary: "the tracker's; seeders take the next ones, 0 takes free ones",
      environment: true,
      default: "7420",
    },
    {
      name: "log-level",
      value: "level",
      summary: "least level that is logged",
      environment: true,
      default: "info",
      choices: logLevels,
    },
    {
      name: "rebuild",
      summary: "the tracker's folder is lost: make it again from the seeders' (docs/RECOVERY.md)",
    },
    {
      name: "catch-up",
      summary: "the tracker's folder was put back: take from the seeders what came since",
    },
  ],
  examples: ["offshore up", "echo 'put README.md /' | offshore up --port 0"],
};

export const UpSettings = z.strictObject({
  disks: z.string().min(1),
  seeders: wholeNumber(1, 64),
  port: wholeNumber(0, 65_000),
  logLevel: LogLevelText,
});
export interface LocalClusterConfig extends z.output<typeof UpSettings> {
  /** Make the tracker's folder again from those of the seeders. */
  readonly rebuild?: boolean;
  /** Take from the seeders what the tracker's folder, an older copy, lacks. */
  readonly catchUp?: boolean;
}

export interface LocalCluster {
  readonly trackerUrl: string;
  readonly loginCodeFile: string;
  readonly roles: readonly { name: string; pid: number; url: string; disk: string }[];
  /** Asks every role to stop, waits, and kills those that do not. */
  stop(): Promise<void>;
}

interface Child {
  readonly name: string;
  readonly disk: string;
  readonly logFile: string;
  readonly process: Deno.ChildProcess;
  readonly stdin: WritableStreamDefaultWriter<Uint8Array>;
  url: string;
}

/** How long a role may take to start; a cold cache compiles TypeScript first. */
const startMs = 60_000;
/** How long a role may take to sign out and close its files. */
const stopMs = 8_000;

/**
 * Starts everything and waits until all seeders are registered.
 * @throws Fault that names the role which did not come up and what it said
 */
export async function startLocalCluster(
  config: LocalClusterConfig,
  print: (line: string) => void,
): Promise<LocalCluster> {
  const children: Child[] = [];
  const disk = systemDisk();
  const begins = {
    ...await trackerBegins(disk, config.disks, config.rebuild === true),
    ...config.catchUp === true ? { OFFSHORE_CATCH_UP: "true" } : {},
  };
  try {
    const tracker = await startRole(config, "tracker", config.port, begins);
    children.push(tracker);
    const codes = `${tracker.disk}/.offshore/tracker/codes`;
    const failed: Fault[] = [];
    for (let i = 1; i <= config.seeders; i++) {
      const port = config.port === 0 ? 0 : config.port + i;
      try {
        children.push(
          await startRole(config, `seeder-${i}`, port, {
            OFFSHORE_NAME: `seeder-${i}`,
            OFFSHORE_JOIN_CODE_FILE: `${codes}/join`,
            OFFSHORE_TRACKER: tracker.url,
          }),
        );
      } catch (error) {
        // One disk that is broken keeps nobody from the files on the others.
        failed.push(asFault(error));
      }
    }
    const [first] = failed;
    if (first !== undefined && children.length === 1) throw first;
    for (const { message, next } of failed) print(`! ${message}\n    next: ${next}`);
    await waitForSeeders(`${codes}/login`, children.length - 1, children);
    const kept = await keepRecoveryCode(disk, systemRandom(), config.disks);
    for (const child of children) {
      print(`${child.name.padEnd(10)} ${child.url.padEnd(24)} ${child.disk}`);
    }
    if (kept) {
      print(`recovery   ${recoveryCodePath(config.disks)}: copy it to another machine`);
    }
    return {
      trackerUrl: tracker.url,
      loginCodeFile: `${codes}/login`,
      roles: children.map((child) => ({
        name: child.name,
        pid: child.process.pid,
        url: child.url,
        disk: child.disk,
      })),
      stop: () => stopAll(children),
    };
  } catch (error) {
    await stopAll(children);
    throw error;
  }
}

/** The command that starts this program again, whichever way it was started. */
function ownCommand(): { program: string; args: string[] } {
  const packed = Deno.env.get("OFFSHORE_EXECUTABLE");
  if (packed !== undefined) return { program: packed, args: [] };
  if (Deno.build.standalone) return { program: Deno.execPath(), args: [] };
  return { program: Deno.execPath(), args: ["run", "-A", "--quiet", Deno.mainModule] };
}

async function startRole(
  config: LocalClusterConfig,
  name: string,
  port: number,
  environment: Record<string, string>,
): Promise<Child> {
  const disk = `${config.disks}/${name}`;
  const logFile = `${disk}/.offshore/${name}.log`;
  await Deno.mkdir(`${disk}/.offshore`, { recursive: true });
  const { program, args } = ownCommand();
  const process = new Deno.Command(program, {
    args,
    env: {
      OFFSHORE_ROLE: name === "tracker" ? "tracker" : "seeder",
      OFFSHORE_DISK: disk,
      OFFSHORE_LISTEN: `127.0.0.1:${port}`,
      OFFSHORE_LOG_LEVEL: config.logLevel,
      OFFSHORE_LOG_FILE: logFile,
      OFFSHORE_STOP_WITH_STDIN: "true",
      ...environment,
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // A process group of its own: Ctrl-C in the shell cancels a transfer and stops no role.
    detached: true,
  }).spawn();
  const child = { name, disk, logFile, process, stdin: process.stdin.getWriter(), url: "" };
  const complaints = collect(process.stderr);
  try {
    child.url = await withLimit(startMs, name, listeningUrl(process.stdout));
  } catch (error) {
    await stopAll([child]);
    const said = (await complaints).trim();
    throw new Fault("unavailable", `${name} did not start${said === "" ? "" : `: ${said}`}`, {
      cause: error,
      next: `look into ${logFile}`,
    });
  }
  return child;
}

/** Standard error of a role says why it could not start; later lines are drained and dropped. */
async function collect(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    if (text.length < 4_000) text += part;
  }
  return text;
}

/** The address in the role's first line; the rest of the output is drained. */
async function listeningUrl(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    text += value ?? "";
    const url = /listening on (http:\S+)\n/.exec(text)?.[1];
    if (url !== undefined) {
      void drain(reader);
      return url;
    }
    if (done) throw new Error("it ended before it listened");
  }
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done) continue;
}

async function withLimit<T>(ms: number, name: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} took more than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

async function waitForSeeders(
  loginCodeFile: string,
  wanted: number,
  children: readonly Child[],
): Promise<void> {
  const clock = systemClock(), random = systemRandom(), transport = systemTransport();
  try {
    const code = await loginCode(loginCodeFile, children);
    const { trackerAddress, token } = await login({ code, transport, clock, random });
    const session = openSession({
      trackerAddress,
      token,
      clock,
      random,
      transport,
      disk: systemDisk(),
      log: silentLog,
    });
    const names = new Set(children.map((child) => child.name));
    const endMs = clock.now() + startMs;
    for (;;) {
      const status = await session.tracker.status({});
      const green = status.seeders.filter((each) => each.state === "green" && names.has(each.name));
      if (green.length >= wanted) return;
      if (clock.now() > endMs) {
        throw new Fault("too-few-seeders", `${green.length} of ${wanted} seeders registered`, {
          next: `look into ${children.map((child) => child.logFile).join(", ")}`,
        });
      }
      await clock.sleep(50);
    }
  } finally {
    transport.close();
  }
}

/** A tracker that is made again from its seeders writes its codes when it is whole. */
async function loginCode(file: string, [tracker]: readonly Child[]): Promise<string> {
  let ended = false;
  void tracker?.process.status.then(() => ended = true);
  const disk = systemDisk(), clock = systemClock();
  for (;;) {
    const bytes = await readWhole(disk, file);
    if (bytes !== undefined) return new TextDecoder().decode(bytes).trim();
    if (ended) {
      throw new Fault("unavailable", "the tracker ended before it wrote its codes", {
        next: `look into ${tracker?.logFile ?? "its log"}`,
      });
    }
    await clock.sleep(50);
  }
}

async function stopAll(children: readonly Child[]): Promise<void> {
  // Seeders first, so that they can still sign out at the tracker.
  const seeders = children.filter((child) => child.name !== "tracker");
  const trackers = children.filter((child) => child.name === "tracker");
  await Promise.all(seeders.map(stopOne));
  await Promise.all(trackers.map(stopOne));
}

async function stopOne(child: Child): Promise<void> {
  await child.stdin.close().catch(() => {});
  await withLimit(stopMs, child.name, child.process.status).catch(async () => {
    child.process.kill("SIGKILL");
    await child.process.status;
  });
}
