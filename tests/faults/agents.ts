/** The other end of `agent.ts`: questions to a client in the lab, and its death and return. */
import assert from "node:assert/strict";
import { type AgentAnswer, AgentLine } from "./agent_lines.ts";
import type { Lab, LabProcess } from "./lab.ts";

const script = new URL("agent.ts", import.meta.url).pathname;

/** The agent died before it answered: what was asked may have happened or not. */
export class AgentGone extends Error {
  override readonly name = "AgentGone";
}

interface Waiting {
  readonly resolve: (answer: AgentAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly onBytes: ((bytes: number) => void) | undefined;
}

export class Agent {
  #process: LabProcess | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  #waiting = new Map<number, Waiting>();
  #next = 1;

  constructor(
    private readonly lab: Lab,
    /** Undefined: on the bridge, where no cable can be pulled. */
    private readonly host: string | undefined,
    private readonly env: Record<string, string>,
  ) {}

  async start(): Promise<void> {
    const words = [Deno.execPath(), "run", "-A", "--quiet", script];
    const options = this.host === undefined ? {} : { host: this.host };
    const process = await this.lab.spawn(words, { ...options, env: this.env });
    const waiting = this.#waiting = new Map<number, Waiting>();
    this.#process = process;
    this.#writer = process.parent.stdin.getWriter();
    const errors = new Response(process.parent.stderr).text().catch(() => "");
    this.#listen(process, waiting).catch(() => {}).finally(async () => {
      const why = new AgentGone(`the agent is gone: ${await errors}`);
      if (this.#process === process) this.#process = this.#writer = undefined;
      for (const { reject } of waiting.values()) reject(why);
      waiting.clear();
    });
  }

  async #listen(process: LabProcess, waiting: Map<number, Waiting>): Promise<void> {
    let rest = "";
    for await (const text of process.parent.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const said = AgentLine.parse(JSON.parse(line));
        if ("streamed" in said) {
          waiting.get(said.id)?.onBytes?.(said.streamed);
          continue;
        }
        waiting.get(said.id)?.resolve(said);
        waiting.delete(said.id);
      }
    }
  }

  /**
   * With `onBytes`, what the command prints is counted and not kept, and told as it comes.
   * @throws AgentGone
   */
  async ask(words: readonly string[], onBytes?: (bytes: number) => void): Promise<AgentAnswer> {
    const writer = this.#writer;
    if (writer === undefined) throw new AgentGone("the agent does not run");
    const id = this.#next++;
    const question = { id, words, stream: onBytes !== undefined };
    const line = new TextEncoder().encode(`${JSON.stringify(question)}\n`);
    const answer = new Promise<AgentAnswer>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onBytes });
    });
    answer.catch(() => {});
    await writer.write(line).catch(() => {
      this.#waiting.delete(id);
      throw new AgentGone("the agent is gone");
    });
    return await answer;
  }

  /** A command that must succeed; what it printed. */
  async ok(...words: string[]): Promise<string> {
    const { code, out, err } = await this.ask(words);
    assert.equal(code, 0, `${words.join(" ")}: ${err}`);
    return out;
  }

  /** What a command printed that answers 1 when what it tells is not well. */
  async told(...words: string[]): Promise<string> {
    const { code, out, err } = await this.ask(words);
    assert(code <= 1, `${words.join(" ")}: ${err}`);
    return out;
  }

  get pid(): number {
    assert(this.#process !== undefined, "the agent runs");
    return this.#process.pid;
  }

  signal(signal: Deno.Signal): void {
    assert(this.#process !== undefined, "the agent runs");
    this.#process.signal(signal);
  }

  async kill(): Promise<void> {
    const process = this.#process;
    assert(process !== undefined, "the agent runs");
    this.#process = this.#writer = undefined;
    await process.end("SIGKILL");
  }
}
