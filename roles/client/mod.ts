/**
 * The client's door: one command from the program's words, or the shell when there is none. Here
 * the commands get their context, and faults become text on standard error and an exit code.
 */
import { asFault, Fault, rootPath, type Transport } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import { type CommandRun, type CommandSpec, parseCommandLine } from "../kit/command_line.ts";
import type { Disk } from "../kit/disk.ts";
import { lineLog, type Log } from "../kit/log.ts";
import type { Random } from "../kit/random.ts";
import { faultLines, withoutCodes } from "../kit/telling.ts";
import { type Door, openDoor } from "./cluster/access.ts";
import type { CommandContext, Place } from "./command.ts";
import { commandCalled } from "./command_tree.ts";
import { complete } from "./terminal/completion.ts";
import { type ExitCode, exitCodeOf } from "./exit_codes.ts";
import { historyLinesMax, loadHistory, saveHistory } from "./terminal/history.ts";
import { expandHome, resolveLocal } from "./local_paths.ts";
import { type ClientSettings, programSpec, readSettings, shellSpec } from "./settings.ts";
import { helpAbout } from "./program_help.ts";
import { runInteractive, runScript } from "./terminal/shell.ts";
import { OutputClosed, type Terminal } from "./terminal/terminal.ts";
import { visible, visibleLines } from "./terminal/wording.ts";

export { systemTerminal, type Terminal } from "./terminal/terminal.ts";

export interface ClientParts {
  /** What follows the program's name and role; nothing opens the shell. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly disk: Disk;
  readonly log: Log;
  /** Absolute. */
  readonly currentDirectory: string;
  /** Ends the client. */
  readonly signal?: AbortSignal;
}

/** Everything one run of the program shares between its commands. */
interface Client extends ClientParts {
  readonly settings: ClientSettings;
  readonly place: Place;
  readonly door: Door;
  readonly askSecret: (prompt: string) => Promise<string | undefined>;
  readonly inputIsFree: boolean;
  readonly spec: CommandSpec;
}

interface Outcome {
  readonly code: ExitCode;
  readonly leave: boolean;
}

/** Runs until the command or the shell is over; the answer is the exit code. Never throws. */
export async function runClient(parts: ClientParts): Promise<number> {
  try {
    return await run(parts);
  } catch (error) {
    // Whoever closed our output does not want to hear about it.
    if (error instanceof OutputClosed) return 1;
    return tell(parts.terminal, "offshore", asFault(error));
  }
}

async function run(parts: ClientParts): Promise<number> {
  const { argv, environment, terminal } = parts;
  const parsed = parseCommandLine(programSpec, argv, environment, terminal.columns());
  if (parsed.kind === "print") {
    await terminal.write(new TextEncoder().encode(parsed.text));
    return 0;
  }
  const settings = readSettings(parsed, environment);
  const log = settings.logLevel === undefined ? parts.log : lineLog(
    parts.clock,
    "client",
    settings.logLevel,
    (line) => terminal.writeError(`${line}\n`),
  );
  const state = resolveLocal(parts.currentDirectory, settings.stateDirectory);
  const onWait = (text: string) => terminal.writeError(`offshore: ${visible(text)}\n`);
  const shared = { ...parts, log, settings: { ...settings, stateDirectory: state } };
  const isShell = parsed.path.length === 0;
  const client: Client = {
    ...shared,
    place: { remote: rootPath, local: parts.currentDirectory },
    door: openDoor({ ...shared, secretInput: terminal.secretInput, onWait }),
    askSecret: terminal.secretInput.ask,
    inputIsFree: !isShell,
    spec: isShell ? shellSpec : programSpec,
  };
  return isShell ? await runShell(client) : await runOne(client, parsed);
}

async function runOne(client: Client, command: CommandRun): Promise<ExitCode> {
  const stop = new AbortController();
  const forget = client.terminal.onInterrupt(() => {
    // The second Ctrl-C ends the program the hard way.
    forget();
    stop.abort(new Fault("interrupted", "interrupted"));
  });
  try {
    return (await runCommand(client, command, anyOf(client.signal, stop.signal))).code;
  } finally {
    if (!stop.signal.aborted) forget();
  }
}

function anyOf(outer: AbortSignal | undefined, inner: AbortSignal): AbortSignal {
  return outer === undefined ? inner : AbortSignal.any([outer, inner]);
}

async function runShell(client: Client): Promise<ExitCode> {
  const { terminal, disk, random, settings, place } = client;
  const { stateDirectory } = settings;
  const parts = {
    terminal,
    signal: anyOf(client.signal, new AbortController().signal),
    goesElsewhere: (words: readonly string[]) => {
      const name = words.find((word) => !word.startsWith("-"));
      return commandCalled(name ?? "")?.goesElsewhere === true;
    },
    tell: (fault: Fault) => tell(terminal, "offshore", fault),
    runWords: async (
      words: readonly string[],
      signal: AbortSignal,
      askSecret: Client["askSecret"],
    ) => {
      const parsed = parseCommandLine(shellSpec, words, {}, terminal.columns());
      if (parsed.kind === "run") {
        // A line of options alone has nothing to run.
        if (parsed.path.length === 0) return { code: 0 as const, leave: false };
        return await runCommand({ ...client, askSecret }, parsed, signal);
      }
      await terminal.write(new TextEncoder().encode(parsed.text));
      return { code: 0 as const, leave: false };
    },
  };
  if (!terminal.inputIsTerminal) return await runScript(parts);
  let saving = Promise.resolve(), isSaved = true;
  const typed: string[] = [];
  const code = await runInteractive({
    ...parts,
    prompt: () => `offshore:${visible(place.remote)}$ `,
    history: await loadHistory(disk, stateDirectory),
    onLine: (line) => {
      // A code that was typed as a command is kept as little as one that was asked for.
      if (withoutCodes(line) !== line) return;
      typed.unshift(line);
      typed.splice(historyLinesMax);
      isSaved = false;
      // Thousands of lines that were pasted are saved at once.
      saving = saving.then(async () => {
        if (isSaved) return;
        isSaved = true;
        await saveHistory(disk, stateDirectory, typed, random);
      });
    },
    complete: (line) =>
      complete({ ...client, access: client.door.open, home: client.environment.HOME }, line),
  });
  await saving;
  return code;
}

async function runCommand(
  client: Client,
  command: CommandRun,
  signal: AbortSignal,
): Promise<Outcome> {
  const name = command.called;
  const found = commandCalled(name);
  if (found === undefined) throw new Fault("usage", `there is no command ${name}`);
  let code: ExitCode = 0, leave = false;
  const report = (fault: Fault) => {
    const own = tell(client.terminal, name, fault);
    if (code === 0) code = own;
  };
  const context: CommandContext = {
    ...client,
    run: command,
    name,
    changes: found.spec.changes,
    signal,
    json: client.settings.json || command.isSet("json"),
    access: () => client.door.open(signal),
    logIn: (code) => client.door.logIn(code, signal),
    print: async (lines) => {
      const text = typeof lines === "string" ? lines : lines.join("\n");
      if (lines.length === 0) return;
      await client.terminal.write(new TextEncoder().encode(`${text}\n`));
    },
    printJson: (value) =>
      client.terminal.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`)),
    report,
    note: (text) => client.terminal.writeError(`${name}: ${text}\n`),
    localPath: (word) => {
      // Outside, the person's own shell has done this already.
      const isInside = client.spec === shellSpec;
      const typed = isInside ? expandHome(word, client.environment.HOME) : word;
      return resolveLocal(client.place.local, typed);
    },
    help: (path) => helpAbout(client.spec, path, client.terminal.columns()),
    endBadly: () => {
      if (code === 0) code = 1;
    },
    leave: () => leave = true,
  };
  try {
    await found.run(context);
    signal.throwIfAborted();
  } catch (error) {
    if (error instanceof OutputClosed) throw error;
    const thrown = asFault(error);
    // A command may know better what it means that it was stopped.
    const isTold = thrown.code === "interrupted" || !signal.aborted;
    const fault = isTold ? thrown : asFault(signal.reason);
    report(fault);
    // A transfer of many files of which some failed is "failed", whatever the first one was.
    if (fault.code === "incomplete") code = exitCodeOf(fault.code);
  }
  return { code, leave };
}

/** Prints what happened and what to type next; the answer is the exit code. */
function tell(terminal: Terminal, who: string, fault: Fault): ExitCode {
  terminal.writeError(visibleLines(faultLines(who, fault)));
  return exitCodeOf(fault.code);
}
