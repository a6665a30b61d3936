/**
 * A cluster inside the test's process, and a terminal made of strings: commands are run through the
 * client's door, from words to exit code, in the cluster of `world.ts`.
 */
import assert from "node:assert/strict";
import { type ClientParts, runClient, type Terminal } from "../../../roles/client/mod.ts";
import { linesOf, type PromptParts } from "../../../roles/client/terminal/terminal.ts";
import { withWorld, type World } from "./world.ts";

export interface FakeTerminalParts {
  readonly input?: string | Uint8Array<ArrayBuffer>;
  readonly inputIsTerminal?: boolean;
  readonly outputIsTerminal?: boolean;
  readonly errorIsTerminal?: boolean;
  readonly columns?: number;
  /** What a person types unseen. */
  readonly secret?: string;
  /** What a person does at the prompt: answers with the next line. */
  readonly typed?: (parts: PromptParts, prompt: string) => Promise<string | undefined>;
  /** Drops what waits behind the line that runs. How many lines. */
  readonly dropped?: () => number;
}

export class FakeTerminal implements Terminal {
  readonly inputIsTerminal: boolean;
  readonly outputIsTerminal: boolean;
  readonly errorIsTerminal: boolean;
  readonly written: Uint8Array<ArrayBuffer>[] = [];
  error = "";
  #interrupt: (() => void) | undefined;

  constructor(private readonly parts: FakeTerminalParts) {
    this.inputIsTerminal = parts.inputIsTerminal ?? false;
    this.outputIsTerminal = parts.outputIsTerminal ?? false;
    this.errorIsTerminal = parts.errorIsTerminal ?? false;
  }

  columns = () => this.parts.columns ?? 80;

  input = (): ReadableStream<Uint8Array<ArrayBuffer>> => {
    const { input = "" } = this.parts;
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    return ReadableStream.from([bytes]);
  };

  readonly secretInput = {
    isTerminal: false,
    ask: async (): Promise<string | undefined> => {
      for await (const line of this.lines()) return line;
      return undefined;
    },
  };

  lines(): AsyncIterable<string> {
    return linesOf(this.input());
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.written.push(bytes.slice());
    return Promise.resolve();
  }

  writeError(text: string): void {
    this.error += text;
  }

  onInterrupt(listener: () => void): () => void {
    this.#interrupt = listener;
    return () => this.#interrupt = undefined;
  }

  interrupt(): void {
    this.#interrupt?.();
  }

  openPrompt(parts: PromptParts) {
    const { typed } = this.parts;
    assert(typed !== undefined, "the test types at the prompt");
    const { dropped = () => 0 } = this.parts;
    const ask = (prompt: string) => typed(parts, prompt);
    const askSecret = () => Promise.resolve(this.parts.secret);
    return Promise.resolve({ ask, askSecret, drop: dropped, close: () => {} });
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.written.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of this.written) {
      all.set(part, offset);
      offset += part.length;
    }
    return all;
  }

  get output(): string {
    return new TextDecoder().decode(this.bytes);
  }
}

export interface Ran {
  readonly code: number;
  readonly output: string;
  readonly error: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** One JSON value for each line of output. */
  json(): Record<string, unknown>[];
}

export interface ClientWorld extends AsyncDisposable {
  /** The cluster, to make it misbehave. */
  readonly cluster: World;
  /** A directory of its own on this machine, where the commands run. */
  readonly local: string;
  /** Runs the client with these words, logged in. */
  run(words: readonly string[], terminal?: FakeTerminalParts | FakeTerminal): Promise<Ran>;
  /** Runs the shell over these lines. */
  script(lines: readonly string[]): Promise<Ran>;
  readonly parts: Omit<ClientParts, "argv" | "terminal">;
}

export async function openClientWorld(seederCount = 0): Promise<ClientWorld> {
  const opened = Promise.withResolvers<World>();
  const closed = Promise.withResolvers<void>();
  const life = withWorld(seederCount, (world) => {
    opened.resolve(world);
    return closed.promise;
  });
  life.catch(opened.reject);
  const cluster = await opened.promise;
  const local = `${await Deno.realPath(cluster.directory)}/home`;
  await Deno.mkdir(local);
  const { session, transport, code } = cluster;
  const { clock, random, disk, log } = session;
  const environment = { HOME: local, OFFSHORE_STATE: `${cluster.directory}/state` };
  const parts = { environment, clock, random, transport, disk, log, currentDirectory: local };
  const run = async (words: readonly string[], given: FakeTerminalParts | FakeTerminal = {}) => {
    const terminal = given instanceof FakeTerminal ? given : new FakeTerminal(given);
    const exitCode = await runClient({ ...parts, argv: words, terminal });
    return {
      code: exitCode,
      output: terminal.output,
      error: terminal.error,
      bytes: terminal.bytes,
      json: () =>
        terminal.output.trimEnd().split("\n").filter((line) => line !== "")
          .map((line) => JSON.parse(line)),
    };
  };
  const login = await run(["login"], { input: `${code}\n` });
  assert.equal(login.code, 0, login.error);
  return {
    cluster,
    local,
    run,
    script: (lines) => run([], { input: lines.map((line) => `${line}\n`).join("") }),
    parts,
    [Symbol.asyncDispose]: async () => {
      closed.resolve();
      await life;
    },
  };
}
