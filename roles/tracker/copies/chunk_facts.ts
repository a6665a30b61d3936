/** Chunks as the plans see them, read from the catalog in one go. */
import type { ChunkEntry } from "../../../protocol/mod.ts";
import type { CatalogView } from "../catalog/catalog.ts";
import type { ChunkFacts } from "../plan/repair.ts";

/** What the catalog knows of these chunks, nothing under way. */
export async function factsOf(
  view: CatalogView,
  chunks: readonly ChunkEntry[],
): Promise<ChunkFacts[]> {
  const ids = chunks.map(({ chunkId }) => chunkId);
  const holders = await view.holders(ids);
  const adopted = await view.adoptedHolders(ids);
  const uses = await view.chunkUses(ids);
  return chunks.map(({ chunkId, sizeBytes }, i) => ({
    chunkId,
    sizeBytes,
    wanted: uses[i]?.wanted ?? 0,
    wantedOwn: uses[i]?.wantedOwn ?? 0,
    holders: holders.get(chunkId) ?? [],
    inPlace: adopted.get(chunkId) ?? [],
    arriving: [],
  }));
}
