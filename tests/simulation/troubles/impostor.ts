/**
 * A stranger at the tracker's address: it answers seeders in the tracker's place, knows all their
 * messages and no key. It orders every chunk dropped in a later epoch, says that nobody knows the
 * seeder, that its session is over or that it is being rebuilt, with no proof, with the proof that
 * came with the request, or with one under a key of its own. People are sent away: what they would
 * believe is not its subject.
 */
import {
  Fault,
  limits,
  problemMediaType,
  problemOf,
  proofHeader,
  protocolHeader,
  proveReply,
  readRequestProof,
  SecretKey,
  seederRoutes,
  trackerRoutes,
} from "../../../protocol/mod.ts";
import type { App } from "../../../roles/kit/serve.ts";
import { type Random, randomInt } from "../../../roles/kit/random.ts";
import type { Cluster } from "../machine/cluster.ts";
import { SimProcess } from "../machine/sim_process.ts";
import { rolePort } from "../machine/world.ts";

const ownKey = SecretKey.parse("66".repeat(32));
const spoken = { [protocolHeader]: String(limits.protocolVersion) };

/** The header that shall make an answer look proved; undefined for none. */
type Disguise = (
  asked: string,
  status: number,
  bytes: Uint8Array<ArrayBuffer>,
) => string | undefined;

const disguises: readonly Disguise[] = [
  () => undefined,
  (asked) => asked,
  (asked, status, bytes) => {
    const request = readRequestProof(asked);
    return request && proveReply(ownKey, request, status, "66".repeat(16), bytes);
  },
];

export class Impostor {
  #process: SimProcess | undefined;
  /** How many requests of seeders it answered. */
  answered = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
    private readonly disguisesWorn: readonly Disguise[] = disguises,
  ) {}

  standIn(): void {
    if (this.#process !== undefined) return;
    const { world, tracker } = this.cluster;
    this.#process = new SimProcess("impostor");
    world.tell("a stranger stands at the tracker's address");
    world.network.standIn(this.#process, tracker.host, rolePort, this.#app);
  }

  leave(): void {
    this.#process?.end();
    this.#process = undefined;
  }

  readonly #app: App = async (request) => {
    const path = new URL(request.url).pathname;
    const routes = Object.values({ ...trackerRoutes, ...seederRoutes });
    const route = routes.find((one) => one.path === path);
    if (route?.access !== "seeder") throw new TypeError("connection reset");
    this.answered++;
    const asked = request.headers.get(proofHeader) ?? "";
    const said: unknown = await request.json();
    const [status, value] = await this.#lie(path, said);
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const disguise = this.disguisesWorn[randomInt(this.random, 0, this.disguisesWorn.length - 1)];
    const proof = disguise?.(asked, status, bytes);
    const headers = {
      ...spoken,
      "content-type": status === 200 ? "application/json" : problemMediaType,
      ...proof === undefined ? {} : { [proofHeader]: proof },
    };
    return new Response(bytes, { status, headers });
  };

  async #lie(path: string, said: unknown): Promise<[number, unknown]> {
    const codes = ["seeder-unknown", "session-ended", "tracker-rebuilding", "forbidden"] as const;
    const code = codes[randomInt(this.random, 0, 2 * codes.length)];
    if (code !== undefined) {
      const fault = new Fault(code, "so it is said");
      return [fault.status, problemOf(fault)];
    }
    return [200, path === trackerRoutes.heartbeat.path ? await this.#orders(said) : {}];
  }

  /** Every chunk that any disk has shall go. */
  async #orders(said: unknown): Promise<unknown> {
    const name = typeof said === "object" && said !== null && "name" in said ? said.name : "";
    const { world, stores, seeders } = this.cluster;
    const clusterId = await this.cluster.recorded().read((view) => view.setting("cluster-id"));
    const machine = seeders.find((one) => one.name === name);
    const store = machine === undefined ? undefined : stores.get(machine);
    const chunks = await store?.list(undefined, 100).catch(() => []) ?? [];
    const nowMs = world.timeline.elapsedMs;
    const head = { sequence: 9, epoch: limits.epochMax, timeMs: 0, checksum: "0".repeat(64) };
    return {
      clusterId,
      start: { ...head, term: "0".repeat(16), mac: "A".repeat(43) },
      ...{ trackerNowMs: nowMs, leaseNowMs: nowMs, intervalMs: 1_000, inventoryWanted: true },
      orders: chunks.map(({ chunkId, sizeBytes }) => ({
        ...{ kind: "drop", orderId: `o-${chunkId.slice(0, 8)}`, chunkId, sizeBytes, why: "so" },
        ...{ deadlineMs: nowMs + 1e9, receiptsSinceMs: 2 ** 52 },
      })),
    };
  }
}
