/**
 * A cluster in one process for the client's tests: the real tracker over a memory catalog, and
 * seeders of our own behind the real route table that can be told to misbehave. Time is two clocks:
 * the tracker's stands still, so nobody turns yellow; the client's runs twenty-five times too fast,
 * so that a stall of two seconds costs eighty milliseconds.
 */
import { readBody } from "../../../roles/kit/body_parts.ts";
import { type Clock, systemClock } from "../../../roles/kit/clock.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { type App, openGuard, serveRoutes } from "../../../roles/kit/serve.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";
import {
  asFault,
  type Chain,
  checkLeave,
  type ChunkEntry,
  type ChunkId,
  chunkIdOf,
  connect,
  decodeBatch,
  Fault,
  type Leave,
  limits,
  makeReceipt,
  problemOf,
  protocolHeader,
  RemotePath,
  SecretKey,
  type SeederId,
  seederIdOf,
  seederRoutes,
  type StoreReply,
  trackerRoutes,
  type Transport,
} from "../../../protocol/mod.ts";
import { wayOn } from "../../../roles/seeder/chain.ts";
import { openMemoryCatalog, openTracker } from "../../../roles/tracker/mod.ts";
import { joinBy } from "../../protocol/by_code.ts";
import { proverOf } from "../../protocol/prover.ts";
import { login, openSession, type Session } from "../../../roles/client/cluster/session.ts";
import type { TransferObserver } from "../../../roles/client/transfer/transfer.ts";

/** What a seeder does with one request instead of its duty. */
export type Behaviour =
  | "ok"
  | "unreachable"
  | "silent"
  | "stall-halfway"
  | "break-halfway"
  | "truncate"
  | "corrupt"
  | "too-long"
  | "slow"
  | "lose-reply"
  | Fault;

export interface SeederCall {
  readonly kind: "read" | "store" | "batch" | "health";
  /** How many calls of this kind came before. */
  readonly nth: number;
  readonly chunkId: ChunkId | undefined;
}

export class FakeSeeder {
  readonly chunks = new Map<ChunkId, Uint8Array<ArrayBuffer>>();
  readonly calls = { read: 0, store: 0, batch: 0, health: 0 };
  /** Chunks asked for by read, in order. */
  readonly reads: ChunkId[] = [];
  down = false;
  behave: (call: SeederCall) => Behaviour = () => "ok";
  readonly app: App;

  constructor(
    readonly name: string,
    readonly seederId: SeederId,
    readonly key: SecretKey,
    readonly address: string,
    private readonly transport: () => Transport,
  ) {
    this.app = serveRoutes({
      table: seederRoutes,
      guard: openGuard,
      clock: systemClock(),
      log: silentLog,
      random: seededRandom(1),
      handlers: {
        health: () =>
          Promise.resolve({
            status: "ok" as const,
            role: "seeder" as const,
            version: "0",
            protocol: 1,
          }),
        readChunk: ({ input }) => {
          this.#check("read", input);
          return Promise.resolve({
            status: 200 as const,
            headers: {},
            body: this.#get(input.chunkId),
          });
        },
        headChunk: ({ input }) => {
          this.#get(input.chunkId);
          return Promise.resolve({ status: 200 as const, headers: {}, body: null });
        },
        storeChunk: async ({ input, body }) => {
          this.#check("store", input);
          const bytes = await readBody(systemClock(), body, limits.chunkBytesMax);
          const entry = { chunkId: input.chunkId, sizeBytes: input.size };
          return await this.#store(entry, bytes, input.leave, input.chain);
        },
        storeBatch: async ({ body }) => {
          const items = decodeBatch(await readBody(systemClock(), body, limits.chunkBatchBytesMax));
          const results = await Promise.all(items.map(async ({ head, bytes }) => {
            const { chunkId, sizeBytes, leave, chain } = head;
            const stored = await this.#store({ chunkId, sizeBytes }, bytes.slice(), leave, chain)
              .catch((error) => ({
                receipts: [],
                failures: [{ seederId: this.seederId, problem: problemOf(asFault(error)) }],
              }));
            return { chunkId, ...stored };
          }));
          return { results };
        },
      },
    });
  }

  #check(action: "read" | "store", input: { chunkId: ChunkId; size: number; leave: Leave }) {
    const { chunkId, size: sizeBytes, leave } = input;
    checkLeave(this.key, leave, { action, chunkId, sizeBytes }, trackerTimeMs);
  }

  #get(chunkId: ChunkId): Uint8Array<ArrayBuffer> {
    const bytes = this.chunks.get(chunkId);
    if (bytes === undefined) throw new Fault("chunk-not-found", `${this.name} does not hold it`);
    return bytes;
  }

  async #store(
    entry: ChunkEntry,
    bytes: Uint8Array<ArrayBuffer>,
    leave: Leave,
    chain: Chain | undefined,
  ): Promise<StoreReply> {
    const { chunkId, sizeBytes } = entry;
    if (bytes.length !== sizeBytes) throw new Fault("truncated-body", "not all of it");
    if (chunkIdOf(bytes) !== chunkId) throw new Fault("digest-mismatch", "wrong bytes");
    this.chunks.set(chunkId, bytes);
    const own = makeReceipt(this.key, this.seederId, chunkId, sizeBytes, leave);
    const way = wayOn(leave, chain);
    if (way === undefined) return { receipts: [own], failures: [] };
    const { next, rest } = way;
    try {
      const onward = rest === undefined ? {} : { chain: JSON.stringify(rest) };
      const input = { chunkId, size: String(sizeBytes), leave: next.leave, ...onward };
      const seeder = connect(seederRoutes, next.address, this.transport(), "next");
      const reply = await seeder.storeChunk(input, { bytes });
      return { receipts: [own, ...reply.receipts], failures: reply.failures };
    } catch (error) {
      const problem = problemOf(asFault(error));
      return { receipts: [own], failures: [{ seederId: next.seederId, problem }] };
    }
  }

  /** The request as it fares with this seeder. */
  async answer(request: Request): Promise<Response> {
    const last = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const kind = request.method === "PUT"
      ? "store"
      : request.method === "POST"
      ? "batch"
      : last === "health"
      ? "health"
      : "read";
    const chunkId = kind === "batch" || kind === "health" ? undefined : last as ChunkId;
    const nth = this.calls[kind]++;
    if (kind === "read" && chunkId !== undefined) this.reads.push(chunkId);
    const behaviour = this.down ? "unreachable" : this.behave({ kind, nth, chunkId });
    if (behaviour === "unreachable") throw new TypeError("connection refused");
    if (behaviour === "silent") return await new Promise<never>(() => {});
    if (behaviour instanceof Fault) return await refusing(behaviour, request);
    if (behaviour === "slow") await systemClock().sleep(10);
    const response = await this.app(request);
    if (behaviour === "lose-reply") throw new TypeError("connection reset");
    if (kind !== "read" || !response.ok || behaviour === "ok" || behaviour === "slow") {
      return response;
    }
    const bytes = await response.bytes();
    return new Response(spoiled(behaviour, bytes), { headers: response.headers });
  }
}

async function refusing(fault: Fault, request: Request): Promise<Response> {
  await request.body?.cancel();
  const headers = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify(problemOf(fault)), { status: fault.status, headers });
}

function spoiled(behaviour: Behaviour, bytes: Uint8Array<ArrayBuffer>) {
  const half = bytes.slice(0, Math.floor(bytes.length / 2));
  switch (behaviour) {
    case "truncate":
      return half;
    case "too-long":
      return new Blob([bytes, half, new Uint8Array(1)]).stream() as ReadableStream<
        Uint8Array<ArrayBuffer>
      >;
    case "corrupt": {
      const copy = bytes.slice();
      copy[0] = (copy[0] ?? 0) ^ 1;
      return copy;
    }
    default: {
      let sent = false;
      return new ReadableStream<Uint8Array<ArrayBuffer>>({
        async pull(controller) {
          if (!sent) {
            sent = true;
            controller.enqueue(half);
          } else if (behaviour === "break-halfway") {
            controller.error(new TypeError("connection reset"));
          } else await new Promise(() => {});
        },
      });
    }
  }
}

/** The tracker's clock stands here. */
const trackerTimeMs = 1_700_000_000_000;

/** Runs `factor` times as fast as the host's. */
export function hastyClock(factor = 25): Clock {
  const real = systemClock();
  const beganMs = performance.now();
  return {
    now: () => Math.floor((performance.now() - beganMs) * factor),
    sleep: (ms, signal) => real.sleep(ms / factor, signal),
  };
}

interface Script {
  /** Decides what happens to a call of the tracker; by route path and how many came before. */
  trackerBehave: (path: string, nth: number) => Behaviour | { readonly reply: unknown };
}

export interface World extends Script {
  readonly session: Session;
  readonly seeders: readonly FakeSeeder[];
  readonly directory: string;
  readonly transport: Transport;
  readonly code: string;
  readonly waits: string[];
  readonly trackerCalls: Map<string, number>;
}

export const trackerAddress = "http://tracker:1";

/** Runs `work` in a cluster of this many seeders and in a temporary directory, and cleans up. */
export async function withWorld(
  seederCount: number,
  work: (world: World) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "offshore-client-" });
  try {
    await work(await openWorld(seederCount, directory));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function openWorld(seederCount: number, directory: string): Promise<World> {
  const random = seededRandom(7);
  const disk = systemDisk();
  const stopped: Clock = { now: () => trackerTimeMs, sleep: () => new Promise(() => {}) };
  const tracker = await openTracker({
    catalog: openMemoryCatalog(),
    disk,
    stateDirectory: `${directory}/tracker`,
    publicUrl: trackerAddress,
    clock: stopped,
    random,
    log: silentLog,
  });
  const seeders: FakeSeeder[] = [];
  const trackerCalls = new Map<string, number>();
  const script: Script = { trackerBehave: () => "ok" };
  const transport: Transport = async (request) => {
    request.signal.throwIfAborted();
    const url = new URL(request.url);
    if (url.origin !== trackerAddress) {
      const seeder = seeders.find((one) => one.address === url.origin);
      if (seeder === undefined) throw new TypeError("no such host");
      return await heeding(request.signal, seeder.answer(request));
    }
    const nth = trackerCalls.get(url.pathname) ?? 0;
    trackerCalls.set(url.pathname, nth + 1);
    const behaviour = script.trackerBehave(url.pathname, nth);
    if (behaviour === "unreachable") throw new TypeError("connection refused");
    if (behaviour instanceof Fault) return await refusing(behaviour, request);
    if (typeof behaviour === "object") {
      const headers = { [protocolHeader]: String(limits.protocolVersion) };
      return new Response(JSON.stringify(behaviour.reply), { headers });
    }
    if (behaviour === "silent") return await heeding(request.signal, new Promise(() => {}));
    const response = await tracker.app(request, "127.0.0.1");
    if (behaviour === "lose-reply") throw new TypeError("connection reset");
    return response;
  };
  for (let i = 1; i <= seederCount; i++) {
    seeders.push(await joined(i, tracker.joinCode(), transport));
  }
  const waits: string[] = [];
  const clock = hastyClock();
  const first = tracker.loginCode();
  const credentials = await login({ code: first, transport, clock, random });
  const session = openSession({
    ...{ trackerAddress, token: credentials.token, clock, random, transport, disk },
    log: silentLog,
    onWait: (text) => waits.push(text),
  });
  const { code } = await session.tracker.mintCode({ purpose: "login", uses: 100 });
  return Object.assign(script, {
    session,
    seeders,
    directory,
    transport,
    code,
    waits,
    trackerCalls,
  });
}

async function joined(number: number, code: string, transport: Transport): Promise<FakeSeeder> {
  const attempt = SecretKey.parse(String(number).repeat(64));
  const seederId = seederIdOf(attempt);
  const name = `seeder-${number}`;
  const address = `http://${name}:9`;
  const advertised = { host: name, port: 9 };
  const plain = connect(trackerRoutes, trackerAddress, transport, "the tracker");
  const asked = { seederId, attempt, generation: 0, name, advertised };
  const { seederKey } = await joinBy(plain, code, { ...asked, capacityBytes: 2 ** 40 });
  await plain.heartbeat({
    seederId,
    bootId: String(number).repeat(16),
    name,
    advertised,
    space: { totalBytes: 2 ** 40, freeBytes: 2 ** 40, usedBytes: 0 },
    chunkCount: 0,
    inventoryDigest: "0".repeat(32),
    writable: true,
    outcomes: [],
  }, { prover: proverOf(seederId, seederKey) });
  return new FakeSeeder(name, seederId, seederKey, address, () => transport);
}

function heeding<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    answer.then(resolve, reject);
  });
}

/** Counts what a transfer tells. */
export function tallyObserver() {
  const tally = { expected: 0, done: 0, notes: [] as string[], through: new Set<string>() };
  const observer: TransferObserver = {
    expect: (bytes) => tally.expected += bytes,
    advance: (bytes, seeder) => {
      tally.done += bytes;
      if (seeder !== undefined) tally.through.add(seeder);
    },
    note: (text) => tally.notes.push(text),
  };
  return { ...tally, tally, observer };
}

/** Repeatable bytes that differ from chunk to chunk. */
export function bytesOf(sizeBytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  const words = new Uint32Array(bytes.buffer, 0, Math.floor(sizeBytes / 4));
  let state = seed >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  for (let i = words.length * 4; i < sizeBytes; i++) bytes[i] = (seed + i) & 0xff;
  return bytes;
}

export const mib = 1024 * 1024;
export const remote = (path: string) => RemotePath.parse(path);
