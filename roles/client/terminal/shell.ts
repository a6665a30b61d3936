/**
 * The shell: line after line from a person at a terminal or from standard input, until it ends or
 * is left. A failed command is told and the shell goes on; the exit code is that of the first
 * failure. But what waits is never run in another place than it was written for: a line that was
 * not read, or one that should have gone elsewhere and did not, ends all that came with it.
 */
import { asFault, Fault } from "../../../protocol/mod.ts";
import type { ExitCode } from "../exit_codes.ts";
import { exitCodeOf } from "../exit_codes.ts";
import { OutputClosed, type PromptParts, type Terminal } from "./terminal.ts";
import { count } from "./wording.ts";
import { wordsOf } from "./words.ts";

type AskSecret = (prompt: string) => Promise<string | undefined>;

export interface ShellParts {
  readonly terminal: Terminal;
  /** Runs one line's words. Tells failures itself; the answer is the exit code. */
  readonly runWords: (
    words: readonly string[],
    signal: AbortSignal,
    askSecret: AskSecret,
  ) => Promise<{ code: ExitCode; leave: boolean }>;
  /** Whether these words go to another place: what follows them counts on it. */
  readonly goesElsewhere: (words: readonly string[]) => boolean;
  readonly tell: (fault: Fault) => void;
  /** Ends the shell from outside. */
  readonly signal: AbortSignal;
}

export interface InteractiveParts extends ShellParts {
  readonly history: readonly string[];
  readonly prompt: () => string;
  readonly complete: PromptParts["complete"];
  readonly onLine: PromptParts["onLine"];
}

interface LineOutcome {
  readonly code: ExitCode;
  readonly leave: boolean;
  /** What came with this line counted on it, and must not run. */
  readonly endsBatch: boolean;
}

async function runLine(
  parts: ShellParts,
  line: string,
  signal: AbortSignal,
  askSecret: AskSecret,
): Promise<LineOutcome> {
  let words: string[] | undefined;
  try {
    words = wordsOf(line);
    if (words.length === 0) return { code: 0, leave: false, endsBatch: false };
    const outcome = await parts.runWords(words, signal, askSecret);
    return { ...outcome, endsBatch: outcome.code !== 0 && parts.goesElsewhere(words) };
  } catch (error) {
    if (error instanceof OutputClosed) throw error;
    const fault = asFault(error);
    parts.tell(fault);
    const endsBatch = words === undefined || parts.goesElsewhere(words);
    return { code: exitCodeOf(fault.code), leave: false, endsBatch };
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
    const lines = terminal.lines()[Symbol.asyncIterator]();
    // A command that needs a code takes the line after it.
    const askSecret = async () => (await lines.next()).value as string | undefined;
    for (;;) {
      const { value: line, done } = await lines.next();
      if (done === true || signal.aborted) break;
      const { code, leave, endsBatch } = await runLine(parts, line, signal, askSecret);
      if (first === 0) first = code;
      if (endsBatch) terminal.writeError("offshore: nothing after this line was run\n");
      if (leave || endsBatch) break;
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
    onLine: parts.onLine,
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
      const { leave, endsBatch } = await runLine(parts, line, signal, prompt.askSecret);
      running = undefined;
      const dropped = endsBatch ? prompt.drop() : 0;
      if (dropped > 0) {
        const lines = count(dropped, "line that was waiting is", "lines that were waiting are");
        parts.terminal.writeError(`offshore: ${lines} not run\n`);
      }
      if (leave) break;
    }
  } finally {
    parts.signal.removeEventListener("abort", close);
    prompt.close();
  }
  return 0;
}
