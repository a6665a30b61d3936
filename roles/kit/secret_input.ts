/**
 * How a person hands a code to a program: a file, a pipe, or typed at a terminal that shows nothing
 * of it. Never the command line, which everybody on the machine can read. What the code is for is
 * not known here.
 */
import { Fault } from "../../protocol/mod.ts";
import { type Disk, readWhole } from "./disk.ts";

export interface SecretInput {
  /** A person sits there who can be asked. */
  readonly isTerminal: boolean;
  /** A line that is not shown; undefined where there is none. @throws Fault `interrupted` */
  ask(prompt: string): Promise<string | undefined>;
}

/** Standard input of this process. */
interface Input {
  isTerminal(): boolean;
  setRaw(on: boolean): void;
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
}

/** Longer than any code. */
const lineBytesMax = 8192;
const interrupt = 3, endOfInput = 4, lineFeed = 10, enter = 13, escape = 27;
const backspaces = [8, 127];

/**
 * Lines of standard input, read byte by byte so that what follows is left to whoever reads next. At
 * a terminal the prompt is shown and what is typed is not.
 */
export function secretInputOn(input: Input, prompt: (text: string) => void): SecretInput {
  const isTerminal = input.isTerminal();
  return {
    isTerminal,
    ask: async (question) => {
      if (!isTerminal) return await readLine(input, false);
      prompt(question);
      input.setRaw(true);
      try {
        return await readLine(input, true);
      } finally {
        input.setRaw(false);
        prompt("\n");
      }
    },
  };
}

async function readLine(input: Input, isTyped: boolean): Promise<string | undefined> {
  const line = new SecretLine(isTyped);
  const one = new Uint8Array(1);
  for (;;) {
    const read = await input.read(one);
    const [byte = 0] = one;
    if (read === null || line.take(byte)) return line.text;
  }
}

/** One line as it comes in, byte by byte. */
export class SecretLine {
  readonly #bytes: number[] = [];
  /** Within what a terminal sends for a key or around what is pasted: it is no part of the line. */
  #isEscaped = false;

  /** @param isTyped a person types it, and corrects it */
  constructor(private readonly isTyped: boolean) {}

  /** Whether this byte ends the line. @throws Fault `interrupted`, `usage` */
  take(byte: number): boolean {
    if (byte === lineFeed) return true;
    if (!this.isTyped) return this.#keep(byte);
    if (byte === interrupt) throw new Fault("interrupted", "interrupted");
    if (byte === enter || byte === endOfInput) return true;
    if (byte === escape) this.#isEscaped = true;
    else if (this.#isEscaped) this.#isEscaped = !isLastOfEscape(byte);
    else if (backspaces.includes(byte)) this.#bytes.pop();
    else return this.#keep(byte);
    return false;
  }

  /** Without the blanks around it; undefined where there is nothing else. */
  get text(): string | undefined {
    const text = new TextDecoder().decode(Uint8Array.from(this.#bytes)).trim();
    return text === "" ? undefined : text;
  }

  #keep(byte: number): false {
    this.#bytes.push(byte);
    if (this.#bytes.length <= lineBytesMax) return false;
    throw new Fault("usage", "this line is longer than any code");
  }
}

/** `ESC [ 2 0 0 ~`: a letter or a tilde ends it, and the bracket does not. */
function isLastOfEscape(byte: number): boolean {
  return /^[A-Za-z~]$/.test(String.fromCharCode(byte));
}

/** Where a code is: in a file, or `-` for the first line of standard input. */
export async function secretIn(
  disk: Disk,
  path: string,
  input: SecretInput,
): Promise<string | undefined> {
  if (path === "-") return await input.ask("code: ");
  const bytes = await readWhole(disk, path);
  const text = bytes === undefined ? "" : new TextDecoder().decode(bytes).trim();
  return text === "" ? undefined : text;
}
