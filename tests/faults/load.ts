/**
 * The crash writer: several workers that put, overwrite, read, move, remove, restore and purge
 * files through one client, as fast as it goes, and readers that look at what the others are
 * changing. Every change is in the journal before it is asked for and after it was answered; every
 * read is compared at once. A failure is no finding here, faults are under way: but wrong bytes
 * are, and a file that is said not to exist although it must.
 */
import type { Random } from "../../roles/kit/random.ts";
import { until } from "../cluster/cluster.ts";
import { type Agent, AgentGone } from "./agents.ts";
import { bytesOf, type Content, isContent, told } from "./content.ts";
import type { Journal } from "./journal.ts";
import type { Operation, There } from "./ledger.ts";

export interface LoadParts {
  readonly client: Agent;
  readonly journal: Journal;
  /** A folder on the client's host. */
  readonly directory: string;
  readonly random: Random;
  readonly workers?: number;
  readonly readers?: number;
  /** Worker pauses this long after each operation; 0 is as fast as it goes. */
  readonly pauseMs?: number;
  /** Larger than this no file is. */
  readonly sizeBytesMost?: number;
}

const kib = 1024, mib = 1024 * kib;
/** Files a worker keeps around; with more it removes rather than puts. */
const filesMost = 40;

export class Load {
  /** What must never be: each a sentence. */
  readonly findings: string[] = [];
  readonly failures = new Map<string, number>();
  reads = 0;
  readonly #watchers = new Map<string, Set<There[]>>();
  readonly #tasks: Promise<void>[] = [];
  #numbers = 1;
  #stopped = false;
  #paused = false;
  #busy = 0;

  private constructor(private readonly parts: LoadParts) {}

  static async start(parts: LoadParts): Promise<Load> {
    const load = new Load(parts);
    const workers = parts.workers ?? 4, readers = parts.readers ?? 1;
    await Deno.mkdir(parts.directory, { recursive: true });
    for (let i = 0; i < workers; i++) await parts.client.ok("mkdir", "-p", `/load/${i}`);
    for (let i = 0; i < workers; i++) load.#run((n) => load.#work(i, n));
    for (let i = 0; i < readers; i++) load.#run(() => load.#readAny(`reader-${i}`));
    return load;
  }

  #run(step: (round: number) => Promise<void>): void {
    const task = (async () => {
      for (let round = 0; !this.#stopped; round++) {
        if (this.#paused) {
          await pause(20);
          continue;
        }
        this.#busy++;
        try {
          await step(round);
        } catch (error) {
          // Dead for now; whoever killed it brings it back.
          if (!(error instanceof AgentGone)) throw error;
          await pause(50);
        } finally {
          this.#busy--;
        }
        if (this.parts.pauseMs !== undefined) await pause(this.parts.pauseMs);
      }
    })();
    // Thrown again by `stop`.
    task.catch(() => this.#stopped = true);
    this.#tasks.push(task);
  }

  /** Waits until `count` more operations were acknowledged: the load gets on. */
  async progress(count: number, limitMs = 120_000): Promise<void> {
    const target = this.parts.journal.acknowledged + count;
    await until(
      `${count} more operations are acknowledged (failures so far: ${this.failuresText()})`,
      () => this.parts.journal.acknowledged >= target,
      limitMs,
    );
  }

  failuresText(): string {
    return [...this.failures].map(([what, count]) => `${count} x ${what}`).join("; ") || "none";
  }

  /** Returns when nothing is under way. */
  async pause(): Promise<void> {
    this.#paused = true;
    await until("operations under way end", () => this.#busy === 0, 240_000);
  }

  resume(): void {
    this.#paused = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#tasks);
  }

  #work(worker: number, round: number): Promise<void> {
    const mine = this.#settled(`/load/${worker}/`);
    const path = this.#pick(mine);
    const fresh = `/load/${worker}/${round}`;
    const dice = this.parts.random.unit() * 100;
    if (path === undefined || (dice < 34 && mine.length < filesMost)) {
      return this.#put(worker, fresh);
    }
    if (dice < 45) return this.#put(worker, path);
    if (dice < 66) return this.#read(path, `worker-${worker}`);
    if (dice < 73) return this.#change({ kind: "move", from: path, to: fresh });
    if (dice < 76) {
      const to = this.#pick(mine.filter((other) => other !== path));
      return to === undefined ? Promise.resolve() : this.#change({ kind: "move", from: path, to });
    }
    if (dice < 90) return this.#change({ kind: "remove", path, now: dice > 87 });
    const { files, trash } = this.parts.journal.ledger;
    const removed = [...trash].find(([, one]) =>
      one.path.startsWith(`/load/${worker}/`) && !files.has(one.path) &&
      !this.parts.journal.ledger.isDoubted(one.path)
    );
    if (removed === undefined) return this.#put(worker, fresh);
    const [trashId, { path: from }] = removed;
    return this.#change({ kind: dice < 98 ? "restore" : "purge", path: from, trashId });
  }

  /** Files below that nobody doubts. Workers change only their own, one after another. */
  #settled(prefix: string): string[] {
    const { ledger } = this.parts.journal;
    return [...ledger.files.keys()].filter((path) =>
      path.startsWith(prefix) && !ledger.isDoubted(path)
    );
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.parts.random.unit() * from.length)];
  }

  #size(): number {
    const dice = this.parts.random.unit(), share = this.parts.random.unit();
    const size = dice < 0.02
      ? 0
      : dice < 0.6
      ? 1 + share * 64 * kib
      : dice < 0.85
      ? share * 512 * kib
      : dice < 0.96
      ? mib + share * 5 * mib
      : 8 * mib + share * 12 * mib;
    return Math.floor(Math.min(size, this.parts.sizeBytesMost ?? size));
  }

  async #put(worker: number, path: string): Promise<void> {
    const content: Content = { number: this.#numbers++, sizeBytes: this.#size() };
    const source = `${this.parts.directory}/source-${worker}`;
    await Deno.writeFile(source, bytesOf(content));
    await this.#change({ kind: "put", path, content }, source);
  }

  async #change(operation: Operation, source = ""): Promise<void> {
    const { client, journal } = this.parts;
    for (const [path, after] of journal.ledger.effectOf(operation)) {
      for (const seen of this.#watchers.get(path) ?? []) seen.push(after);
    }
    const id = journal.intend(operation);
    try {
      const { code, out, err } = await client.ask(wordsOf(operation, source));
      if (code === 0) return journal.acknowledge(id, trashIdOf(operation, out));
      this.#failed(operation.kind, code, err);
      journal.leaveOpen(id);
    } catch (error) {
      journal.leaveOpen(id);
      throw error;
    }
  }

  #failed(what: string, code: number, err: string): void {
    const line = err.trim().split("\n").find((each) => !/waiting for it|going on/.test(each)) ?? "";
    // Names and numbers apart, equal failures count together.
    const reason = line.replace(/\/load\/\S+/g, "PATH").replace(/[0-9a-f]{8,}|\d{4,}/g, "#");
    const key = `${what} exit ${code} ${reason.slice(0, 120)}`;
    this.failures.set(key, (this.failures.get(key) ?? 0) + 1);
  }

  async #readAny(reader: string): Promise<void> {
    const path = this.#pick([...this.parts.journal.ledger.files.keys()]);
    if (path === undefined) return await pause(20);
    await this.#read(path, reader);
  }

  /** What is read must be what was there at some moment while it was read. */
  async #read(path: string, reader: string): Promise<void> {
    const { client, directory, journal } = this.parts;
    const allowed = journal.ledger.possible(path);
    const watchers = this.#watchers.get(path) ?? new Set();
    this.#watchers.set(path, watchers.add(allowed));
    const local = `${directory}/${reader}`;
    try {
      const { code, err } = await client.ask(["get", "--force", path, local]);
      if (code === 3) {
        if (!allowed.includes(undefined)) this.findings.push(`lost: ${path} is said to be absent`);
      } else if (code !== 0) this.#failed("get", code, err);
      else {
        this.reads++;
        const bytes = await Deno.readFile(local);
        if (!allowed.some((one) => one !== undefined && isContent(bytes, one))) {
          const may = allowed.map(told).join(" or ");
          this.findings.push(`wrong: ${path} read as ${bytes.length} bytes, not ${may}`);
        }
      }
    } finally {
      watchers.delete(allowed);
      if (watchers.size === 0) this.#watchers.delete(path);
    }
  }
}

function wordsOf(operation: Operation, source: string): string[] {
  switch (operation.kind) {
    case "put":
      return ["put", source, operation.path];
    case "move":
      return ["mv", operation.from, operation.to];
    case "remove":
      return ["rm", "--json", ...operation.now ? ["--now"] : [], operation.path];
    case "restore":
      return ["restore", `@${operation.trashId}`];
    case "purge":
      return ["trash", "empty", `@${operation.trashId}`];
  }
}

function trashIdOf(operation: Operation, out: string): number | undefined {
  if (operation.kind !== "remove") return undefined;
  return (JSON.parse(out) as { trashId?: number }).trashId;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
