/**
 * The shell: line after line from a person at a terminal or from standard input, until it ends or
 * is left. A failed command is told and the shell goes on; the exit code is that of the first
 * failure.
 */
import { asFault, Fault } from "../../../protocol/mod.ts";
import type { ExitCode } from "../exit_codes.ts";
import { exitCodeOf } from "../exit_codes.ts";
import { OutputClosed, type PromptParts, type Terminal } from "./terminal.ts";
import { wordsOf } from "./words.ts";

export interface ShellParts {
  readonly terminal: Terminal;
  /** Runs one line's words. Tells failures itself; the answer is the exit code. */
  readonly runWords: (
    words: readonly string[],
    signal: AbortSignal,
  ) => Promise<{ code: ExitCode; leave: boolean }>;
  readonly tell: (fault: Fault) => void;
  /** Ends the shell from outside. */
  readonly signal: AbortSignal;
}

export interface InteractiveParts extends ShellParts {
  readonly history: readonly string[];
  readonly prompt: () => string;
  readonly complete: PromptParts["complete"];
  readonly onHistory: PromptParts["onHistory"];
}

async function runLine(
  parts: ShellParts,
  line: string,
  signal: AbortSignal,
): Promise<{ code: ExitCode; leave: boolean }> {
  try {
    const words = wordsOf(line);
    if (words.length === 0) return { code: 0, leave: false };
    return await parts.runWords(words, signal);
  } catch (error) {
    if (error instanceof OutputClosed) throw error;
    const fault = asFault(error);
    parts.tell(fault);
    return { code: exitCodeOf(fault.code), leave: false };
  }
}

/** Reads commands from standard input that is no terminal. Echoes nothing. */
export async function runScript(parts: ShellParts): Promise<ExitCode> {
  const { terminal } = parts;
  const stop = new AbortController();
  const signal = AbortSignal.any([parts.signal, stop.signal]);
  const forget = terminal.onInterrupt(() => {
    // The second one ends the program the hard way.
    forget();
    stop.abort(new Fault("interrupted", "interrupted"));
  });
  let first: ExitCode = 0;
  try {
    for await (const line of terminal.lines()) {
      if (signal.aborted) break;
      const { code, leave } = await runLine(parts, line, signal);
      if (first === 0) first = code;
      if (leave) break;
    }
  } finally {
    if (!stop.signal.aborted) forget();
  }
  return first;
}

/** Reads commands from a person. Exits with 0: what failed, the person has seen. */
export async function runInteractive(parts: InteractiveParts): Promise<ExitCode> {
  let running: AbortController | undefined;
  const prompt = await parts.terminal.openPrompt({
    history: parts.history,
    complete: parts.complete,
    onHistory: parts.onHistory,
    onInterrupt: () => {
      if (running === undefined) return false;
      running.abort(new Fault("interrupted", "cancelled"));
      return true;
    },
  });
  const close = () => prompt.close();
  parts.signal.addEventListener("abort", close, { once: true });
  try {
    while (!parts.signal.aborted) {
      const line = await prompt.ask(parts.prompt());
      if (line === undefined) {
        parts.terminal.writeError("\n");
        break;
      }
      running = new AbortController();
      const signal = AbortSignal.any([parts.signal, running.signal]);
      const { leave } = await runLine(parts, line, signal);
      running = undefined;
      if (leave) break;
    }
  } finally {
    parts.signal.removeEventListener("abort", close);
    prompt.close();
  }
  return 0;
}
