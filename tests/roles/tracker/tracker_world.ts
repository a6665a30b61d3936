/**
 * A whole tracker on the memory catalog, reached through its routes, with a clock moved by hand and
 * seeders that are a few lines each: they check leaves and give receipts with their real keys, and
 * remember chunk ids instead of bytes.
 */
import assert from "node:assert/strict";
import * as z from "zod";
import {
  checkLeave,
  type ChunkEntry,
  type ChunkId,
  chunkIdOf,
  type Condition,
  connect,
  type Connection,
  Fault,
  type Heartbeat,
  type HeartbeatReply,
  InventorySum,
  type Leave,
  limits,
  logOrigin,
  makeReceipt,
  Prover,
  type Receipt,
  RemotePath,
  SecretKey,
  type SeederId,
  seederIdOf,
  startManifestDigest,
  trackerRoutes,
  type Transport,
  UploadId,
  type VersionId,
} from "../../../protocol/mod.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { randomHex, seededRandom } from "../../../roles/kit/random.ts";
import type { Catalog } from "../../../roles/tracker/catalog/catalog.ts";
import {
  MemoryCatalogData,
  openMemoryCatalog,
} from "../../../roles/tracker/catalog/memory_catalog.ts";
import {
  openTracker,
  type ScratchName,
  type Tracker,
  type TrackerParts,
} from "../../../roles/tracker/mod.ts";
import { joinBy, type Joining, loginBy } from "../../protocol/by_code.ts";
import { proverOf } from "../../protocol/prover.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { HandClock } from "./hand_clock.ts";
import { impatient, memoryScratch } from "./scratch.ts";

export { HandClock };
export const stateDirectory = "/disk/.offshore/tracker";

export type TrackerConnection = Connection<typeof trackerRoutes>;

export class TrackerWorld {
  readonly clock: HandClock;
  readonly random;
  readonly disk: SimDisk;
  readonly data = new MemoryCatalogData();
  /** After so many calls of a transaction's methods the tracker's disk is full. */
  callsUntilFull = Infinity;
  catalog!: Catalog;
  tracker!: Tracker;
  admin!: TrackerConnection;
  adminToken = "";
  readonly seeders: TestSeeder[] = [];
  /** Scratch catalogs, where the world was opened with snapshots. */
  readonly scratch = new Map<ScratchName, MemoryCatalogData>();
  snapshots: TrackerParts["snapshots"];
  room: TrackerParts["room"];

  private constructor(seed: number) {
    this.clock = new HandClock();
    this.random = seededRandom(seed);
    this.disk = new SimDisk({ random: this.random, clock: this.clock });
  }

  static async open(
    options: { seeders?: number; seed?: number; snapshots?: TrackerParts["snapshots"] } = {},
  ): Promise<TrackerWorld> {
    const world = new TrackerWorld(options.seed ?? 1);
    world.snapshots = options.snapshots;
    await world.start();
    const stranger = world.connection();
    const { token } = await loginBy(stranger, world.tracker.loginCode());
    world.adminToken = token;
    world.admin = world.connection(token);
    for (let i = 1; i <= (options.seeders ?? 0); i++) {
      const seeder = world.newSeeder(`seeder-${i}`);
      await seeder.join();
      await seeder.beat();
      world.seeders.push(seeder);
    }
    return world;
  }

  /** Opens a tracker over what is there: the first, or the next after a crash of the one before. */
  async start(clock: Clock = this.clock): Promise<void> {
    this.catalog = failing(openMemoryCatalog(this.data), this);
    this.tracker = await openTracker({
      catalog: this.catalog,
      disk: this.disk,
      stateDirectory,
      publicUrl: "http://tracker.test:1",
      clock,
      random: this.random,
      log: silentLog,
      ...this.room === undefined ? {} : { room: this.room },
      ...this.snapshots === undefined ? {} : {
        snapshots: this.snapshots,
        scratch: memoryScratch(this.scratch),
        mends: true,
        clock: impatient(clock),
      },
    });
    for (const seeder of this.seeders) await seeder.showLog();
  }

  /** @param by a person's token, or a seeder */
  connection(by?: string | Prover, peer = "10.0.0.9"): TrackerConnection {
    const transport: Transport = (request) => this.tracker.app(request, peer);
    const token = typeof by === "string" ? { token: by } : {};
    const defaults = by instanceof Prover ? { prover: by } : token;
    return connect(trackerRoutes, "http://tracker.test:1", transport, "the tracker", defaults);
  }

  newSeeder(name: string): TestSeeder {
    return new TestSeeder(this, SecretKey.parse(randomHex(this.random, 64)), name);
  }

  uploadId(): UploadId {
    return UploadId.parse(randomHex(this.random, 32));
  }

  seederOf(seederId: SeederId): TestSeeder {
    const seeder = this.seeders.find((each) => each.seederId === seederId);
    assert(seeder, `no test seeder ${seederId}`);
    return seeder;
  }

  /** Lets time pass with all seeders reporting each second, but those named. */
  async pass(ms: number, silent: readonly TestSeeder[] = []): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1000) {
      this.clock.advance(Math.min(1000, ms - passed));
      for (const seeder of this.seeders) if (!silent.includes(seeder)) await seeder.beat();
    }
  }

  /** Stores a chunk where the tracker says, at `wanted - held` seeders; their receipts. */
  async store(uploadId: UploadId, chunk: ChunkEntry): Promise<Receipt[]> {
    const request = { chunks: [{ ...chunk, uploadId, avoid: [] }] };
    const [result] = (await this.admin.placeChunks(request)).results;
    assert(result?.ok, `placed: ${JSON.stringify(result)}`);
    const { places, wanted, held } = result.placement;
    return places.slice(0, wanted - held).map(({ seederId, leave }) =>
      this.seederOf(seederId).store(chunk, leave)
    );
  }

  /** Uploads a file of these chunks from its open to its commit. */
  async upload(
    path: string,
    chunks: readonly ChunkEntry[],
    condition: Condition = { kind: "replace" },
  ): Promise<VersionId> {
    const uploadId = this.uploadId();
    const opened = await this.admin.openUploads({
      uploads: [openOf(uploadId, path, { condition })],
    });
    throwProblem(opened.results[0]);
    const recorded = [];
    for (const [index, chunk] of chunks.entries()) {
      recorded.push({ ...chunk, index, receipts: await this.store(uploadId, chunk) });
    }
    const commit = commitOf(uploadId, chunks, recorded);
    const [result] = (await this.admin.commitUploads({ uploads: [commit] })).results;
    throwProblem(result);
    assert(result?.ok);
    return result.versionId;
  }
}

/** The catalog, as long as `world.callsUntilFull` lasts. */
function failing(catalog: Catalog, world: { callsUntilFull: number }): Catalog {
  return {
    ...{ read: (work) => catalog.read(work), close: () => catalog.close() },
    transaction: (work) =>
      catalog.transaction((tx) =>
        work(
          new Proxy(tx, {
            get: (target, name) => {
              if (world.callsUntilFull-- <= 0) throw new Fault("disk-full", "no space left");
              const value: unknown = Reflect.get(target, name);
              return typeof value === "function" ? value.bind(target) : value;
            },
          }),
        )
      ),
  };
}

/** Throws the fault of a batch item's result, if it has one. */
export function throwProblem(
  result: { ok: true } | { ok: false; problem: { code: string; detail: string } } | undefined,
): void {
  assert(result !== undefined);
  if (!result.ok) {
    throw new Fault(result.problem.code as Fault["code"], result.problem.detail);
  }
}

export class TestSeeder {
  readonly seederId: SeederId;
  key!: SecretKey;
  generation = 0;
  prover!: Prover;
  bootId = "b".repeat(16);
  readonly chunks = new Map<ChunkId, ChunkEntry>();
  connection!: TrackerConnection;
  lastReply!: HeartbeatReply;
  #heardMs = 0;
  constructor(
    private readonly world: TrackerWorld,
    readonly attempt: SecretKey,
    readonly name: string,
  ) {
    this.seederId = seederIdOf(attempt);
    this.connection = world.connection(undefined, "10.0.0.5");
  }

  async join(
    changes: Partial<Joining> = {},
    code = this.world.tracker.joinCode(),
  ): Promise<void> {
    const reply = await joinBy(this.connection, code, {
      ...{ seederId: this.seederId, attempt: this.attempt, name: this.name },
      ...{ generation: this.generation, capacityBytes: 2 ** 40 },
      advertised: { port: 7421 },
      ...changes,
    });
    this.hasKey(reply.seederKey, reply.generation);
  }

  /** From now on it proves what it says under this key. */
  hasKey(key: SecretKey, generation = 1): void {
    Object.assign(this, { key, generation, prover: proverOf(this.seederId, key, generation) });
    this.connection = this.world.connection(this.prover, "10.0.0.5");
  }

  /** Shows a tracker that has started that it knows of no later log. */
  async showLog(): Promise<void> {
    const request = { seederId: this.seederId, position: logOrigin };
    // One that was put out, or whose tracker is fenced, is refused.
    await this.connection.pullLog(request).catch(() => {});
  }

  report(): z.input<typeof trackerRoutes.heartbeat.input> {
    const sum = new InventorySum();
    for (const chunkId of this.chunks.keys()) sum.toggle(chunkId);
    return {
      ...{ seederId: this.seederId, bootId: this.bootId, name: this.name },
      advertised: { port: 7421 },
      space: { totalBytes: 2 ** 40, freeBytes: 2 ** 39, usedBytes: 0 },
      chunkCount: this.chunks.size,
      inventoryDigest: sum.hex(),
      ...{ writable: true, outcomes: [] },
    };
  }

  async beat(changes: Partial<Heartbeat> = {}): Promise<HeartbeatReply> {
    this.#heardMs = this.world.clock.now();
    return this.lastReply = await this.connection.heartbeat({ ...this.report(), ...changes });
  }

  store(chunk: ChunkEntry, leave: Leave): Receipt {
    const { chunkId, sizeBytes } = chunk;
    const nowMs = this.lastReply.leaseNowMs + this.world.clock.now() - this.#heardMs;
    checkLeave(this.key, leave, { action: "store", ...chunk }, nowMs);
    this.chunks.set(chunkId, chunk);
    return makeReceipt(this.key, this.seederId, chunkId, sizeBytes, leave);
  }

  inOrder(): ChunkEntry[] {
    return [...this.chunks.values()].sort((a, b) => a.chunkId < b.chunkId ? -1 : 1);
  }

  async tellInventory(pageSize = 3): Promise<void> {
    const all = this.inOrder();
    let after: string | undefined;
    for (let from = 0;; from += pageSize) {
      const chunks = all.slice(from, from + pageSize);
      const last = from + pageSize >= all.length;
      const page = { seederId: this.seederId, bootId: this.bootId, chunks, last };
      await this.connection.inventory(after === undefined ? page : { ...page, after });
      if (last) return;
      after = chunks.at(-1)?.chunkId;
    }
  }
}

/** A chunk of its own for each label; the bytes behind it do not matter here. */
export function chunkOf(label: string | number, sizeBytes = 1000): ChunkEntry {
  return { chunkId: chunkIdOf(new TextEncoder().encode(String(label))), sizeBytes };
}

export function openOf(
  uploadId: UploadId,
  path: string,
  changes: { condition?: Condition; sizeBytes?: number } = {},
) {
  return {
    uploadId,
    path,
    condition: { kind: "replace" } as Condition,
    chunkSizeBytes: limits.chunkBytesMin,
    modifiedMs: 5,
    mode: 0o640,
    ...changes,
  };
}

/** Of a file. */
export type Recorded = ChunkEntry & { index: number; receipts: Receipt[] };

export function commitOf(
  uploadId: UploadId,
  chunks: readonly ChunkEntry[],
  recorded: Recorded[],
) {
  const digest = startManifestDigest(limits.chunkBytesMin);
  for (const chunk of chunks) digest.add(chunk);
  const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.sizeBytes, 0);
  return { uploadId, sizeBytes, manifestDigest: digest.hex(), chunks: recorded };
}

export const path = (text: string) => RemotePath.parse(text);

/** Fails unless `work` is refused with this code. */
export async function refusedWith(code: Fault["code"], work: Promise<unknown>): Promise<Fault> {
  const thrown = await work.then((value) => ({ value }), (error: unknown) => ({ error }));
  assert("error" in thrown, `expected ${code}, got ${JSON.stringify(thrown)}`);
  assert(thrown.error instanceof Fault, String(thrown.error));
  assert.equal(thrown.error.code, code, thrown.error.message);
  assert(thrown.error.next.length > 0);
  return thrown.error;
}

/** Everything an operation can change, as one value to compare. */
export function namesOf(catalog: Catalog): Promise<unknown> {
  return catalog.read(async (view) => {
    const nodes = [];
    const versions = [];
    const trash = await view.trash(undefined, 100_000);
    const queue = [1, ...trash.map((entry) => entry.nodeId)];
    for (let nodeId = queue.shift(); nodeId !== undefined; nodeId = queue.shift()) {
      const node = await view.node(nodeId);
      nodes.push(node);
      if (node?.versionId !== undefined) {
        const version = await view.version(node.versionId);
        versions.push({ version, chunks: await view.manifest(node.versionId, 0, 100_000) });
      }
      const children = await view.children(nodeId, undefined, 100_000);
      queue.push(...children.map((child) => child.nodeId));
    }
    const all = await view.versionsByPrefix("", 100_000);
    const highest = await view.highestNodeId();
    return {
      nodes,
      versions,
      trash,
      // All of them, the old ones too.
      all,
      oldVersionSums: await view.oldVersionSums(),
      totals: await view.totals(),
      highest,
    };
  });
}

/** All of the catalog that a refused request must leave alone. */
export async function stateOf(catalog: Catalog): Promise<string> {
  const names = await namesOf(catalog);
  const rest = await catalog.read(async (view) => ({
    // Each start writes a record, and changes nothing else.
    log: (await view.logAfter(0, 10_000)).findLast(({ text }) => !text.includes("start-tracker")),
    uploads: await view.uploadCount(),
    seeders: await view.seeders(),
  }));
  return JSON.stringify({ names, rest });
}
