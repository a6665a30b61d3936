/**
 * `unsettled` tells in which ways a world without troubles has not come to rest: every chunk that a
 * version names has exactly its copies on green seeders that are not being drained, nothing is
 * under way, set aside or stopped, and the chunks are spread within the tolerance or each lies at
 * its best places. `Orders` counts what is still being ordered: after rest, nothing.
 *
 * It takes the records for the truth; `catalogTellsTheTruth` compares those with the disks. It does
 * not check which seeder a read or a new chunk goes to.
 */
import type { ChunkEntry, ChunkId, ClusterStatus, SeederId } from "../../../protocol/mod.ts";
import type { CatalogView } from "../../../roles/tracker/catalog/catalog.ts";
import { planMove, unevenFrom, unevenness } from "../../../roles/tracker/plan/rebalance.ts";
import type { ClusterView } from "../../../roles/tracker/plan/view.ts";
import { goneIn } from "../people/caretaker.ts";
import type { Cluster } from "../machine/cluster.ts";
import type { People } from "../people/people.ts";

const everything = 1_000_000;

/** What is not at rest, in words; some client must have a session. */
export async function unsettled(cluster: Cluster, people?: People): Promise<string[]> {
  const session = cluster.clients.find(({ machine }) => machine.ready)?.session;
  if (session === undefined) return ["no client is there to ask"];
  const status = await session.tracker.status({});
  const inPlace = new Map<SeederId, number>();
  if (people !== undefined) {
    const { seeders } = await session.tracker.adopted({});
    for (const { seederId, report } of seeders) inPlace.set(seederId, report?.bytesIndexed ?? 0);
  }
  return await cluster.recorded().read(async (view) => {
    const lost = await lostIn(view, people?.chunksMayBeLost() ?? new Set());
    return [...restless(status, lost), ...await misplaced(view, status, inPlace, lost)];
  });
}

/** Chunks that a version names, that nobody has, and that nobody need have. */
async function lostIn(view: CatalogView, allowed: ReadonlySet<ChunkId>): Promise<Set<ChunkId>> {
  if (allowed.size === 0) return new Set();
  const named = (await namedChunks(view)).map(({ chunkId }) => chunkId);
  const holders = await view.holders(named);
  return new Set(named.filter((chunkId) => allowed.has(chunkId) && !holders.has(chunkId)));
}

function restless(status: ClusterStatus, lost: ReadonlySet<ChunkId>): string[] {
  const { authority, healing, seeders } = status;
  const gone = goneIn(seeders);
  const problems = seeders.filter(({ seederId, state, writable }) =>
    !gone.includes(seederId) && (state !== "green" || !writable)
  ).map(({ name, state }) => `${name} is ${state}`);
  const say = (unfit: boolean, problem: string) => unfit && problems.push(problem);
  say(healing.copying > 0, `${healing.copying} copies are under way`);
  say(healing.moving, "chunks are moving");
  const setAside = healing.setAside.filter(({ chunkId }) => !lost.has(chunkId));
  say(setAside.length > 0, `set aside: ${setAside.map(({ why }) => why).join()}`);
  say(authority.state !== "ruling", `the tracker is ${authority.state}: ${authority.why}`);
  const { chunksAtRisk } = status;
  say(chunksAtRisk > lost.size, `${chunksAtRisk} chunks at risk, ${lost.size} may be lost`);
  return problems;
}

async function misplaced(
  view: CatalogView,
  status: ClusterStatus,
  inPlaceBytes: ReadonlyMap<SeederId, number>,
  lost: ReadonlySet<ChunkId>,
): Promise<string[]> {
  const problems: string[] = [];
  const staying = status.seeders.filter(({ state, draining }) => state === "green" && !draining);
  const ids = new Set(staying.map(({ seederId }) => seederId));
  const chunks = (await namedChunks(view)).filter(({ chunkId }) => !lost.has(chunkId));
  const chunkIds = chunks.map(({ chunkId }) => chunkId);
  const uses = await view.chunkUses(chunkIds);
  const holders = await view.holders(chunkIds);
  const copies = await view.copies(chunkIds);
  const used = new Map<SeederId, number>();
  for (const { seederId } of staying) {
    const { usedBytes } = await view.holdingsSummary(seederId);
    used.set(seederId, Math.max(0, usedBytes - (inPlaceBytes.get(seederId) ?? 0)));
  }
  const picture = pictureOf(status);
  const uneven = unevenness(picture, used) > unevenFrom;
  for (const [i, chunk] of chunks.entries()) {
    const all = holders.get(chunk.chunkId) ?? [];
    const inPlace = (copies.get(chunk.chunkId) ?? []).filter(({ adopted }) => adopted === true)
      .map(({ seederId }) => seederId);
    const held = all.filter((seederId) => ids.has(seederId));
    const { wanted = 0, wantedOwn = 0 } = uses[i] ?? {};
    const name = chunk.chunkId.slice(0, 12);
    // A copy in a person's file is never given up, and stands for one that nobody sent.
    const places = held.filter((seederId) => inPlace.includes(seederId)).length;
    const right = Math.max(
      Math.min(wanted, staying.length) - places,
      Math.min(wantedOwn, staying.length),
    );
    if (held.length - places !== Math.max(0, right)) {
      const where = places === 0 ? "" : ` (${places} in people's files, ${wantedOwn} own wanted)`;
      problems.push(`${name} has ${held.length} of ${wanted} copies on green seeders${where}`);
    }
    const facts = { ...chunk, wanted, wantedOwn, holders: all, inPlace, arriving: [] };
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
