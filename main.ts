/**
 * The program. Finds out which role is meant, reads that role's flags, and runs it on this
 * machine's clock, dice, disk and network until it ends or is told to stop. Roles are loaded only
 * when needed, so that the shell starts without the tracker's database.
 */
import { asFault, Fault } from "./protocol/mod.ts";
import { type CommandSpec, helpOf, parseCommandLine } from "./roles/kit/command_line.ts";
import { readConfig } from "./roles/kit/config.ts";
import { exactArguments } from "./roles/kit/exact_arguments.ts";
import { stopSignal } from "./roles/kit/stopping.ts";
import { faultLines } from "./roles/kit/telling.ts";
import { version } from "./roles/kit/version.ts";

const roles = ["tracker", "seeder", "client"] as const;
type Role = typeof roles[number];

const programSpec: CommandSpec = {
  name: "offshore",
  version,
  bare: true,
  usage: "[--role ROLE] [COMMAND]",
  summary: "OFFSHORE pools the disks of several machines into one file store.",
  details: `With no role it is the client: a command, or the $ shell when there is none.
Flags may also be given as OFFSHORE_ROLE, OFFSHORE_LISTEN and so on.`,
  options: [{
    name: "role",
    value: "role",
    summary: "what to be; --role ROLE --help tells its flags",
    environment: true,
    choices: roles,
  }],
  commands: [
    { name: "up", summary: "start a whole cluster on this machine and open its shell" },
    { name: "serve", summary: "stay as a service beside the cluster" },
    { name: "codes", summary: "print the codes that the tracker on this machine keeps" },
    { name: "health", summary: "ask the role on this machine whether it answers" },
    { name: "help", summary: "list the commands of the client" },
    { name: "put", summary: "upload files, and so on: see help" },
  ],
  examples: [
    "offshore up",
    "offshore --role tracker --help",
    "offshore put -r ~/photos /photos",
  ],
};

/** The role, and the words that are left. The flag may stand anywhere before a bare `--`. */
function takeRole(words: readonly string[]): { role: string | undefined; rest: string[] } {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const at = words.findIndex((word, i) => i < end && /^--role(=|$)/.test(word));
  if (at < 0) return { role: Deno.env.get("OFFSHORE_ROLE") || undefined, rest: [...words] };
  const [, inline] = /^--role=(.*)$/.exec(words[at] ?? "") ?? [];
  const role = inline ?? words[at + 1] ?? "";
  return { role, rest: words.toSpliced(at, inline === undefined ? 2 : 1) };
}

const encoder = new TextEncoder();

function print(text: string): void {
  Deno.stdout.writeSync(encoder.encode(text));
}

function complain(text: string): void {
  Deno.stderr.writeSync(encoder.encode(text));
}

/** Log lines go to a file where one is named, else to standard error. */
function logWriter(path: string | undefined): (line: string) => void {
  if (path === undefined) return (line) => complain(`${line}\n`);
  const file = Deno.openSync(path, { append: true, create: true });
  return (line) => void file.writeSync(encoder.encode(`${line}\n`));
}

async function secretInput() {
  const { secretInputOn } = await import("./roles/kit/secret_input.ts");
  return secretInputOn(Deno.stdin, complain);
}

async function systemDisk() {
  return (await import("./roles/kit/system_disk.ts")).systemDisk();
}

async function runTracker(words: string[]): Promise<number> {
  const { trackerSpec, TrackerSettings } = await import("./roles/tracker/config.ts");
  const parsed = parseCommandLine({ ...trackerSpec, version }, words, Deno.env.toObject());
  if (parsed.kind === "print") return print(parsed.text), 0;
  const config = readConfig(TrackerSettings, parsed);
  const { logFile, publicUrl, recoveryCode, recoveryCodeFile, rebuildWith, restore, ...settings } =
    config;
  const signal = stopSignal({ stopWithStdin: parsed.isSet("stop-with-stdin") });
  const { startTracker, wayBack } = await import("./roles/tracker/start.ts");
  const { recoveryCodeIn } = await import("./roles/tracker/recovery/recovery_code.ts");
  const from = await wayBack({
    rebuild: parsed.isSet("rebuild"),
    seedersNeeded: rebuildWith,
    file: restore,
    catchUp: parsed.isSet("catch-up"),
    recoveryCode: async () =>
      recoveryCode ??
        await recoveryCodeIn(recoveryCodeFile, await systemDisk(), await secretInput()),
  });
  const started = { ...settings, ...(publicUrl === undefined ? {} : { publicUrl }), from };
  await startTracker(started, signal, {
    out: (line) => print(`${line}\n`),
    outIsTerminal: Deno.stdout.isTerminal(),
    log: logWriter(logFile),
  });
  return 0;
}

async function runSeeder(words: string[]): Promise<number> {
  const { seederSpec, SeederSettings } = await import("./roles/seeder/config.ts");
  const parsed = parseCommandLine({ ...seederSpec, version }, words, Deno.env.toObject());
  if (parsed.kind === "print") return print(parsed.text), 0;
  const { logFile, tracker, reserve, ...settings } = readConfig(SeederSettings, parsed);
  const signal = stopSignal({ stopWithStdin: parsed.isSet("stop-with-stdin") });
  const { startSeeder } = await import("./roles/seeder/start.ts");
  const config = {
    ...settings,
    trackerUrl: tracker,
    reserveBytes: reserve,
    secretInput: await secretInput(),
  };
  await startSeeder(config, signal, {
    out: (line) => print(`${line}\n`),
    log: logWriter(logFile),
  });
  return 0;
}

async function runServe(words: string[]): Promise<number> {
  const { serveSpec } = await import("./roles/client/serve.ts");
  const parsed = parseCommandLine(serveSpec, words, Deno.env.toObject());
  if (parsed.kind === "print") return print(parsed.text), 0;
  const signal = stopSignal({ stopWithStdin: parsed.isSet("stop-with-stdin") });
  const { startServing } = await import("./roles/client/start.ts");
  await startServing(parsed, signal, {
    out: (line) => print(`${line}\n`),
    log: logWriter(undefined),
  });
  return 0;
}

async function runClientRole(words: string[]): Promise<number> {
  if (words[0] === "serve") return await runServe(words.slice(1));
  const [{ runClient, systemTerminal }, { systemClock }, { systemRandom }, transports, disks] =
    await Promise.all([
      import("./roles/client/mod.ts"),
      import("./roles/kit/clock.ts"),
      import("./roles/kit/random.ts"),
      import("./roles/kit/system_transport.ts"),
      import("./roles/kit/system_disk.ts"),
    ]);
  const { silentLog } = await import("./roles/kit/log.ts");
  return await runClient({
    argv: words,
    environment: Deno.env.toObject(),
    terminal: systemTerminal(),
    clock: systemClock(),
    random: systemRandom(),
    transport: transports.systemTransport(),
    disk: disks.systemDisk(),
    log: silentLog,
    currentDirectory: currentDirectory(),
  });
}

/** It may be gone by now, or its name no UTF-8. */
function currentDirectory(): string {
  try {
    return Deno.cwd();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("local-failed", `the current directory cannot be used: ${why}`, {
      cause,
      next: "go to another directory",
    });
  }
}

async function runUp(words: string[]): Promise<number> {
  const { upSpec, UpSettings, startLocalCluster } = await import(
    "./roles/client/cluster/local_cluster.ts"
  );
  const parsed = parseCommandLine(upSpec, words, Deno.env.toObject());
  if (parsed.kind === "print") return print(parsed.text), 0;
  const cluster = await startLocalCluster(
    {
      ...readConfig(UpSettings, parsed),
      rebuild: parsed.isSet("rebuild"),
      catchUp: parsed.isSet("catch-up"),
    },
    (line) => print(`${line}\n`),
  );
  try {
    const state = `${parsed.text("disks")}/client`;
    return await runClientRole([
      "--state",
      state,
      "--tracker",
      cluster.trackerUrl,
      "--login-code-file",
      cluster.loginCodeFile,
    ]);
  } finally {
    await cluster.stop();
  }
}

async function runHealth(words: string[]): Promise<number> {
  const { askHealth, healthSpec, HealthSettings } = await import("./roles/kit/health.ts");
  const parsed = parseCommandLine(healthSpec, words, Deno.env.toObject());
  if (parsed.kind === "print") return print(parsed.text), 0;
  const { listen } = readConfig(HealthSettings, parsed);
  const { systemTransport } = await import("./roles/kit/system_transport.ts");
  const { systemClock } = await import("./roles/kit/clock.ts");
  print(`${await askHealth(listen, systemTransport(), systemClock())}\n`);
  return 0;
}

async function runCodes(words: string[]): Promise<number> {
  const { codeLines, codesSpec } = await import("./roles/tracker/code_files.ts");
  const parsed = parseCommandLine(codesSpec, words, Deno.env.toObject());
  if (parsed.kind === "print") return print(parsed.text), 0;
  for (const line of await codeLines(await systemDisk(), parsed)) print(`${line}\n`);
  return 0;
}

async function run(words: readonly string[]): Promise<number> {
  const { role, rest } = takeRole(words);
  // Also as `docker compose exec tracker offshore codes`, where the environment says the role.
  if (rest[0] === "codes") return await runCodes(rest.slice(1));
  if (rest[0] === "health") return await runHealth(rest.slice(1));
  if (role === undefined) {
    if (roles.some((each) => each === rest[0])) {
      throw new Fault("usage", `${rest[0]} is a role and no command`, {
        next: `type: offshore --role ${rest[0]}`,
      });
    }
    if (rest[0] === "up") return await runUp(rest.slice(1));
    if (rest[0] === "--version") return print(`offshore ${version}\n`), 0;
    if (rest[0] === "--help" || rest[0] === "-h") return print(helpOf(programSpec, [])), 0;
    return await runClientRole(rest);
  }
  const known = roles.find((each): each is Role => each === role);
  if (known === "tracker") return await runTracker(rest);
  if (known === "seeder") return await runSeeder(rest);
  if (known === "client") return await runClientRole(rest);
  complain(`offshore: there is no role "${role}"\n  next: one of ${roles.join(", ")}\n`);
  return 2;
}

/** Exit codes of a role that could not start; those of the client are its own. */
function exitCodeOf(fault: Fault): number {
  return fault.code === "usage" || fault.code === "config-invalid" ? 2 : 1;
}

if (import.meta.main) {
  let code: number;
  try {
    const sources = {
      fromHead: Deno.env.get("OFFSHORE_ARGUMENTS"),
      commandLine: () => Deno.readFileSync("/proc/self/cmdline"),
    };
    code = await run(exactArguments(Deno.args, sources));
  } catch (error) {
    const fault = asFault(error);
    complain(faultLines("offshore", fault));
    const wantsAll = Deno.env.get("OFFSHORE_LOG_LEVEL") === "debug";
    if (wantsAll && error instanceof Error) complain(`${error.stack}\n`);
    code = exitCodeOf(fault);
  }
  Deno.exit(code);
}
