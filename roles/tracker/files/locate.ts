/**
 * Finding files to read: manifests in batches, with who holds each chunk and a leave to read it
 * there. Green seeders come first in random order, so that many readers spread; then yellow, then
 * red, which may be back before the tracker knows, then those that signed out, and last of all
 * those that could not read their copy.
 */
import type * as z from "zod";
import {
  asFault,
  type ChunkId,
  Fault,
  limits,
  type LocatedChunk,
  type LocatedFile,
  type LocateReply,
  type LocateRequest,
  makeLeave,
  problemOf,
  type ReportRequest,
  type SeederId,
  type SeederState,
  type Target,
} from "../../../protocol/mod.ts";
import { shuffled } from "../../kit/random.ts";
import type { CatalogView, VersionRow } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import type { OrderBook } from "../seeders/orders.ts";
import { findTarget } from "./walk.ts";

const stateOrder: readonly SeederState[] = ["green", "yellow", "red", "away"];

interface LocateNeeds extends Ground {
  readonly members: Members;
  readonly orders: Pick<OrderBook, "orderVerify">;
  readonly lost: { lastResorts(chunkId: ChunkId): SeederId[] };
}

export function locate(
  core: LocateNeeds,
  input: z.output<typeof LocateRequest>,
): Promise<z.input<typeof LocateReply>> {
  const nowMs = core.now();
  const states = new Map(
    core.members.all().map((member) => [member.row.seederId, core.members.stateOf(member, nowMs)]),
  );
  return core.catalog.read(async (view) => {
    const page = new LocatePage(core, view, states, core.leases.now());
    let room = input.chunksMax;
    const results: z.input<typeof LocateReply>["results"] = [];
    for (const target of input.targets) {
      try {
        const file = await page.locateOne(target, input.fromChunk, room);
        room -= file.chunks.length;
        results.push({ ok: true, file });
      } catch (thrown) {
        results.push({ ok: false, problem: problemOf(asFault(thrown)) });
      }
    }
    return { results, seeders: page.seedersNamed(), leaveLifeMs: limits.leaveLifeMs };
  });
}

class LocatePage {
  readonly #named = new Set<SeederId>();

  constructor(
    private readonly core: LocateNeeds,
    private readonly view: CatalogView,
    private readonly states: ReadonlyMap<SeederId, SeederState>,
    private readonly nowMs: number,
  ) {}

  async locateOne(target: Target, fromChunk: number, room: number): Promise<LocatedFile> {
    const { path, node } = await findTarget(this.view, target, true);
    if (node.kind === "directory") throw new Fault("is-a-directory", `${path} is a directory`);
    // A version named by its id is that version, whatever the file is now.
    const versionId = "versionId" in target ? target.versionId : node.versionId;
    const version = versionId === undefined ? undefined : await this.view.version(versionId);
    if (version === undefined) throw new Fault("not-found", `${path} has no version to read`);
    const { nodeId: _n, copies: _c, createdMs: _t, by: _b, adopted: _a, old, ...facts } = version;
    const { modifiedMs, mode } = old ?? node;
    return {
      ...facts,
      path,
      modifiedMs,
      mode,
      chunks: await this.#chunks(version, fromChunk, room),
    };
  }

  async #chunks(version: VersionRow, from: number, room: number): Promise<LocatedChunk[]> {
    if (room <= 0 || from >= version.chunkCount) return [];
    const entries = await this.view.manifest(version.versionId, from, room);
    const holders = await this.view.holders(entries.map((entry) => entry.chunkId));
    const expiresMs = this.nowMs + limits.leaveLifeMs;
    return entries.map(({ chunkId, sizeBytes }, i) => {
      const subject = { action: "read", chunkId, sizeBytes } as const;
      const inOrder = this.#ordered(holders.get(chunkId) ?? []);
      const others = this.core.lost.lastResorts(chunkId).filter((id) => !inOrder.includes(id));
      return {
        chunkId,
        sizeBytes,
        index: from + i,
        holders: [...inOrder, ...this.#ordered(others)].map((seederId) => {
          this.#named.add(seederId);
          const key = this.core.members.keyOf(seederId);
          return { seederId, leave: makeLeave(key, subject, expiresMs) };
        }),
      };
    });
  }

  #ordered(holders: readonly SeederId[]): SeederId[] {
    const known = holders.filter((seederId) => this.states.has(seederId));
    const rank = (seederId: SeederId) => stateOrder.indexOf(this.states.get(seederId) ?? "away");
    return shuffled(this.core.random, known).sort((a, b) => rank(a) - rank(b));
  }

  seedersNamed(): z.input<typeof LocateReply>["seeders"] {
    return this.core.members.all().filter(({ row }) => this.#named.has(row.seederId))
      .map(({ row: { seederId, name, address } }) => ({
        seederId,
        name,
        address,
        state: this.states.get(seederId) ?? "away",
      }));
  }
}

/**
 * Has seeders read copies again that a reader found wrong. How many checks were ordered: a copy the
 * tracker knows nothing of, or one that is being checked already, needs none.
 */
export async function reportChunks(
  core: LocateNeeds,
  input: z.output<typeof ReportRequest>,
  user: string,
): Promise<number> {
  const nowMs = core.now();
  let accepted = 0;
  await core.catalog.read(async (view) => {
    for (const { seederId, chunkId } of input.reports) {
      if (core.members.get(seederId) === undefined) continue;
      const copies = (await view.copies([chunkId])).get(chunkId);
      const sizeBytes = copies?.find((copy) => copy.seederId === seederId)?.sizeBytes;
      if (sizeBytes === undefined) continue;
      const why = `${user} was sent wrong bytes for this chunk`;
      if (!core.orders.orderVerify(seederId, { chunkId, sizeBytes }, why, nowMs)) continue;
      core.log.warn("chunk reported", { seederId, chunkId, user });
      accepted++;
    }
  });
  return accepted;
}
