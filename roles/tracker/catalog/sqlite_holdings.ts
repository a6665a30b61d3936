/** Who holds what in the SQLite engine, with the counters and sums over it kept. */
import { type ChunkId, InventorySum, type SeederId } from "../../../protocol/mod.ts";
import { holdingAfter, type HoldingRow } from "./holding_rows.ts";
import type { SqliteChunks } from "./sqlite_chunks.ts";
import { bytesOf, type SqliteConnection } from "./sqlite_connection.ts";
import { holdingRowOf } from "./sqlite_rows.ts";

export class SqliteHoldings {
  constructor(
    private readonly connection: SqliteConnection,
    private readonly chunks: SqliteChunks,
  ) {}

  add(seederId: SeederId, entries: readonly HoldingRow[]): void {
    const holderKey = this.#holderKey(seederId);
    const came: HoldingRow[] = [], went: HoldingRow[] = [];
    for (const entry of entries) {
      const chunkKey = this.chunks.key(entry.chunkId);
      const adopted = entry.adopted === true ? 1 : 0;
      const changes = this.connection.run(
        "INSERT OR IGNORE INTO holdings VALUES (?, ?, ?, ?, ?, ?)",
        holderKey,
        chunkKey,
        entry.sizeBytes,
        adopted,
        entry.provedMs ?? null,
        entry.cameMs ?? 0,
      );
      if (changes > 0) {
        this.#countHolding(chunkKey, 1, adopted);
        came.push(entry);
        continue;
      }
      const { before, after } = this.#changeHolding(holderKey, chunkKey, entry);
      came.push(after);
      went.push(before);
    }
    this.#sumUp(seederId, came, went);
  }

  #countHolding(chunkKey: number, sign: 1 | -1, adopted: number): void {
    this.connection.run(
      "UPDATE chunks SET held = held + ?, adopted = adopted + ? WHERE chunk_key = ?",
      sign,
      sign * adopted,
      chunkKey,
    );
  }

  #changeHolding(
    holderKey: number,
    chunkKey: number,
    told: HoldingRow,
  ): { before: HoldingRow; after: HoldingRow } {
    const row = this.connection.get(
      `SELECT c.chunk_id, h.size_bytes, h.adopted, h.proved_ms, h.came_ms
       FROM holdings AS h CROSS JOIN chunks AS c
       WHERE h.holder_key = ? AND h.chunk_key = ? AND c.chunk_key = h.chunk_key`,
      holderKey,
      chunkKey,
    );
    const before = row === undefined ? told : holdingRowOf(row);
    const after = holdingAfter(before, told);
    const { sizeBytes, provedMs, cameMs, adopted } = after;
    if (
      sizeBytes === before.sizeBytes && provedMs === before.provedMs &&
      cameMs === before.cameMs && adopted === before.adopted
    ) return { before, after };
    this.connection.run(
      `UPDATE holdings SET size_bytes = ?, adopted = ?, proved_ms = ?, came_ms = ?
       WHERE holder_key = ? AND chunk_key = ?`,
      sizeBytes,
      adopted === true ? 1 : 0,
      provedMs ?? null,
      cameMs ?? 0,
      holderKey,
      chunkKey,
    );
    if (adopted !== before.adopted) {
      this.connection.run(
        "UPDATE chunks SET adopted = adopted + ? WHERE chunk_key = ?",
        adopted === true ? 1 : -1,
        chunkKey,
      );
    }
    return { before, after };
  }

  remove(seederId: SeederId, chunkIds: readonly ChunkId[]): void {
    const holderKey = this.#holderKey(seederId);
    const removed = chunkIds.flatMap((chunkId) => {
      const row = this.connection.get(
        `SELECT c.chunk_key, c.chunk_id, h.size_bytes, h.adopted, h.proved_ms, h.came_ms
         FROM chunks AS c CROSS JOIN holdings AS h
         WHERE c.chunk_id = ? AND h.holder_key = ? AND h.chunk_key = c.chunk_key`,
        bytesOf(chunkId),
        holderKey,
      );
      if (row === undefined) return [];
      const chunkKey = row.integer("chunk_key");
      this.connection.run(
        "DELETE FROM holdings WHERE holder_key = ? AND chunk_key = ?",
        holderKey,
        chunkKey,
      );
      this.#countHolding(chunkKey, -1, row.integer("adopted"));
      this.chunks.removeUnused(chunkKey);
      return holdingRowOf(row);
    });
    this.#sumUp(seederId, [], removed);
  }

  #holderKey(seederId: SeederId): number {
    const row = this.connection.get("SELECT holder_key FROM holders WHERE seeder_id = ?", seederId);
    return row?.integer("holder_key") ??
      this.connection.insert("INSERT INTO holders (seeder_id) VALUES (?)", seederId);
  }

  #digestOf(seederId: SeederId): string | undefined {
    const row = this.connection.get("SELECT digest FROM holders WHERE seeder_id = ?", seederId);
    return row?.text("digest");
  }

  #sumUp(seederId: SeederId, came: readonly HoldingRow[], went: readonly HoldingRow[]): void {
    if (came.length + went.length === 0) return;
    const sum = new InventorySum(this.#digestOf(seederId));
    for (const { chunkId, adopted } of [...came, ...went]) sum.toggle(chunkId, adopted);
    const bytesOf = (all: readonly HoldingRow[]) =>
      all.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    this.connection.run(
      `UPDATE holders SET chunk_count = chunk_count + ?, used_bytes = used_bytes + ?, digest = ?
       WHERE seeder_id = ?`,
      came.length - went.length,
      bytesOf(came) - bytesOf(went),
      sum.hex(),
      seederId,
    );
  }
}
