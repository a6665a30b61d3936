/**
 * What a snapshot holds: every row that follows from the log, table after table in a fixed order,
 * read and written through the catalog's interface, so that it is the same whatever the engine.
 * `coverage` names for each way of writing a row the table of a snapshot that carries it, or why
 * none does; a new one that is not named does not compile, nor does a column without its schema.
 */
import * as z from "zod";
import {
  ChunkEntry,
  EntryKind,
  KeyGeneration,
  ManifestDigestHex,
  SeederId,
  Standing,
  VersionId,
} from "../../../protocol/mod.ts";
import { limits } from "../../../protocol/mod.ts";
import type {
  AdoptionRow,
  Catalog,
  CatalogTransaction,
  CatalogView,
  NodeRow,
  SeederRow,
  TrashRow,
  VersionRow,
} from "../catalog/catalog.ts";
import { loggedSettings } from "../log/operations.ts";
import type { RowKey } from "../plan/compare.ts";

const NodeNumber = z.int().min(0);
const Count = z.int().min(0);

const NodeSchema = z.strictObject({
  nodeId: NodeNumber,
  parentId: NodeNumber,
  name: z.string(),
  kind: EntryKind,
  mode: z.int(),
  modifiedMs: z.int(),
  sizeBytes: Count,
  versionId: VersionId.exactOptional(),
  target: z.string().exactOptional(),
  copies: z.int().exactOptional(),
  versions: z.int().exactOptional(),
  versionDays: z.int().exactOptional(),
});
const OldSchema = z.strictObject({
  number: z.int().min(1),
  supersededMs: z.int(),
  untilMs: z.int(),
  mode: z.int(),
  modifiedMs: z.int(),
});
const VersionSchema = z.strictObject({
  versionId: VersionId,
  nodeId: NodeNumber,
  sizeBytes: Count,
  chunkSizeBytes: Count,
  chunkCount: Count,
  manifestDigest: ManifestDigestHex,
  copies: z.int(),
  adopted: z.literal(true).exactOptional(),
  createdMs: z.int(),
  by: z.string().exactOptional(),
  old: OldSchema.exactOptional(),
});
/** Some chunks of a version, from one of them on. */
const ManifestSchema = z.strictObject({
  versionId: VersionId,
  from: Count,
  chunks: z.array(ChunkEntry).min(1).max(limits.manifestPageChunksMax),
});
const TrashSchema = z.strictObject({
  trashId: z.int().min(1),
  nodeId: NodeNumber,
  path: z.string(),
  kind: EntryKind,
  trashedMs: z.int(),
  by: z.string(),
  files: Count,
  directories: Count,
  links: Count,
  fileBytes: Count,
});
const AdoptionSchema = z.strictObject({
  seederId: SeederId,
  source: z.string(),
  manifestDigest: ManifestDigestHex,
  versionId: VersionId,
  path: z.string(),
  clash: z.boolean(),
  adoptedMs: z.int(),
});
/** What operations said of a seeder; what it reports by itself is not in the log. */
const SeederSchema = z.strictObject({
  seederId: SeederId,
  name: z.string(),
  zone: z.string(),
  address: z.string(),
  joinedMs: z.int(),
  standing: Standing,
  generation: KeyGeneration,
  capacityBytes: z.int(),
  maintenanceUntilMs: z.int().exactOptional(),
});
type Reported = "reconciledBootId" | "away" | "totalBytes" | "freeBytes" | "usedBytes";

type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : never : never;
type Unbranded<Row> = { readonly [Key in keyof Row]: Row[Key] };
/** Fails to compile where a row has a column that its schema lacks. */
const complete: {
  node: Same<Required<Unbranded<z.output<typeof NodeSchema>>>, Required<NodeRow>>;
  adoption: Same<keyof z.output<typeof AdoptionSchema>, keyof AdoptionRow>;
  trash: Same<Unbranded<z.output<typeof TrashSchema>>, TrashRow>;
  version: Same<keyof z.output<typeof VersionSchema>, keyof VersionRow>;
  seeder: Same<keyof z.output<typeof SeederSchema>, Exclude<keyof SeederRow, Reported>>;
} = { node: true, adoption: true, trash: true, version: true, seeder: true };
void complete;

interface Table<Schema extends z.ZodType> {
  readonly schema: Schema;
  key(row: z.output<Schema>): RowKey;
  /** In the order of their keys, those after `after`. */
  page(
    view: CatalogView,
    after: RowKey | undefined,
    limit: number,
  ): Promise<z.output<Schema>[]>;
  put(tx: CatalogTransaction, row: z.output<Schema>): Promise<void>;
}

function table<Schema extends z.ZodType>(table: Table<Schema>): Table<Schema> {
  return table;
}

/** The one part of a key that is a number. */
function numberOf(after: RowKey | undefined): number | undefined {
  return after === undefined ? undefined : z.int().parse(after[0]);
}

const tables = {
  counters: table({
    schema: z.strictObject({ highestNodeId: NodeNumber }),
    key: () => [],
    page: async (view, after) =>
      after === undefined ? [{ highestNodeId: await view.highestNodeId() }] : [],
    put: (tx, { highestNodeId }) => tx.raiseHighestNodeId(highestNodeId),
  }),
  setting: table({
    schema: z.strictObject({ name: z.enum(loggedSettings), value: z.string() }),
    key: ({ name }) => [loggedSettings.indexOf(name)],
    page: async (view, after) => {
      const last = numberOf(after) ?? -1;
      const values = await Promise.all(loggedSettings.map((name) => view.setting(name)));
      return loggedSettings.flatMap((name, i) => {
        const value = values[i];
        return value === undefined || i <= last ? [] : [{ name, value }];
      });
    },
    put: (tx, { name, value }) => tx.putSetting(name, value),
  }),
  node: table({
    schema: NodeSchema,
    key: ({ nodeId }) => [nodeId],
    page: (view, after, limit) => view.nodesAfter(numberOf(after), limit),
    put: (tx, row) => tx.putNode(row),
  }),
  version: table({
    schema: VersionSchema,
    key: ({ versionId }) => [versionId],
    page: (view, after, limit) => {
      const last = after === undefined ? undefined : VersionId.parse(after[0]);
      return view.versionsAfter(last, limit) as Promise<Version[]>;
    },
    put: (tx, row) => tx.putVersion(row),
  }),
  manifest: table({
    schema: ManifestSchema,
    key: ({ versionId, from }) => [versionId, from],
    page: manifestPage,
    put: (tx, { versionId, from, chunks }) => tx.putManifest(versionId, from, chunks),
  }),
  trash: table({
    schema: TrashSchema,
    key: ({ trashId }) => [trashId],
    page: (view, after, limit) => view.trash(numberOf(after), limit),
    put: (tx, row) => tx.putTrash(row),
  }),
  adoption: table({
    schema: AdoptionSchema,
    key: ({ seederId, source }) => [seederId, source],
    page: (view, after, limit) => {
      const [seederId, source] = after ?? [];
      const last = after === undefined
        ? undefined
        : { seederId: SeederId.parse(seederId), source: String(source) };
      return view.adoptions(last, limit);
    },
    put: (tx, row) => tx.putAdoption(row),
  }),
  seeder: table({
    schema: SeederSchema,
    key: ({ seederId }) => [seederId],
    page: async (view, after) => {
      const last = after === undefined ? "" : z.string().parse(after[0]);
      return (await view.seeders()).filter(({ seederId }) => seederId > last).map(said);
    },
    put: (tx, row) =>
      tx.putSeeder({ ...row, away: false, totalBytes: 0, freeBytes: 0, usedBytes: 0 }),
  }),
};
type Version = z.output<typeof VersionSchema>;
type ManifestRow = z.output<typeof ManifestSchema>;

export type TableName = keyof typeof tables;
export const tableNames = Object.keys(tables) as TableName[];

type Writing = Exclude<keyof CatalogTransaction, keyof CatalogView>;
/** Where what a method writes is found in a snapshot, or why it is not. */
export const coverage: { readonly [Method in Writing]: TableName | { readonly not: string } } = {
  reset: { not: "it removes everything" },
  putSetting: "setting",
  putAnswer: { not: "whoever asked has given up by then" },
  appendLog: { not: "the log goes on where the snapshot ends" },
  beginLog: { not: "it is the snapshot's head" },
  trimLog: { not: "it removes what a snapshot stands for" },
  cutLog: { not: "the log goes on where the snapshot ends" },
  putNode: "node",
  raiseHighestNodeId: "counters",
  removeTree: { not: "what is gone is not in it" },
  putTrash: "trash",
  removeTrash: { not: "what is gone is not in it" },
  putVersion: "version",
  removeVersion: { not: "what is gone is not in it" },
  putManifest: "manifest",
  addHoldings: { not: "seeders tell what they hold" },
  removeHoldings: { not: "seeders tell what they hold" },
  putUpload: { not: "uploads under way begin again" },
  putUploadChunks: { not: "uploads under way begin again" },
  removeUpload: { not: "uploads under way begin again" },
  putAdoption: "adoption",
  removeAdoptions: { not: "what is gone is not in it" },
  putSeeder: "seeder",
};

function said(row: SeederRow): z.output<typeof SeederSchema> {
  const { seederId, standing, generation, name, zone, capacityBytes, address, joinedMs } = row;
  const { maintenanceUntilMs } = row;
  return {
    ...{ seederId, standing, generation, name, zone, capacityBytes, address, joinedMs },
    ...(maintenanceUntilMs === undefined ? {} : { maintenanceUntilMs }),
  };
}

const manifestStep = limits.manifestPageChunksMax;

async function manifestPage(
  view: CatalogView,
  after: RowKey | undefined,
  limit: number,
): Promise<ManifestRow[]> {
  const rows: ManifestRow[] = [];
  let versionId = after === undefined ? undefined : VersionId.parse(after[0]);
  let from = after === undefined ? 0 : z.int().parse(after[1]) + manifestStep;
  for (let seen = 0; rows.length < limit && seen < manifestStep;) {
    const chunks = versionId === undefined
      ? []
      : await view.manifest(versionId, from, manifestStep);
    if (versionId !== undefined && chunks.length > 0) rows.push({ versionId, from, chunks });
    seen += chunks.length;
    from += manifestStep;
    if (chunks.length === manifestStep) continue;
    const [next] = await view.versionsAfter(versionId, 1);
    if (next === undefined) return rows;
    versionId = next.versionId;
    from = 0;
  }
  return rows;
}

/** One row as a line of a snapshot says it: the name of its table, and the row. */
export type SnapshotRow = { readonly [Name in TableName]?: unknown };

export const rowsPerPage = 500;

/**
 * All rows, page after page; what is written between two pages may be in or not, so nobody may
 * write. An empty page is never given.
 */
export async function* rowsOf(catalog: Catalog): AsyncGenerator<SnapshotRow[], undefined> {
  for (const name of tableNames) {
    let after: RowKey | undefined;
    for (;;) {
      const last = after;
      const rows = await catalog.read((view) => pageOf(view, name, last, rowsPerPage));
      if (rows.length === 0) break;
      yield rows.map((row) => ({ [name]: row }));
      after = keyOf(name, rows.at(-1));
    }
  }
  return undefined;
}

/** Rows of one table after a key; fewer than `limit` may come before the end, none only there. */
export async function pageOf(
  view: CatalogView,
  name: TableName,
  after: RowKey | undefined,
  limit: number,
): Promise<unknown[]> {
  const { page, schema } = tables[name] as Table<z.ZodType>;
  // An engine may give the columns in any order; one that no schema knows is told as it is.
  return (await page(view, after, limit)).map((row) => schema.safeParse(row).data ?? row);
}

/** Where a row of this table stands. */
export function keyOf(name: TableName, row: unknown): RowKey {
  // A row of a table is put in where one of that table came out.
  return (tables[name] as Table<z.ZodType>).key(row);
}

/**
 * Writes rows that came from outside; those that are there already stay as they are. @throws Fault
 * `config-corrupt` at one that is none
 */
export function putRow(tx: CatalogTransaction, value: unknown): Promise<void> {
  const [name, row] = parsed(value);
  return (tables[name] as Table<z.ZodType>).put(tx, row);
}

/** @throws ZodError when it is no row of a snapshot */
export function parsed(value: unknown): [TableName, unknown] {
  const [entry, ...more] = Object.entries(OneRow.parse(value));
  if (entry === undefined || more.length > 0) throw new z.ZodError([]);
  const name = entry[0] as TableName;
  return [name, tables[name].schema.parse(entry[1])];
}

const OneRow = z.partialRecord(z.enum(tableNames), z.unknown());
