/**
 * What only the SQLite engine has: files that may be bad, disks that fill up, commits that fail.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Fault, type FaultCode } from "../../../../protocol/mod.ts";
import type { Catalog } from "../../../../roles/tracker/catalog/catalog.ts";
import {
  openSqliteCatalog,
  SqliteCatalog,
} from "../../../../roles/tracker/catalog/sqlite_catalog.ts";
import { SqliteConnection } from "../../../../roles/tracker/catalog/sqlite_connection.ts";
import { prepareSchema } from "../../../../roles/tracker/catalog/sqlite_schema.ts";
import { SqliteWrites } from "../../../../roles/tracker/catalog/sqlite_writes.ts";
import {
  chunk,
  directory,
  file,
  logRow,
  oldVersion,
  root,
  seeder,
  upload,
  uploadId,
  version,
  versionId,
} from "../../../conformance/catalog_rows.ts";

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "offshore-catalog-" });
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function isFault(code: FaultCode, text: string | RegExp = ""): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code);
    assert.match(`${error.message} ${error.next}`, new RegExp(text));
    return true;
  };
}

Deno.test("openSqliteCatalog refuses a file that is no database, and leaves it alone", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/catalog.db`;
    const text = "these are somebody's notes\n".repeat(100);
    await Deno.writeTextFile(path, text);
    await assert.rejects(openSqliteCatalog(path), isFault("config-corrupt", path));
    assert.equal(await Deno.readTextFile(path), text);
  }));

Deno.test("openSqliteCatalog refuses another program's database, and leaves it alone", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/catalog.db`;
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE recipes (name TEXT)");
    other.close();
    const before = await Deno.readFile(path);
    await assert.rejects(openSqliteCatalog(path), isFault("config-corrupt", "another program"));
    assert.deepEqual(await Deno.readFile(path), before);
  }));

Deno.test("openSqliteCatalog refuses a damaged catalog wherever the damage is", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/catalog.db`;
    const catalog = await openSqliteCatalog(path);
    await fill(catalog, 500);
    await catalog.close();
    const whole = await Deno.readFile(path);
    for (const page of [2, 5, Math.floor(whole.length / 4096) - 1]) {
      await Deno.writeFile(path, whole.slice().fill(0xa5, page * 4096 - 4096));
      await assert.rejects(openSqliteCatalog(path), isFault("config-corrupt", path));
    }
    await Deno.writeFile(path, whole.subarray(0, whole.length / 2));
    await assert.rejects(openSqliteCatalog(path), isFault("config-corrupt", path));
    await Deno.writeFile(path, whole);
    const again = await openSqliteCatalog(path);
    assert.equal((await again.read((view) => view.logHead()))?.sequence, 500);
    await again.close();
  }));

Deno.test("openSqliteCatalog refuses a newer table layout and says to run the newer program", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/catalog.db`;
    await (await openSqliteCatalog(path)).close();
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    database.close();
    await assert.rejects(openSqliteCatalog(path), isFault("config-corrupt", "layout 99.*newer"));
  }));

Deno.test("a catalog from before versions were kept is brought up to date, with who wrote", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/catalog.db`;
    const connection = new SqliteConnection(path, false);
    prepareSchema(connection, 5);
    const { versionId: written } = version(1, 5, 2), { versionId: unknown } = version(2, 5, 2);
    const operation = { kind: "write-file", versionId: written, by: "someone" };
    connection.script(`
      INSERT INTO nodes VALUES (1, 1, '', 'directory', 493, 5, 0, NULL, NULL, 3);
      INSERT INTO versions VALUES (1, x'${written}', 5, 1, 1048576, 1, 'digest', 2, 11);
      INSERT INTO versions VALUES (2, x'${unknown}', 6, 2, 1048576, 1, 'digest', 2, 12);
      INSERT INTO log VALUES (1, 1, '', 9, '{"kind":"make-directory"}', ''),
        (2, 1, '', 9, '${JSON.stringify(operation)}', '');
    `);
    connection.close();
    const catalog = await openSqliteCatalog(path);
    await catalog.read(async (view) => {
      const [known, other] = await view.versionsAfter(undefined, 9);
      const both = new Map([known, other].map((row) => [row?.versionId, row]));
      assert.deepEqual([both.get(written)?.by, both.get(written)?.createdMs], ["someone", 11]);
      assert.deepEqual([both.get(unknown)?.by, both.get(unknown)?.old], [undefined, undefined]);
      assert.deepEqual(await view.node(1), { ...root, copies: 3 });
      assert.deepEqual(await view.oldVersionSums(), { versions: 0, fileBytes: 0 });
    });
    const old = { number: 3, supersededMs: 13, untilMs: 14, mode: 0o600, modifiedMs: 15 };
    await catalog.transaction(async (t) => {
      const row = await t.version(unknown);
      if (row !== undefined) await t.putVersion({ ...row, old });
    });
    const kept = await catalog.read((view) => view.oldVersionsOf(6));
    assert.deepEqual(kept.map((row) => row.old), [old]);
    await catalog.close();
  }));

Deno.test("openSqliteCatalog names a place that cannot be written", () =>
  inDirectory(async (directory) => {
    for (const path of [directory, `${directory}/missing/catalog.db`, "/proc/catalog.db"]) {
      await assert.rejects(openSqliteCatalog(path), isFault("disk-unusable", path));
    }
  }));

Deno.test("a transaction meets a full disk with disk-full, and the catalog stays usable", () =>
  inDirectory(async (directory) => {
    const { catalog, writer } = openParts(`${directory}/catalog.db`);
    await fill(catalog, 20);
    const pages = writer.get("PRAGMA page_count")?.integer("page_count") ?? 0;
    writer.script(`PRAGMA max_page_count = ${pages + 5}`);
    const outcomes = await Promise.allSettled([
      catalog.transaction((t) => t.putSetting("small", "before")),
      catalog.transaction((t) => t.putSetting("large", "x".repeat(1 << 20))),
      catalog.transaction((t) => t.putSetting("small", "after")),
    ]);
    const large = outcomes[1];
    assert.equal(large?.status, "rejected");
    if (large?.status === "rejected") isFault("disk-full", "catalog.db")(large.reason);
    // What was told of each work is what is there: no half, nothing lost, nothing unsaid.
    const kept = outcomes[2]?.status === "fulfilled"
      ? "after"
      : outcomes[0]?.status === "fulfilled"
      ? "before"
      : undefined;
    await catalog.read(async (view) => {
      assert.equal(await view.setting("large"), undefined);
      assert.equal(await view.setting("small"), kept);
      assert.equal((await view.logHead())?.sequence, 20);
    });
    assert.equal((await catalog.transaction((t) => t.removeTree(2))).directories, 1);
    writer.script("PRAGMA max_page_count = 100000");
    await catalog.transaction((t) => t.putSetting("large", "x".repeat(1 << 20)));
    await catalog.close();
  }));

Deno.test("a commit that fails takes every work of its group back and tells each of them", () =>
  inDirectory(async (directory) => {
    for (const [errcode, code] of [[13, "disk-full"], [1034, "disk-failed"]] as const) {
      const path = `${directory}/${code}.db`;
      const { catalog, writer } = openParts(path);
      writer.failNextCommit(errcode);
      const works = Array.from({ length: 5 }, (_, i) =>
        catalog.transaction(async (t) => {
          await t.putSetting(`setting ${i}`, "lost");
          if (i === 3) throw new Error("its own trouble");
        }));
      for (const outcome of await Promise.allSettled(works)) {
        assert.equal(outcome.status, "rejected");
        if (outcome.status === "rejected") isFault(code, path)(outcome.reason);
      }
      assert.equal(await catalog.read((view) => view.setting("setting 0")), undefined);
      await catalog.transaction((t) => t.putSetting("setting 0", "kept"));
      assert.equal(await catalog.read((view) => view.setting("setting 0")), "kept");
      await catalog.close();
    }
  }));

Deno.test("works that wait together share a commit", () =>
  inDirectory(async (directory) => {
    const { catalog, writer } = openParts(`${directory}/catalog.db`);
    const before = writer.commits;
    await Promise.all(Array.from({ length: 100 }, (_, i) =>
      catalog.transaction((t) =>
        t.putSetting(`setting ${i}`, "x")
      )));
    assert.equal(writer.commits - before, 1);
    await catalog.close();
  }));

Deno.test("a second process that writes is told of as disk-locked", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/catalog.db`;
    const catalog = await openSqliteCatalog(path);
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const refused = catalog.transaction((t) => t.putSetting("a", "b"));
    await assert.rejects(refused, isFault("disk-locked"));
    await catalog.read((view) => view.totals());
    other.close();
    await catalog.transaction((t) => t.putSetting("a", "b"));
    await catalog.close();
  }));

Deno.test("a seeder with few of many chunks is listed in order as well", async () => {
  const catalog = await openSqliteCatalog(":memory:");
  await catalog.transaction(async (t) => {
    const many = Array.from({ length: 400 }, (_, i) => chunk(i));
    await t.addHoldings(seeder(1), many);
    await t.addHoldings(seeder(2), many.filter((_, i) => i % 40 === 7));
  });
  await catalog.read(async (view) => {
    const few = await view.holdingsOf(seeder(2), undefined, 99);
    assert.equal(few.length, 10);
    assert.deepEqual(few, few.toSorted((a, b) => a.chunkId < b.chunkId ? -1 : 1));
    assert.deepEqual(await view.holdingsOf(seeder(2), few[3]?.chunkId, 2), few.slice(4, 6));
    assert.equal((await view.holdingsOf(seeder(1), undefined, 999)).length, 400);
  });
  await catalog.close();
});

/** Remembers what it was asked. */
class AskedConnection extends SqliteConnection {
  readonly statements = new Set<string>();

  override get(...asked: Parameters<SqliteConnection["get"]>) {
    this.statements.add(asked[0]);
    return super.get(...asked);
  }

  override all(...asked: Parameters<SqliteConnection["all"]>) {
    this.statements.add(asked[0]);
    return super.all(...asked);
  }

  override run(...asked: Parameters<SqliteConnection["run"]>) {
    this.statements.add(asked[0]);
    return super.run(...asked);
  }
}

Deno.test("overwriting, reverting, removing and sweeping walk over no table that grows", () => {
  const connection = new AskedConnection(":memory:", false);
  prepareSchema(connection);
  connection.statements.clear();
  const tables = new SqliteWrites(connection);
  for (const number of [1, 2]) {
    tables.putUpload(upload(number, 9));
    tables.putUploadChunks(uploadId(number), [{ ...chunk(number), index: 0 }]);
    tables.putManifest(versionId(number), 0, [chunk(number), chunk(3)]);
    tables.putVersion(version(number, 5, 2));
    tables.putNode(file(5, 1, "f", 10, versionId(number)));
    tables.addHoldings(seeder(number), [chunk(number), chunk(3)]);
    tables.removeUpload(uploadId(number));
  }
  tables.putVersion(oldVersion(1, 5, 2));
  tables.oldVersionsOf(5);
  tables.oldVersions(undefined, 9);
  tables.oldVersionsEnded(9, 9);
  tables.oldVersionSums();
  tables.removeVersion(versionId(1));
  tables.removeHoldings(seeder(1), [chunk(1).chunkId]);
  tables.shortChunks(undefined, 9);
  tables.unreferenced(undefined, 9);
  tables.removeTree(5);
  const grows = /^SCAN (nodes|versions|chunks|wants|manifest_chunks|holdings|upload_chunks|log)$/;
  const walks = [...connection.statements].flatMap((sql) => {
    const plan = connection.all(`EXPLAIN QUERY PLAN ${sql}`).map((row) => row.text("detail"));
    return plan.filter((step) => grows.test(step)).map((step) => `${step}: ${sql}`);
  });
  assert.deepEqual(walks, []);
  connection.close();
});

Deno.test("a chunk's row goes with the last that refers to it", () =>
  inDirectory(async (directory) => {
    const { catalog, writer } = openParts(`${directory}/catalog.db`);
    const rows = (table: string) =>
      writer.get(`SELECT count(*) AS count FROM ${table}`)?.integer("count");
    await catalog.transaction(async (t) => {
      await t.putVersion(version(1, 5, 2));
      await t.putManifest(versionId(1), 0, [chunk(1), chunk(2), chunk(1)]);
      await t.putManifest(versionId(1), 1, [chunk(3)]);
      await t.addHoldings(seeder(1), [chunk(1), chunk(4)]);
      await t.putUploadChunks(uploadId(1), [{ ...chunk(1), index: 0 }, { ...chunk(5), index: 1 }]);
      await t.putUploadChunks(uploadId(1), [{ ...chunk(6), index: 1 }]);
    });
    assert.equal(rows("chunks"), 4);
    await catalog.transaction((t) => t.removeVersion(versionId(1)));
    assert.equal(rows("chunks"), 3);
    assert.equal(rows("wants"), 0);
    await catalog.transaction((t) => t.removeUpload(uploadId(1)));
    assert.equal(rows("chunks"), 2);
    await catalog.transaction((t) =>
      t.removeHoldings(seeder(1), [chunk(1).chunkId, chunk(4).chunkId])
    );
    assert.equal(rows("chunks"), 0);
    await catalog.close();
  }));

/** Counts commits, and lets one fail as a disk would. */
class WatchedConnection extends SqliteConnection {
  commits = 0;
  #errcode: number | undefined;

  failNextCommit(errcode: number): void {
    this.#errcode = errcode;
  }

  override commit(): void {
    this.commits++;
    const errcode = this.#errcode;
    this.#errcode = undefined;
    if (errcode === undefined) return super.commit();
    this.guarded(() => {
      throw Object.assign(new Error("the disk says no"), { errcode });
    });
  }
}

function openParts(path: string): { catalog: Catalog; writer: WatchedConnection } {
  const writer = new WatchedConnection(path, false);
  prepareSchema(writer);
  return { catalog: new SqliteCatalog(writer, new SqliteConnection(path, true)), writer };
}

async function fill(catalog: Catalog, rows: number): Promise<void> {
  await catalog.transaction(async (t) => {
    await t.putNode(root);
    for (let i = 1; i <= rows; i++) {
      await t.putNode(directory(i + 1, 1, `directory ${i}`));
      await t.appendLog(logRow(i));
      await t.addHoldings(seeder(i % 3), [chunk(i)]);
    }
  });
}
