/**
 * The operations about seeders, and what each makes of a seeder's row. One pure function says it
 * for the tables, for a replay and for what the tracker has in memory, so the three cannot differ.
 * What a seeder reports of itself is in no operation, and no operation changes it.
 */
import * as z from "zod";
import { KeyGeneration, SeederId, SeederName, Zone } from "../../../protocol/mod.ts";
import type { LogRow, SeederRow } from "../catalog/catalog.ts";
import { CodeUse } from "./code_uses.ts";

/** Who asked for it. */
const by = z.string();
const capacityBytes = z.int().min(0);

const Join = z.strictObject({
  kind: z.literal("join-seeder"),
  seederId: SeederId,
  standing: z.enum(["pending", "member"]),
  generation: KeyGeneration,
  name: SeederName,
  zone: Zone,
  capacityBytes,
  address: z.string(),
  joinedMs: z.int(),
  /** The use of the code it joined with. */
  use: CodeUse,
});
/** A person takes it in, or takes more of it, or another zone. */
const Accept = z.strictObject({
  kind: z.literal("accept-seeder"),
  seederId: SeederId,
  zone: Zone,
  capacityBytes,
  by,
});
const Care = z.strictObject({
  kind: z.literal("care-seeder"),
  seederId: SeederId,
  draining: z.boolean(),
  maintenanceUntilMs: z.int().nullable(),
  by,
});
/** With all it held. It may show its secret and a new code, and is then of another generation. */
const Forget = z.strictObject({ kind: z.literal("forget-seeder"), seederId: SeederId, by });
/** As forgotten, and it may not come back before it is forgotten too. */
const Ban = z.strictObject({ kind: z.literal("ban-seeder"), seederId: SeederId, by });

export const seederOperations = [Join, Accept, Care, Forget, Ban] as const;
const SeederOperation = z.discriminatedUnion("kind", seederOperations);
export type SeederOperation = z.output<typeof SeederOperation>;

const kinds: readonly string[] = seederOperations.map(({ shape }) => shape.kind.value);

/** The operation in a row of the log where it is about a seeder. */
export function seederOperationOf({ text }: Pick<LogRow, "text">): SeederOperation | undefined {
  const kind = /^\{"kind":"([a-z-]+)"/.exec(text)?.[1] ?? "";
  return kinds.includes(kind) ? SeederOperation.parse(JSON.parse(text)) : undefined;
}

/** Whether it has copies, the log and orders. */
export function isMember({ standing }: Pick<SeederRow, "standing">): boolean {
  return standing === "member" || standing === "draining";
}

/** Of one that joins, what it reports is not known yet. */
const unheard = { away: false, totalBytes: 0, freeBytes: 0, usedBytes: 0 };

/** The row after the operation; undefined where it speaks of a seeder that never was. */
export function seederAfter(
  row: SeederRow | undefined,
  operation: SeederOperation,
): SeederRow | undefined {
  if (operation.kind === "join-seeder") {
    const { kind: _k, use: _u, ...joined } = operation;
    return { ...joined, ...unheard };
  }
  // Who is gone stays so, whatever was decided about it at the same moment.
  if (row === undefined || row.standing === "forgotten") return row;
  switch (operation.kind) {
    case "accept-seeder": {
      if (row.standing === "banned") return row;
      const { zone, capacityBytes } = operation;
      const standing = row.standing === "pending" ? "member" : row.standing;
      return { ...row, standing, zone, capacityBytes };
    }
    case "care-seeder": {
      if (!isMember(row)) return row;
      const { maintenanceUntilMs: _, ...rest } = row;
      const { draining, maintenanceUntilMs } = operation;
      return {
        ...rest,
        standing: draining ? "draining" : "member",
        ...(maintenanceUntilMs === null ? {} : { maintenanceUntilMs }),
      };
    }
    case "forget-seeder":
    case "ban-seeder": {
      const { maintenanceUntilMs: _m, reconciledBootId: _r, ...rest } = row;
      const standing = operation.kind === "ban-seeder" ? "banned" : "forgotten";
      return { ...rest, ...unheard, standing };
    }
  }
}
