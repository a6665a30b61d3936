/**
 * A cluster of real processes on loopback for one test: folders in a temporary directory, free
 * ports, every process started here and killed by its id. `using`-style: `await using cluster = …`.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../roles/kit/clock.ts";
import { silentLog } from "../../roles/kit/log.ts";
import { systemRandom } from "../../roles/kit/random.ts";
import { systemDisk } from "../../roles/kit/system_disk.ts";
import { openDiskStore } from "../../roles/seeder/mod.ts";

export const mainModule = fileURLToPath(new URL("../../main.ts", import.meta.url));

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly process: Deno.ChildProcess;
  /** Resolves when all it said is in its log. */
  readonly logged: Promise<void>;
  readonly url: string;
}

const encoder = new TextEncoder();

/** Waits until `condition` holds, asking again and again; fails with `what` after `limitMs`. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  limitMs = 60_000,
): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!await condition()) {
    if (Date.now() > endMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs the program once, to its end. */
export async function runProgram(
  args: readonly string[],
  options: {
    env?: Record<string, string>;
    stdin?: string | Uint8Array<ArrayBuffer>;
    cwd?: string;
  } = {},
): Promise<Outcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", mainModule, ...args],
    env: { NO_COLOR: "1", ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.stdin !== undefined) {
    const bytes = typeof options.stdin === "string" ? encoder.encode(options.stdin) : options.stdin;
    const writer = child.stdin.getWriter();
    // A program that ends before it has read everything breaks the pipe: not this test's subject.
    writer.write(bytes).then(() => writer.close()).catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

export class TestCluster implements AsyncDisposable {
  readonly #outputs: [string, string][] = [];
  readonly #running = new Map<string, Running>();
  readonly #urls = new Map<string, string>();

  private constructor(readonly directory: string) {}

  static async start(seederCount = 3, env: Record<string, string> = {}): Promise<TestCluster> {
    const directory = await Deno.makeTempDir({ prefix: "offshore-test-" });
    const names = Array.from({ length: seederCount }, (_, i) => `seeder-${i + 1}`);
    const cluster = new TestCluster(directory);
    try {
      await cluster.startRole("tracker", env);
      await Promise.all(names.map((name) => cluster.startRole(name, env)));
      await cluster.untilGreen(seederCount);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Every seeder that ever started, also one that joined late or has ended. */
  get seeders(): readonly string[] {
    return [...this.#urls.keys()].filter((name) => name !== "tracker").sort();
  }

  diskOf(name: string): string {
    return `${this.directory}/${name}`;
  }

  get codes(): string {
    return `${this.diskOf("tracker")}/.offshore/tracker/codes`;
  }

  /** Starts a role, or starts it again on the port it had. */
  async startRole(
    name: string,
    env: Record<string, string> = {},
    flags: readonly string[] = [],
  ): Promise<void> {
    assert(!this.#running.has(name), `${name} runs already`);
    await Deno.mkdir(this.diskOf(name), { recursive: true });
    const port = new URL(this.#urls.get(name) ?? "http://127.0.0.1:0").port || "0";
    const log = await Deno.open(`${this.directory}/${name}.log`, { append: true, create: true });
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", mainModule, ...flags],
      env: {
        OFFSHORE_ROLE: name === "tracker" ? "tracker" : "seeder",
        OFFSHORE_DISK: this.diskOf(name),
        OFFSHORE_LISTEN: `127.0.0.1:${port}`,
        OFFSHORE_STOP_WITH_STDIN: "true",
        ...(name === "tracker" ? {} : {
          OFFSHORE_NAME: name,
          OFFSHORE_JOIN_CODE_FILE: `${this.codes}/join`,
        }),
        ...env,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const logged = process.stderr.pipeTo(log.writable).catch(() => {});
    const url = await firstUrl(process.stdout, (text) => this.#outputs.push([name, text]));
    if (url === undefined) await logged;
    assert(url !== undefined, `${name} did not start: ${await this.logOf(name)}`);
    this.#urls.set(name, url);
    this.#running.set(name, { process, url, logged });
  }

  /** Of all its lives; of those that have ended, all of it. */
  logOf(name: string): Promise<string> {
    return Deno.readTextFile(`${this.directory}/${name}.log`);
  }

  /** What a role has written to standard output, in all its lives. */
  outputOf(name: string): string {
    return this.#outputs.filter(([of]) => of === name).map(([, text]) => text).join("");
  }

  pidOf(name: string): number {
    return this.#get(name).process.pid;
  }

  urlOf(name: string): string {
    return this.#urls.get(name)!;
  }

  signal(name: string, signal: Deno.Signal): void {
    this.#get(name).process.kill(signal);
  }

  /** Sends the signal and waits for the end. */
  async end(name: string, signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    const { process, logged } = this.#get(name);
    process.kill(signal);
    const { code } = await process.status;
    await logged;
    this.#running.delete(name);
    return code;
  }

  #get(name: string): Running {
    const running = this.#running.get(name);
    assert(running !== undefined, `${name} does not run`);
    return running;
  }

  /** One client command to its end. */
  client(
    args: readonly string[],
    options: { stdin?: string | Uint8Array<ArrayBuffer>; cwd?: string; state?: string } = {},
  ): Promise<Outcome> {
    return runProgram(args, { ...options, env: this.clientEnv(options.state) });
  }

  clientEnv(state = "client"): Record<string, string> {
    return {
      OFFSHORE_ROLE: "client",
      OFFSHORE_STATE: `${this.directory}/${state}`,
      OFFSHORE_LOGIN_CODE_FILE: `${this.codes}/login`,
    };
  }

  /** A client command that must succeed; its standard output. */
  async ok(
    args: readonly string[],
    options: { stdin?: string | Uint8Array<ArrayBuffer>; cwd?: string } = {},
  ): Promise<string> {
    const outcome = await this.client(args, options);
    assert.equal(outcome.code, 0, `${args.join(" ")}: ${outcome.err}`);
    return outcome.out;
  }

  /** A client command that is not waited for. */
  spawnClient(args: readonly string[]): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", mainModule, ...args],
      env: { NO_COLOR: "1", ...this.clientEnv() },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async status(): Promise<{ seeders: { name: string; state: string }[]; [key: string]: unknown }> {
    // 1: it tells of something that is not well.
    const { code, out, err } = await this.client(["status", "--json"]);
    assert(code <= 1, err);
    return JSON.parse(out);
  }

  async untilGreen(count: number): Promise<void> {
    await until(`${count} green seeders`, async () => {
      const { code, out } = await this.client(["status", "--json"]);
      if (code > 1) return false;
      const { seeders } = JSON.parse(out) as { seeders: { state: string }[] };
      return seeders.filter((each) => each.state === "green").length === count;
    });
  }

  /** Stops everything politely; the folders stay until disposal. */
  async stop(): Promise<void> {
    const names = [...this.#running.keys()].sort((a, b) =>
      a === "tracker" ? 1 : b === "tracker" ? -1 : 0
    );
    for (const name of names) await this.end(name, "SIGTERM");
  }

  /**
   * What lies on the seeders' disks: chunk id to the seeders whose copy has the right SHA-256.
   * Reads every byte. The seeders must be stopped.
   */
  async replicasOnDisks(): Promise<Map<string, string[]>> {
    const replicas = new Map<string, string[]>();
    for (const name of this.seeders) {
      const store = await openDiskStore({
        disk: systemDisk(),
        directory: `${this.diskOf(name)}/.offshore/seeder`,
        clock: systemClock(),
        random: systemRandom(),
        log: silentLog,
      });
      for (let page = await store.list(undefined, 1000); page.length > 0;) {
        for (const { chunkId } of page) {
          assert.equal(await store.verify(chunkId), "good", `${chunkId} on ${name}`);
          replicas.set(chunkId, [...replicas.get(chunkId) ?? [], name]);
        }
        page = await store.list(page.at(-1)!.chunkId, 1000);
      }
      await store.close();
    }
    return replicas;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#running.values()) {
      // A stopped process takes SIGKILL all the same.
      process.kill("SIGKILL");
      await process.status;
    }
    this.#running.clear();
    await Deno.remove(this.directory, { recursive: true });
  }
}

async function firstUrl(
  stream: ReadableStream<Uint8Array>,
  keep: (text: string) => void,
): Promise<string | undefined> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    text += value ?? "";
    keep(value ?? "");
    const url = /listening on (http:\S+)\n/.exec(text)?.[1];
    if (url !== undefined || done) {
      (async () => {
        for (;;) {
          const { value, done } = await reader.read();
          if (done) return;
          keep(value);
        }
      })().catch(() => {});
      return url;
    }
  }
}

/** SHA-256 of a local file in hex, by the system's own tool: a second opinion on our hashing. */
export async function sha256sum(path: string): Promise<string> {
  const { stdout } = await new Deno.Command("sha256sum", { args: [path] }).output();
  return new TextDecoder().decode(stdout).split(" ")[0]!;
}

/** Relative path to what is there: "d", "l TARGET" or "f SHA256", of a whole local tree. */
export async function treeDigest(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const walk = async (relative: string) => {
    for await (const entry of Deno.readDir(`${root}/${relative}`)) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isSymlink) found.set(path, `l ${await Deno.readLink(`${root}/${path}`)}`);
      else if (entry.isDirectory) {
        found.set(path, "d");
        await walk(path);
      }
    }
  };
  await walk("");
  const { stdout } = await new Deno.Command("find", {
    args: [".", "-type", "f", "-exec", "sha256sum", "--zero", "{}", "+"],
    cwd: root,
  }).output();
  for (const line of new TextDecoder().decode(stdout).split("\0")) {
    if (line !== "") found.set(line.slice(68), `f ${line.slice(0, 64)}`);
  }
  return found;
}
