/**
 * Both engines keep their rows within reach of a plain call: in memory, or behind SQLite, which
 * answers at once. They are written as plain methods; here these become the promises of the
 * interface, and are shut when the work they were made for has ended.
 */
import type { CatalogTransaction, CatalogView } from "./catalog.ts";

type Synchronous<Asynchronous> = {
  [Name in keyof Asynchronous]: Asynchronous[Name] extends
    (...input: infer Input) => Promise<infer Output> ? (...input: Input) => Output : never;
};

/** `CatalogView` with plain answers. */
export type ViewTables = Synchronous<CatalogView>;
/** `CatalogTransaction` with plain answers. */
export type Tables = Synchronous<CatalogTransaction>;

const viewMethods: { readonly [Name in keyof CatalogView]: true } = {
  setting: true,
  settings: true,
  answer: true,
  answers: true,
  node: true,
  nodesAfter: true,
  child: true,
  children: true,
  usage: true,
  trashed: true,
  trashedLastAt: true,
  trash: true,
  trashSums: true,
  highestNodeId: true,
  version: true,
  versionsByPrefix: true,
  oldVersionsOf: true,
  oldVersions: true,
  oldVersionsEnded: true,
  oldVersionSums: true,
  versionsAfter: true,
  manifest: true,
  holders: true,
  holdingsOf: true,
  copies: true,
  heldChunks: true,
  shortChunks: true,
  holdingsSummary: true,
  chunkUses: true,
  unreferenced: true,
  chunksBelow: true,
  chunksUnproved: true,
  copiesLeast: true,
  wanted: true,
  totals: true,
  upload: true,
  uploadChunks: true,
  uploadsEndedBefore: true,
  uploadCount: true,
  uploadTimes: true,
  adoption: true,
  adoptions: true,
  clashes: true,
  adoptionSums: true,
  seeders: true,
  spareBytes: true,
  logHead: true,
  logAfter: true,
};

const writeMethods: {
  readonly [Name in Exclude<keyof CatalogTransaction, keyof CatalogView>]: true;
} = {
  reset: true,
  putSetting: true,
  putAnswer: true,
  appendLog: true,
  beginLog: true,
  trimLog: true,
  cutLog: true,
  putNode: true,
  raiseHighestNodeId: true,
  removeTree: true,
  putTrash: true,
  removeTrash: true,
  putVersion: true,
  removeVersion: true,
  putManifest: true,
  addHoldings: true,
  removeHoldings: true,
  putUpload: true,
  putUploadChunks: true,
  removeUpload: true,
  putAdoption: true,
  removeAdoptions: true,
  putSeeder: true,
};

/** @param check called before every method; throws when the view may no longer be used */
export function promisedView(tables: ViewTables, check: () => void): CatalogView {
  return promised(tables, viewMethods, check);
}

/** @param check called before every method; throws when the transaction has ended */
export function promisedTransaction(tables: Tables, check: () => void): CatalogTransaction {
  return promised(tables, { ...viewMethods, ...writeMethods }, check);
}

function promised<Asynchronous>(
  tables: Synchronous<Asynchronous>,
  methods: { readonly [Name in keyof Asynchronous]: true },
  check: () => void,
): Asynchronous {
  const entries = Object.keys(methods).map((name) => {
    // The names are those of the interface by type; the cast says so to the compiler.
    const method = tables[name as keyof Asynchronous] as (...input: unknown[]) => unknown;
    return [name, (...input: unknown[]) =>
      new Promise((resolve) => {
        check();
        resolve(method.apply(tables, input));
      })];
  });
  return Object.fromEntries(entries);
}
