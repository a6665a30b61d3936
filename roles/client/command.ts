/**
 * What a command is, and what it is given. One tree of commands serves the shell and single
 * commands: a command never knows which of the two it runs in, except through what stands in its
 * context.
 */
import { asFault, type Fault, type RemotePath, type Transport } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import type { Changes, CommandRun, CommandSpec, OptionSpec } from "../kit/command_line.ts";
import type { Disk } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";
import type { Random } from "../kit/random.ts";
import type { Session } from "./cluster/session.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** Where the person stands, in the namespace and on this machine; `cd` and `lcd` change it. */
export interface Place {
  remote: RemotePath;
  /** Absolute. */
  local: string;
}

/** The cluster as this person is logged in to it. */
export interface Access {
  readonly session: Session;
  readonly trackerAddress: string;
  readonly user: string;
}

export interface CommandContext {
  readonly run: CommandRun;
  /** The name under which the command speaks. */
  readonly name: string;
  /** What the command may alter: one that alters the cluster takes no id for a path. */
  readonly changes: Changes;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly log: Log;
  readonly transport: Transport;
  readonly place: Place;
  /** Fires when the person wants the command to stop. */
  readonly signal: AbortSignal;
  readonly json: boolean;
  /** False in a shell, which reads its commands from standard input. */
  readonly inputIsFree: boolean;
  /** Logs in where that is needed, once for the life of the program. */
  access(): Promise<Access>;
  /** Logs in anew with this code, for the commands that follow too. */
  logIn(code: string): Promise<Access>;
  /** Asks for a line that is neither shown nor kept; undefined where there is none. */
  askSecret(prompt: string): Promise<string | undefined>;
  /** Text for standard output; every line already safe to print. */
  print(lines: string | readonly string[]): Promise<void>;
  /** One JSON value on one line. */
  printJson(value: unknown): Promise<void>;
  /** Tells a failure that does not end the command. The first one told decides the exit code. */
  report(fault: Fault): void;
  /** One line on standard error that is no failure. */
  note(text: string): void;
  /** A typed local path, made absolute; in the shell `~` is the home directory. */
  localPath(word: string): string;
  /** The help of the command with this name; of the program for none. Throws `usage`. */
  help(path: readonly string[]): Promise<string>;
  /** Nothing failed, and yet what it found is no good news: the exit code is 1. */
  endBadly(): void;
  /** Ends the shell after this command. */
  leave(): void;
}

/** What Tab offers for an argument. */
export type Completes = "remote" | "local" | "command" | "version" | "nothing";

export interface Command {
  /** Every command says what it may alter, with any of its options and words. */
  readonly spec: CommandSpec & { readonly changes: Changes };
  /** For the first argument, the second, …; the last one counts for all that follow. */
  readonly completes: readonly Completes[];
  /** Its whole point is where the commands after it act: when it fails, they must not. */
  readonly goesElsewhere?: boolean;
  /** Throws a Fault when it failed as a whole. */
  run(context: CommandContext): Promise<void>;
}

/** What `-h` means in these commands on Linux; sizes for programs are in `--json`. */
export const humanReadable: OptionSpec = {
  name: "human-readable",
  short: "h",
  summary: "sizes with units, as they always are",
};

/** Runs `work` for each item; one that fails is reported and the rest goes on. */
export async function forEach<T>(
  context: CommandContext,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  for (const item of items) {
    context.signal.throwIfAborted();
    try {
      await work(item);
    } catch (error) {
      const fault = asFault(error);
      // What is not about this item would only be told again for the next.
      if (fault.code === "internal" || context.signal.aborted || fault.retry === "later") {
        throw error;
      }
      context.report(fault);
    }
  }
}
