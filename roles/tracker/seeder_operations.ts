/** What operations about seeders change in the derived tables. Checks nothing, as all of them. */
import type { SeederId } from "../../protocol/mod.ts";
import type { CatalogTransaction } from "./catalog/catalog.ts";
import type { Operation } from "./operations.ts";

type JoinSeeder = Extract<Operation, { kind: "join-seeder" }>;

export async function joinSeeder(tx: CatalogTransaction, operation: JoinSeeder): Promise<void> {
  const { seederId, name, zone, address, joinedMs } = operation;
  const row = { seederId, name, zone, address, joinedMs, away: false };
  await tx.putSeeder({ ...row, totalBytes: 0, freeBytes: 0, usedBytes: 0 });
}

type CareSeeder = Extract<Operation, { kind: "care-seeder" }>;

export async function careSeeder(tx: CatalogTransaction, operation: CareSeeder): Promise<void> {
  const { seederId, draining, maintenanceUntilMs } = operation;
  const row = (await tx.seeders()).find((each) => each.seederId === seederId);
  if (row === undefined) return;
  const { draining: _d, maintenanceUntilMs: _m, ...rest } = row;
  await tx.putSeeder({
    ...rest,
    ...(draining ? { draining } : {}),
    ...(maintenanceUntilMs === null ? {} : { maintenanceUntilMs }),
  });
}

const forgottenAtOnce = 4096;

export async function forgetSeeder(tx: CatalogTransaction, seederId: SeederId): Promise<void> {
  for (;;) {
    const held = await tx.holdingsOf(seederId, undefined, forgottenAtOnce);
    if (held.length === 0) break;
    await tx.removeHoldings(seederId, held.map(({ chunkId }) => chunkId));
  }
  await tx.removeAdoptions(seederId);
  await tx.removeSeeder(seederId);
}
