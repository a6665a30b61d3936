/** Chunks as the plans see them, read from the catalog in one go. */
import type { ChunkEntry, SeederId } from "../../../protocol/mod.ts";
import type { CatalogView, ChunkUses } from "../catalog/catalog.ts";
import type { CopyRow } from "../catalog/holding_rows.ts";
import type { ChunkFacts } from "../plan/repair.ts";

/** What the catalog knows of these chunks, nothing under way. */
export async function factsOf(
  view: CatalogView,
  chunks: readonly ChunkEntry[],
): Promise<ChunkFacts[]> {
  const ids = chunks.map(({ chunkId }) => chunkId);
  const copies = await view.copies(ids);
  const uses = await view.chunkUses(ids);
  return chunks.map((chunk, i) => {
    const { chunkId } = chunk;
    const told = copies.get(chunkId) ?? [];
    const sizeBytes = sizeOf(chunk, uses[i], told);
    const held = told.filter((copy) => copy.sizeBytes === sizeBytes);
    return {
      chunkId,
      sizeBytes,
      wanted: uses[i]?.wanted ?? 0,
      wantedOwn: uses[i]?.wantedOwn ?? 0,
      holders: held.map(({ seederId }) => seederId),
      inPlace: held.filter(({ adopted }) => adopted === true).map(({ seederId }) => seederId),
      proved: provedOf(held),
      arriving: [],
    };
  });
}

/** When each holder last proved its copy; 0 for those with a receipt alone. */
function provedOf(held: readonly CopyRow[]): Map<SeederId, number> {
  return new Map(
    held.flatMap(({ seederId, provedMs }) => provedMs === undefined ? [] : [[seederId, provedMs]]),
  );
}

/** A seeder that tells another size than was proved, or than the manifest names, has no copy. */
function sizeOf(
  chunk: ChunkEntry,
  uses: ChunkUses | undefined,
  told: readonly CopyRow[],
): number {
  const proved = told.find(({ provedMs }) => provedMs !== undefined);
  return proved?.sizeBytes ?? uses?.sizeBytes ?? chunk.sizeBytes;
}
