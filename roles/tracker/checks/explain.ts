/**
 * Why a file's copies are where they are: chunk by chunk who holds it, which place the ids alone
 * would give that seeder, and whether the chunk would go there today.
 */
import type * as z from "zod";
import {
  type ExplainedChunk,
  type ExplainReply,
  type ExplainRequest,
  Fault,
} from "../../../protocol/mod.ts";
import type { VersionRow } from "../catalog/catalog.ts";
import type { CopyRow } from "../catalog/holding_rows.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import type { Scrubs } from "../copies/scrubs.ts";
import { choosePlaces, rankOfEach } from "../plan/placement.ts";
import type { ClusterView } from "../plan/view.ts";
import { verifiedMsOf } from "../files/soundness.ts";
import { findTarget } from "../files/walk.ts";

interface ExplainNeeds extends Pick<Ground, "catalog" | "now"> {
  readonly members: Members;
  readonly scrubs: Pick<Scrubs, "verifiedMs">;
}

/** @throws Fault `not-found`, `is-a-directory` */
export function explain(
  core: ExplainNeeds,
  input: z.output<typeof ExplainRequest>,
): Promise<ExplainReply> {
  const { target, fromChunk, chunksMax } = input;
  const nowMs = core.now();
  const cluster = core.members.view(nowMs);
  return core.catalog.read(async (view) => {
    const { path, node } = await findTarget(view, target, true);
    if (node.kind === "directory") throw new Fault("is-a-directory", `${path} is a directory`);
    const versionId = "versionId" in target ? target.versionId : node.versionId;
    const version = versionId === undefined ? undefined : await view.version(versionId);
    if (version === undefined) throw new Fault("not-found", `${path} has no version to explain`);
    const entries = await view.manifest(version.versionId, fromChunk, chunksMax);
    const copies = await view.copies(entries.map(({ chunkId }) => chunkId));
    const chunks = entries.map((entry, i) => ({
      ...entry,
      index: fromChunk + i,
      copies: copiesOf(core, cluster, version, entry, copies.get(entry.chunkId) ?? []),
    }));
    return {
      path,
      versionId: version.versionId,
      sizeBytes: version.sizeBytes,
      chunkCount: version.chunkCount,
      copiesWanted: version.copies,
      nowMs,
      chunks,
      seeders: seedersNamed(core, cluster, chunks),
    };
  });
}

function copiesOf(
  core: ExplainNeeds,
  cluster: ClusterView,
  version: VersionRow,
  { chunkId, sizeBytes }: Pick<ExplainedChunk, "chunkId" | "sizeBytes">,
  held: readonly CopyRow[],
): ExplainedChunk["copies"] {
  const ranks = rankOfEach(cluster, chunkId);
  const places = version.copies;
  const question = { chunkId, sizeBytes, places, spares: 0, holders: [], avoid: [] };
  const best = new Set(choosePlaces(cluster, question));
  return held.flatMap((copy) => {
    const { seederId, adopted: inPlace, provedMs } = copy;
    const rank = ranks.get(seederId);
    const verifiedMs = verifiedMsOf(core.scrubs, chunkId, copy) || null;
    if (rank === undefined) return [];
    const adopted = inPlace === true ? { adopted: true as const } : {};
    const claimed = provedMs === undefined ? { claimed: true as const } : {};
    return { seederId, rank, best: best.has(seederId), verifiedMs, ...adopted, ...claimed };
  }).sort((a, b) => a.rank - b.rank);
}

function seedersNamed(
  core: ExplainNeeds,
  cluster: ClusterView,
  chunks: readonly ExplainedChunk[],
): ExplainReply["seeders"] {
  const named = new Set(chunks.flatMap(({ copies }) => copies.map(({ seederId }) => seederId)));
  return cluster.seeders.filter(({ seederId }) => named.has(seederId)).flatMap((facts) => {
    const { seederId, zone, state } = facts;
    const name = core.members.get(seederId)?.row.name;
    return name === undefined ? [] : { seederId, name, zone, state };
  });
}
