/**
 * `unsettled` tells in which ways a world without troubles has not come to rest: every chunk that a
 * version names has exactly its copies on green seeders that are not being drained, nothing is
 * under way, set aside or stopped, and the chunks are spread within the tolerance or each lies at
 * its best places. `Orders` counts what is still being ordered: after rest, nothing.
 *
 * It takes the records for the truth; `catalogTellsTheTruth` compares those with the disks. It does
 * not check which seeder a read or a new chunk goes to.
 */
import type { ChunkEntry, ClusterStatus, SeederId } from "../../protocol/mod.ts";
import type { CatalogView } from "../../roles/tracker/catalog/catalog.ts";
import { planMove, unevenFrom, unevenness } from "../../roles/tracker/plan/rebalance.ts";
import type { ClusterView } from "../../roles/tracker/plan/view.ts";
import { goneIn } from "./caretaker.ts";
import type { Cluster } from "./cluster.ts";

const everything = 1_000_000;

/** What is not at rest, in words; some client must have a session. */
export async function unsettled(cluster: Cluster): Promise<string[]> {
  const session = cluster.clients.find(({ machine }) => machine.ready)?.session;
  if (session === undefined) return ["no client is there to ask"];
  const status = await session.tracker.status({});
  return [
    ...restless(status),
    ...await cluster.recorded().read((view) => misplaced(view, status)),
  ];
}

function restless(status: ClusterStatus): string[] {
  const { healing, seeders } = status;
  const gone = goneIn(seeders);
  const problems = seeders.filter(({ seederId, state, writable }) =>
    !gone.includes(seederId) && (state !== "green" || !writable)
  ).map(({ name, state }) => `${name} is ${state}`);
  const say = (unfit: boolean, problem: string) => unfit && problems.push(problem);
  say(healing.copying > 0, `${healing.copying} copies are under way`);
  say(healing.moving, "chunks are moving");
  say(healing.setAsideCount > 0, `set aside: ${healing.setAside.map(({ why }) => why).join()}`);
  say(healing.dropsStopped !== undefined, `drops are stopped: ${healing.dropsStopped?.why}`);
  say(status.chunksAtRisk > 0, `${status.chunksAtRisk} chunks at risk`);
  return problems;
}

async function misplaced(view: CatalogView, status: ClusterStatus): Promise<string[]> {
  const problems: string[] = [];
  const staying = status.seeders.filter(({ state, draining }) => state === "green" && !draining);
  const ids = new Set(staying.map(({ seederId }) => seederId));
  const chunks = await namedChunks(view);
  const chunkIds = chunks.map(({ chunkId }) => chunkId);
  const uses = await view.chunkUses(chunkIds);
  const holders = await view.holders(chunkIds);
  const used = new Map<SeederId, number>();
  for (const { seederId } of staying) {
    used.set(seederId, (await view.holdingsSummary(seederId)).usedBytes);
  }
  const picture = pictureOf(status);
  const uneven = unevenness(picture, used) > unevenFrom;
  for (const [i, chunk] of chunks.entries()) {
    const all = holders.get(chunk.chunkId) ?? [];
    const held = all.filter((seederId) => ids.has(seederId)).length;
    const wanted = uses[i]?.wanted ?? 0;
    const name = chunk.chunkId.slice(0, 12);
    if (held !== Math.min(wanted, staying.length)) {
      problems.push(`${name} has ${held} of ${wanted} copies on green seeders`);
    }
    const facts = { ...chunk, wanted, holders: all, arriving: [] };
    const move = uneven ? planMove(picture, facts, new Map()) : undefined;
    if (move !== undefined) problems.push(`${name} would be better at ${move.target}: ${move.why}`);
  }
  return problems;
}

async function namedChunks(view: CatalogView): Promise<ChunkEntry[]> {
  const found = new Map<string, ChunkEntry>();
  for (const { versionId } of await view.versionsAfter(undefined, everything)) {
    for (const chunk of await view.manifest(versionId, 0, everything)) {
      found.set(chunk.chunkId, chunk);
    }
  }
  return [...found.values()];
}

function pictureOf(status: ClusterStatus): ClusterView {
  return {
    nowMs: status.nowMs,
    seeders: status.seeders.map(({ seederId, zone, state, writable, space, draining }) => ({
      ...{ seederId, zone, state, writable, leaving: draining },
      ...{ totalBytes: space.totalBytes, freeBytes: space.freeBytes },
    })),
  };
}

/** Counts the orders that seeders carry out. */
export class Orders {
  carriedOut = 0;

  constructor(cluster: Cluster) {
    cluster.world.onLog = (_process, event) => {
      if (event === "order done") this.carriedOut++;
    };
  }
}
