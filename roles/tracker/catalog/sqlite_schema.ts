/**
 * The table layout of the SQLite engine and how a file comes to have it. `user_version` counts the
 * migrations a file has been through; each is one transaction, and none is ever edited.
 *
 * A chunk has one row however many versions, seeders and uploads know it, so that its 32 bytes
 * stand in the file once. The counters in that row are what makes questions about all chunks cheap:
 * `named` manifest rows, `held` holdings, `recorded` upload rows, `wanted` the most copies that any
 * version naming it asks for (0 without one), which `wants` counts by number of copies. `adopted`
 * and `wanted_own` are the holdings in a person's file, and the most copies that a version asks for
 * that was not adopted. `size_bytes` is what the first version told that names it, and means
 * nothing while none does. A row whose three counters are 0 is removed. The same reason keeps
 * `totals` and the sums in `holders`.
 *
 * A version whose `old_number` is not NULL is not the current one of its file.
 */
import { Fault } from "../../../protocol/mod.ts";
import type { SqliteConnection } from "./sqlite_connection.ts";

/** "OFFS": tells a catalog from any other SQLite file. */
const applicationId = 0x4f464653;

/** Checking a file of this size takes about a tenth of a second; a start shall not take longer. */
const checkedBytesMax = 64 * 1024 * 1024;

const migrations: readonly string[] = [
  `
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE totals (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    files INTEGER NOT NULL, directories INTEGER NOT NULL, links INTEGER NOT NULL,
    file_bytes INTEGER NOT NULL, chunks INTEGER NOT NULL, highest_node_id INTEGER NOT NULL
  ) STRICT;
  INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0, 0);

  CREATE TABLE nodes (
    node_id INTEGER PRIMARY KEY,
    parent_id INTEGER NOT NULL, name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('directory', 'file', 'link')),
    mode INTEGER NOT NULL, modified_ms INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    version_id BLOB CHECK (length(version_id) = 16), target TEXT, copies INTEGER,
    UNIQUE (parent_id, name)
  ) STRICT;

  -- node_id is NULL while only the manifest of a version has been put.
  CREATE TABLE versions (
    version_key INTEGER PRIMARY KEY,
    version_id BLOB NOT NULL UNIQUE CHECK (length(version_id) = 16),
    node_id INTEGER,
    size_bytes INTEGER NOT NULL, chunk_size_bytes INTEGER NOT NULL, chunk_count INTEGER NOT NULL,
    manifest_digest TEXT NOT NULL, copies INTEGER NOT NULL, created_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX versions_of_node ON versions (node_id);

  CREATE TABLE chunks (
    chunk_key INTEGER PRIMARY KEY,
    chunk_id BLOB NOT NULL UNIQUE CHECK (length(chunk_id) = 32),
    named INTEGER NOT NULL DEFAULT 0 CHECK (named >= 0),
    wanted INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    recorded INTEGER NOT NULL DEFAULT 0 CHECK (recorded >= 0)
  ) STRICT;
  CREATE INDEX chunks_below ON chunks (chunk_key) WHERE held < wanted;

  CREATE TABLE wants (
    chunk_key INTEGER NOT NULL, copies INTEGER NOT NULL, times INTEGER NOT NULL CHECK (times >= 0),
    PRIMARY KEY (chunk_key, copies)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE manifest_chunks (
    version_key INTEGER NOT NULL REFERENCES versions, position INTEGER NOT NULL,
    chunk_key INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    PRIMARY KEY (version_key, position)
  ) STRICT, WITHOUT ROWID;

  -- The seeders that hold or held something, with the sums over their holdings.
  CREATE TABLE holders (
    holder_key INTEGER PRIMARY KEY,
    seeder_id TEXT NOT NULL UNIQUE,
    chunk_count INTEGER NOT NULL DEFAULT 0, used_bytes INTEGER NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '00000000000000000000000000000000'
  ) STRICT;

  CREATE TABLE holdings (
    holder_key INTEGER NOT NULL REFERENCES holders,
    chunk_key INTEGER NOT NULL REFERENCES chunks, size_bytes INTEGER NOT NULL,
    PRIMARY KEY (holder_key, chunk_key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX holdings_of_chunk ON holdings (chunk_key);

  CREATE TABLE uploads (
    upload_id BLOB PRIMARY KEY CHECK (length(upload_id) = 16),
    path TEXT NOT NULL, condition TEXT NOT NULL,
    chunk_size_bytes INTEGER NOT NULL, size_bytes INTEGER,
    modified_ms INTEGER NOT NULL, mode INTEGER NOT NULL, copies INTEGER NOT NULL,
    user TEXT NOT NULL, lease_ends_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX uploads_by_end ON uploads (lease_ends_ms);

  CREATE TABLE upload_chunks (
    upload_id BLOB NOT NULL, position INTEGER NOT NULL,
    chunk_key INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    PRIMARY KEY (upload_id, position)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE seeders (
    seeder_id TEXT PRIMARY KEY,
    name TEXT NOT NULL, zone TEXT NOT NULL, address TEXT NOT NULL, joined_ms INTEGER NOT NULL,
    reconciled_boot_id TEXT, away INTEGER NOT NULL,
    total_bytes INTEGER NOT NULL, free_bytes INTEGER NOT NULL, used_bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE log (
    sequence INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL, term TEXT NOT NULL, time_ms INTEGER NOT NULL, text TEXT NOT NULL,
    checksum TEXT NOT NULL
  ) STRICT;
  `,
  // Uploads of before are older than any leave: their receipts serve them until they run out.
  `
  ALTER TABLE uploads ADD COLUMN opened_ms INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX uploads_by_opening ON uploads (opened_ms);
  `,
  `
  CREATE INDEX chunks_unreferenced ON chunks (chunk_id)
    WHERE named = 0 AND recorded = 0 AND held > 0;
  `,
  `
  CREATE TABLE trash (
    trash_id INTEGER PRIMARY KEY,
    node_id INTEGER NOT NULL, path TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('directory', 'file', 'link')),
    trashed_ms INTEGER NOT NULL, by_whom TEXT NOT NULL,
    files INTEGER NOT NULL, directories INTEGER NOT NULL, links INTEGER NOT NULL,
    file_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX trash_by_path ON trash (path, trash_id);
  `,
  // Short chunks are found page by page in order of id; counting them needs no other index.
  `
  ALTER TABLE seeders ADD COLUMN draining INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE seeders ADD COLUMN maintenance_until_ms INTEGER;
  DROP INDEX chunks_below;
  CREATE INDEX chunks_short ON chunks (chunk_id) WHERE held < wanted;
  `,
  // Who wrote a version was in the log only.
  `
  ALTER TABLE nodes ADD COLUMN versions INTEGER;
  ALTER TABLE nodes ADD COLUMN version_days INTEGER;
  ALTER TABLE versions ADD COLUMN by_whom TEXT;
  ALTER TABLE versions ADD COLUMN old_number INTEGER;
  ALTER TABLE versions ADD COLUMN superseded_ms INTEGER;
  ALTER TABLE versions ADD COLUMN until_ms INTEGER;
  ALTER TABLE versions ADD COLUMN mode INTEGER;
  ALTER TABLE versions ADD COLUMN modified_ms INTEGER;
  CREATE INDEX versions_by_number ON versions (old_number) WHERE old_number IS NOT NULL;
  CREATE INDEX versions_by_end ON versions (until_ms, old_number) WHERE old_number IS NOT NULL;
  ALTER TABLE totals ADD COLUMN old_versions INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE totals ADD COLUMN old_bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE versions SET by_whom = told.by_whom
  FROM (
    SELECT unhex(json_extract(text, '$.versionId')) AS version_id,
      json_extract(text, '$.by') AS by_whom
    FROM log WHERE substr(text, 1, 20) = '{"kind":"write-file"'
  ) AS told
  WHERE versions.version_id = told.version_id;
  `,
  // Copies that an adopted version asks for stand below zero, in versions and in wants.
  `
  CREATE TABLE adoptions (
    seeder_id TEXT NOT NULL, source TEXT NOT NULL,
    manifest_digest TEXT NOT NULL, version_id BLOB NOT NULL CHECK (length(version_id) = 16),
    path TEXT NOT NULL, clash INTEGER NOT NULL, adopted_ms INTEGER NOT NULL,
    PRIMARY KEY (seeder_id, source)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX adoptions_clashing ON adoptions (seeder_id, source) WHERE clash = 1;
  ALTER TABLE holdings ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE chunks ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE chunks ADD COLUMN wanted_own INTEGER NOT NULL DEFAULT 0;
  UPDATE chunks SET wanted_own = wanted;
  DROP INDEX chunks_short;
  ALTER TABLE chunks ADD COLUMN lacking INTEGER NOT NULL
    GENERATED ALWAYS AS (max(wanted - held, wanted_own - (held - adopted))) VIRTUAL;
  CREATE INDEX chunks_short ON chunks (chunk_id) WHERE lacking > 0;
  `,
  `
  CREATE TABLE answers (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE CHECK (length(key) = 32), text TEXT NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE seeders ADD COLUMN standing TEXT NOT NULL DEFAULT 'member';
  ALTER TABLE seeders ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE seeders ADD COLUMN capacity_bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE seeders SET capacity_bytes = total_bytes;
  UPDATE seeders SET standing = 'draining' WHERE draining = 1;
  ALTER TABLE seeders DROP COLUMN draining;
  `,
  // What is held by then is only claimed, and sizes are those that will be told next.
  `
  ALTER TABLE holdings ADD COLUMN proved_ms INTEGER;
  ALTER TABLE chunks ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
  `,
  `ALTER TABLE holdings ADD COLUMN came_ms INTEGER NOT NULL DEFAULT 0;`,
];

/** Lists that a statement leaves for the next one; gone when the connection closes. */
const workspace = `
  CREATE TEMP TABLE doomed_nodes (node_id INTEGER PRIMARY KEY);
  CREATE TEMP TABLE doomed_versions (version_key INTEGER PRIMARY KEY);
  CREATE TEMP TABLE touched (
    chunk_key INTEGER NOT NULL, copies INTEGER NOT NULL, times INTEGER NOT NULL,
    PRIMARY KEY (chunk_key, copies)
  ) WITHOUT ROWID;
`;

/**
 * Makes the connection durable and its file a catalog of this version. Throws `config-corrupt` when
 * the file is damaged, another program's or a newer version's, `disk-unusable` when it cannot be
 * written.
 * @param layout that of an older program, for tests of what becomes of its files
 */
export function prepareSchema(connection: SqliteConnection, layout = migrations.length): void {
  const { path } = connection;
  refuseForeign(connection);
  const mode = connection.get("PRAGMA journal_mode = WAL")?.text("journal_mode");
  if (path !== ":memory:" && mode !== "wal") {
    throw new Fault("disk-unusable", `the catalog ${path}: no write-ahead log (${mode})`, {
      next: "put the tracker's disk on a local file system",
    });
  }
  connection.script("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  // Lists and undo records go to temporary files: removing a million names takes bounded memory.
  connection.script("PRAGMA temp_store = FILE; PRAGMA cache_size = -32768");
  if (path !== ":memory:") keepTemporariesBeside(connection);
  migrate(connection, layout);
  connection.script(workspace);
}

/**
 * The system's temporary folder may be read-only (a container) or memory. The runtime has started
 * SQLite before any environment variable of ours could tell it so; this deprecated pragma still
 * does.
 */
function keepTemporariesBeside(connection: SqliteConnection): void {
  const folder = connection.path.slice(0, Math.max(1, connection.path.lastIndexOf("/")));
  connection.script(`PRAGMA temp_store_directory = '${folder.replaceAll("'", "''")}'`);
}

function refuseForeign(connection: SqliteConnection): void {
  const { path } = connection;
  const bytes = pragma(connection, "page_count") * pragma(connection, "page_size");
  if (bytes > 0 && bytes <= checkedBytesMax) {
    const verdict = connection.get("PRAGMA quick_check(1)")?.text("quick_check");
    if (verdict !== "ok") throw new Fault("config-corrupt", `the catalog ${path}: ${verdict}`);
  }
  const tables = connection.get("SELECT count(*) AS count FROM sqlite_schema")?.integer("count");
  if (tables !== 0 && pragma(connection, "application_id") !== applicationId) {
    throw new Fault("config-corrupt", `${path} is a database of another program, not a catalog`);
  }
  const version = pragma(connection, "user_version");
  if (version > migrations.length) {
    throw new Fault(
      "config-corrupt",
      `the catalog ${path} was written by a newer program: it has table layout ${version}, ` +
        `this program knows layouts up to ${migrations.length}`,
      { next: "run the newer version of offshore" },
    );
  }
}

/** Whatever tables there are: the file is then as it was made. */
export function removeAllRows(connection: SqliteConnection): void {
  connection.script("PRAGMA defer_foreign_keys = ON");
  const tables = connection.all(
    `SELECT name FROM sqlite_schema
     WHERE type = 'table' AND name <> 'totals' AND substr(name, 1, 7) <> 'sqlite_'`,
  );
  for (const table of tables) connection.script(`DELETE FROM "${table.text("name")}"`);
  const sums = connection.all(
    "SELECT name FROM pragma_table_info('totals') WHERE name <> 'only'",
  );
  for (const sum of sums) connection.script(`UPDATE totals SET "${sum.text("name")}" = 0`);
}

function migrate(connection: SqliteConnection, layout: number): void {
  const first = pragma(connection, "user_version");
  migrations.slice(first, layout).forEach((sql, i) => {
    connection.begin("IMMEDIATE");
    try {
      connection.script(sql);
      connection.script(`PRAGMA user_version = ${first + i + 1}`);
      connection.script(`PRAGMA application_id = ${applicationId}`);
      connection.commit();
    } catch (error) {
      connection.rollback();
      throw error;
    }
  });
}

function pragma(connection: SqliteConnection, name: string): number {
  return connection.get(`PRAGMA ${name}`)?.integer(name) ?? 0;
}
