/**
 * Real seeders and a tracker that only speaks the seeders' part of the protocol, in one process:
 * the transport is a table of addresses. What a test wants to see of the tracker it finds in
 * `heard`.
 */
import assert from "node:assert/strict";
import {
  aboutJoin,
  BaseUrl,
  type ChunkId,
  ClusterId,
  type Code,
  codeSecretOf,
  connect,
  Fault,
  type Heartbeat,
  type HeartbeatReply,
  type InventoryPage,
  LogMark,
  makeCode,
  makeLeave,
  type NamedSeeder,
  positionOf,
  type ProverName,
  readCode,
  type ScrubReport,
  sealUnderCode,
  SecretKey,
  SeederId,
  seederKeyOf,
  seederRoutes,
  signRecord,
  trackerRoutes,
  type Transport,
} from "../../../protocol/mod.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import { systemClock } from "../../../roles/kit/clock.ts";
import type { Disk } from "../../../roles/kit/disk.ts";
import { type Log, silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { Proofs } from "../../../roles/kit/proofs.ts";
import { type App, serveRoutes } from "../../../roles/kit/serve.ts";
import {
  type Anchor,
  type ChunkStore,
  openMemoryStore,
  openSeeder,
  type Seeder,
} from "../../../roles/seeder/mod.ts";
import { claims } from "../../protocol/by_code.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";

export const clusterKey = SecretKey.parse("ab".repeat(32));
export const clusterId = ClusterId.parse("c".repeat(16));
export const trackerAddress = "http://tracker:1";

export interface Heard {
  readonly joins: unknown[];
  readonly heartbeats: Heartbeat[];
  readonly pages: (typeof InventoryPage)["_output"][];
  readonly signOuts: string[];
  readonly scrubs: ScrubReport[];
}

export interface Running {
  readonly seeder: Seeder;
  readonly store: ChunkStore;
  readonly seederId: SeederId;
  readonly address: string;
  stop(): Promise<void>;
}

export class SeederWorld {
  readonly apps = new Map<string, App>();
  readonly heard: Heard = { joins: [], heartbeats: [], pages: [], signOuts: [], scrubs: [] };
  /** All that were made. */
  readonly codes: Code[] = [];
  readonly #running: Running[] = [];
  /** The tracker's clock runs an hour ahead of everyone else's. */
  readonly aheadMs = 3_600_000;
  /** What the next heartbeat is answered with, beside the ordinary. */
  reply: (heartbeat: Heartbeat) => Partial<HeartbeatReply> | Fault = () => ({});

  constructor(readonly clock: Clock = systemClock()) {
    this.apps.set(trackerAddress, this.#tracker());
  }

  readonly transport: Transport = async (request) => {
    const app = this.apps.get(new URL(request.url).origin);
    if (app === undefined) throw new TypeError("connection refused");
    request.signal.throwIfAborted();
    return await app(request);
  };

  joinCode(cluster: ClusterId = clusterId): string {
    const expiresMs = this.clock.now() + 1e9;
    const where = { tracker: trackerAddress, clusterId: cluster };
    const line = makeCode(clusterKey, claims({ purpose: "join", ...where, expiresMs }));
    this.codes.push(readCode(line));
    return line;
  }

  #secretOf(text: string) {
    const code = this.codes.find((each) => each.text === text);
    assert(code !== undefined, "it joins with a code of this world");
    return code.secret;
  }

  #tracker(): App {
    const { join, heartbeat, inventory, scrubReport, signOut } = trackerRoutes;
    const { heard } = this;
    const note = <T>(list: T[], value: T) =>
      Promise.resolve(void list.push(value)).then(() => ({}));
    const keyOf = ({ kind, id, generation }: ProverName) =>
      kind === "code"
        ? codeSecretOf(clusterKey, id)
        : seederKeyOf(clusterKey, SeederId.parse(id), generation);
    const proofs = new Proofs(keyOf, seededRandom(5));
    return serveRoutes({
      table: { join, heartbeat, inventory, scrubReport, signOut },
      guard: {
        admit: ({ route, proof }) => ({
          caller: undefined,
          ...proofs.admit(route.access === "code" ? "code" : "seeder", route, proof),
        }),
      },
      handlers: {
        join: ({ input }) => {
          heard.joins.push(input);
          const { seederId } = input;
          const secret = this.#secretOf(input.text);
          const about = aboutJoin(clusterId, seederId, 1);
          const key = seederKeyOf(clusterKey, seederId, 1);
          const sealedKey = sealUnderCode(secret, "0".repeat(24), about, key);
          return Promise.resolve({ clusterId, sealedKey, generation: 1 });
        },
        heartbeat: ({ input }) => this.#answer(input),
        inventory: ({ input }) => note(heard.pages, input),
        scrubReport: ({ input }) => note(heard.scrubs, input),
        signOut: ({ input }) => note(heard.signOuts, input.seederId),
      },
      ...{ clock: this.clock, log: silentLog, random: seededRandom(6) },
    });
  }

  #answer(heartbeat: Heartbeat): Promise<HeartbeatReply> {
    this.heard.heartbeats.push(heartbeat);
    const reply = this.reply(heartbeat);
    if (reply instanceof Fault) return Promise.reject(reply);
    return Promise.resolve({
      clusterId,
      start: startOf(1),
      trackerNowMs: this.clock.now() + this.aheadMs,
      leaseNowMs: this.clock.now() + this.aheadMs,
      intervalMs: 20,
      orders: [],
      inventoryWanted: false,
      ...reply,
    });
  }

  async start(
    name: string,
    parts: {
      store?: ChunkStore;
      disk?: Disk;
      stateDirectory?: string;
      anchor?: Anchor;
      code?: string;
      log?: Log;
      transport?: Transport;
    } = {},
  ): Promise<Running> {
    const store = parts.store ?? openMemoryStore();
    const address = `http://${name}:2`;
    const before = this.heard.heartbeats.length;
    const seeder = await openSeeder({
      store,
      disk: parts.disk ?? new SimDisk({ random: seededRandom(1) }),
      stateDirectory: parts.stateDirectory ?? "/state",
      ...parts.anchor === undefined ? {} : { anchor: parts.anchor },
      name,
      joinCode: () => Promise.resolve(parts.code ?? this.joinCode()),
      clock: this.clock,
      random: seededRandom(name.length * 1000 + name.charCodeAt(name.length - 1)),
      transport: parts.transport ?? this.transport,
      log: parts.log ?? silentLog,
    });
    this.apps.set(address, seeder.app);
    const ending = new AbortController();
    const ran = seeder.run({ host: name, port: 2 }, ending.signal);
    await until(() => seeder.joined, `${name} joins`);
    const mine = this.heard.heartbeats.slice(before).find((each) => each.name === name);
    const seederId = SeederId.parse(mine?.seederId);
    const stop = async () => {
      ending.abort(new Error("stop"));
      await ran;
      await seeder.close();
      this.apps.delete(address);
    };
    const running = { seeder, store, seederId, address, stop };
    this.#running.push(running);
    return running;
  }

  async close(): Promise<void> {
    for (const { stop } of this.#running) await stop();
  }

  /** @param named to whom the chunk may be passed on */
  leave(
    at: Running,
    action: "read" | "store",
    chunkId: ChunkId,
    sizeBytes: number,
    lifeMs = 60_000,
    named: readonly NamedSeeder[] = [],
  ) {
    const expiresMs = this.clock.now() + this.aheadMs + lifeMs;
    const key = seederKeyOf(clusterKey, at.seederId, 1);
    return makeLeave(key, { action, chunkId, sizeBytes }, expiresMs, named);
  }

  /** Leaves to store at `at` and to pass on to these, and the chain that says so. */
  chained(at: Running, chunkId: ChunkId, sizeBytes: number, next: readonly Running[]) {
    const named = [at, ...next].map((one) => ({
      seederId: one.seederId,
      address: BaseUrl.parse(one.address),
    }));
    const leaveOf = (one: Running) => this.leave(one, "store", chunkId, sizeBytes, 60_000, named);
    const links = next.map((one) => ({ seederId: one.seederId, leave: leaveOf(one) }));
    return { leave: leaveOf(at), ...links.length === 0 ? {} : { chain: { named, links } } };
  }

  call(at: Running, transport: Transport = this.transport, address = at.address) {
    return connect(seederRoutes, address, transport, "the seeder");
  }
}

export async function until(holds: () => boolean, what: string): Promise<void> {
  const clock = systemClock();
  const endMs = clock.now() + 10_000;
  while (!holds()) {
    assert.ok(clock.now() < endMs, `within ten seconds: ${what}`);
    await clock.sleep(2);
  }
}

export async function inWorld(work: (world: SeederWorld) => Promise<void>): Promise<void> {
  const world = new SeederWorld();
  try {
    await work(world);
  } finally {
    await world.close();
  }
}

/** The record of a tracker's start; two of one epoch are told apart by the term. */
export function startOf(epoch: number, term = "1".repeat(16)): LogMark {
  const record = { sequence: epoch, epoch, term, timeMs: 0, text: "", checksum: "0".repeat(64) };
  return positionOf(signRecord(clusterKey, record));
}
