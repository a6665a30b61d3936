/**
 * Standard input, output and error of this process, the one place where the client touches them.
 * The interface is small so that tests can stand in for a terminal; `node:readline` does the
 * editing and is loaded only when somebody types.
 */
import { Fault } from "../../../protocol/mod.ts";
import type { Buffer } from "node:buffer";
import { historyLinesMax } from "./history.ts";
import { marksOff, marksOn, pasteEnd, PasteMarks, pasteStart } from "./paste_marks.ts";
import { type SecretInput, secretInputOn, SecretLine } from "../../kit/secret_input.ts";

export interface Completion {
  /** Texts that may stand where `typed` stands, each beginning with it. */
  readonly candidates: readonly string[];
  /** To tell the person where there are no candidates although names begin so. */
  readonly note?: string;
  /** The end of the line that the candidates replace. */
  readonly typed: string;
}

export interface PromptParts {
  /** Lines of earlier shells, newest first. */
  readonly history: readonly string[];
  readonly complete: (line: string) => Promise<Completion>;
  /** A line was typed that belongs into the history. */
  readonly onLine: (line: string) => void;
  /** Ctrl-C. True when it was meant for a running command; else the line is cleared. */
  readonly onInterrupt: () => boolean;
}

/** Line editing. Lines that come while nobody asks are kept for the next question. */
export interface Prompt {
  /** The next line; undefined when there is no terminal any more. */
  ask(prompt: string): Promise<string | undefined>;
  /** A line that is neither shown nor in the history. @throws Fault `interrupted` */
  askSecret(prompt: string): Promise<string | undefined>;
  /** Drops the lines that are kept, and the rest of what is being pasted. How many there were. */
  drop(): number;
  close(): void;
}

export interface Terminal {
  readonly inputIsTerminal: boolean;
  readonly outputIsTerminal: boolean;
  readonly errorIsTerminal: boolean;
  columns(): number;
  /** Standard input as bytes. Use this or `lines` or a prompt. */
  readonly input: () => ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Standard input as lines of text. */
  lines(): AsyncIterable<string>;
  /** Throws `OutputClosed` when nobody reads any more. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  writeError(text: string): void;
  /** Calls `listener` at Ctrl-C instead of ending the program, until the answer is called. */
  onInterrupt(listener: () => void): () => void;
  openPrompt(parts: PromptParts): Promise<Prompt>;
  /** For codes, where no prompt is open and no lines are read. */
  readonly secretInput: SecretInput;
}

/** The reader of our output has gone, as `head` does: no fault, just no reason to go on. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** A line of a script longer than this is no line: memory stays bounded. */
const lineLengthMax = 1024 * 1024;

/** Bytes as lines without their ends. Throws `usage` for what is not UTF-8 text. */
export async function* linesOf(
  input: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (bytes?: Uint8Array<ArrayBuffer>) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw new Fault("usage", "standard input is not text in UTF-8", { cause });
    }
  };
  let rest = "";
  for await (const bytes of input) {
    const lines = (rest + decode(bytes)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line.replace(/\r$/, "");
    if (rest.length > lineLengthMax) throw new Fault("usage", "standard input has no line ends");
  }
  rest += decode();
  if (rest !== "") yield rest.replace(/\r$/, "");
}

export function systemTerminal(): Terminal {
  const encoder = new TextEncoder();
  let atLineStart = true;
  const complain = (text: string) => void Deno.stderr.writeSync(encoder.encode(text));
  return {
    secretInput: secretInputOn(Deno.stdin, complain),
    inputIsTerminal: Deno.stdin.isTerminal(),
    outputIsTerminal: Deno.stdout.isTerminal(),
    errorIsTerminal: Deno.stderr.isTerminal(),
    columns: () => {
      try {
        return Deno.consoleSize().columns || 80;
      } catch {
        return 80;
      }
    },
    input: () => Deno.stdin.readable,
    lines: () => linesOf(Deno.stdin.readable),
    write: async (bytes) => {
      try {
        for (let done = 0; done < bytes.length;) {
          done += await Deno.stdout.write(bytes.subarray(done));
        }
        if (bytes.length > 0) atLineStart = bytes.at(-1) === 10;
      } catch (cause) {
        if (cause instanceof Deno.errors.BrokenPipe) throw new OutputClosed("", { cause });
        throw new Fault("local-failed", "standard output cannot be written", { cause });
      }
    },
    writeError: (text) => {
      const bytes = encoder.encode(text);
      try {
        for (let done = 0; done < bytes.length;) {
          done += Deno.stderr.writeSync(bytes.subarray(done));
        }
      } catch {
        // Nobody reads standard error: there is nowhere left to say so.
      }
    },
    onInterrupt: (listener) => {
      Deno.addSignalListener("SIGINT", listener);
      return () => Deno.removeSignalListener("SIGINT", listener);
    },
    // The line editor draws its prompt over what stands on the line: the end of a file, say.
    openPrompt: (parts) =>
      openPrompt(parts, () => {
        if (!atLineStart) Deno.stdout.writeSync(encoder.encode("\n"));
        atLineStart = true;
      }),
  };
}

async function openPrompt(parts: PromptParts, toLineStart: () => void): Promise<Prompt> {
  const [{ createInterface }, { default: process }, { PassThrough }] = await Promise.all([
    import("node:readline"),
    import("node:process"),
    import("node:stream"),
  ]);
  const marks = new PasteMarks();
  const setRawMode = (isRaw: boolean) => process.stdin.setRawMode(isRaw);
  const keys = Object.assign(new PassThrough(), { isTTY: true, setRawMode });
  // While a code is asked for, what is typed goes past the editor, which would show and keep it.
  let unseen: ((bytes: Buffer) => void) | undefined;
  const onBytes = (bytes: Buffer) => {
    if (unseen === undefined) keys.write(marks.take(bytes.toString("latin1")), "latin1");
    else unseen(bytes);
  };
  const onEnd = () => keys.end();
  process.stdin.on("data", onBytes).on("end", onEnd);
  const waiting: string[] = [];
  let answer: ((line: string | undefined) => void) | undefined;
  let open = true, isPasting = false, isDropping = false;
  // Before the editor hears of a key: it would close itself at Ctrl-D on an empty line.
  keys.on("keypress", (text: string | undefined, key: { name?: string; ctrl?: boolean }) => {
    if (text === pasteStart) isPasting = true;
    if (text === pasteEnd) {
      if (isDropping) clearLine();
      isPasting = isDropping = false;
    }
    // With Ctrl it is no text to the editor, and means nothing.
    if (text === pasteStart || text === pasteEnd) key.ctrl = true;
    if (key.ctrl !== true || key.name !== "d" || editor.line !== "") return;
    key.name = "";
    if (answer === undefined) return;
    process.stdout.write("\ntype exit to leave\n");
    editor.prompt();
  });
  const editor = createInterface({
    input: keys,
    output: process.stdout,
    terminal: true,
    history: [...parts.history],
    historySize: historyLinesMax,
    removeHistoryDuplicates: true,
    completer: (line: string, done: (error: Error | null, result: [string[], string]) => void) => {
      parts.complete(line).then(
        ({ candidates, typed, note }) => {
          if (note !== undefined && answer !== undefined) {
            process.stdout.write(`\n${note}\n`);
            editor.prompt(true);
          }
          done(null, [[...candidates], typed]);
        },
        // A completion that fails offers nothing; the command itself will say why.
        () => done(null, [[], line]),
      );
    },
  });
  const give = (line: string | undefined) => {
    const waiter = answer;
    answer = undefined;
    waiter?.(line);
  };
  const clearLine = () => Object.assign(editor, { line: "", cursor: 0 });
  const drop = () => {
    isDropping = isPasting;
    if (editor.line !== "") process.stdout.write("\n");
    clearLine();
    return waiting.splice(0).length;
  };
  editor.on("line", (line: string) => {
    if (isDropping) return;
    if (answer === undefined) waiting.push(line);
    else give(line);
  });
  editor.on("close", () => {
    open = false;
    process.stdin.off("data", onBytes).off("end", onEnd).pause();
    process.stdout.write(marksOff);
    give(undefined);
  });
  editor.on("history", ([line]: string[]) => {
    if (line !== undefined) parts.onLine(line);
  });
  editor.on("SIGINT", () => {
    const wasForCommand = parts.onInterrupt();
    // What was typed or pasted for later was typed in the hope that this would end well.
    if (wasForCommand || answer === undefined) return void drop();
    // What was typed is dropped, as in a shell: end of line, erase to its start, a fresh prompt.
    process.stdout.write("^C\n");
    editor.write(null, { ctrl: true, name: "e" });
    editor.write(null, { ctrl: true, name: "u" });
    editor.prompt();
  });
  process.stdout.write(marksOn);
  // Without a listener Ctrl-Z stops the program, and `fg` does not bring the line editor back.
  editor.on("SIGTSTP", () => {});
  return {
    ask: (prompt) => {
      const line = waiting.shift();
      if (line !== undefined) return Promise.resolve(line);
      if (!open) return Promise.resolve(undefined);
      toLineStart();
      editor.setPrompt(prompt);
      // What was typed ahead goes on where it was.
      editor.prompt(true);
      return new Promise((resolve) => answer = resolve);
    },
    askSecret: async (prompt) => {
      const line = new SecretLine(true);
      process.stdout.write(prompt);
      try {
        await new Promise<void>((resolve, reject) => {
          unseen = (bytes) => {
            try {
              if (bytes.some((byte) => line.take(byte))) resolve();
            } catch (error) {
              reject(error);
            }
          };
        });
      } finally {
        unseen = undefined;
        process.stdout.write("\n");
      }
      return line.text;
    },
    drop,
    close: () => editor.close(),
  };
}
