/**
 * What a snapshot must do with every engine: the lines of a catalog filled with every kind of row,
 * restored into an empty one of any engine, give the same lines again, and the same answers to
 * every question about what the log decides. That no table is forgotten is seen from `coverage`:
 * each way of writing a row that it names must have left rows in the snapshot of `filled`.
 */
import assert from "node:assert/strict";
import { ClusterId, limits, SecretKey, signRecord } from "../../protocol/mod.ts";
import { silentLog } from "../../roles/kit/log.ts";
import { seededRandom } from "../../roles/kit/random.ts";
import { linesOf } from "../../roles/kit/lines.ts";
import { SnapshotFolder } from "../../roles/kit/snapshot_folder.ts";
import { type Catalog, trashNodeId } from "../../roles/tracker/catalog/catalog.ts";
import { openMemoryCatalog } from "../../roles/tracker/catalog/memory_catalog.ts";
import { openSqliteCatalog } from "../../roles/tracker/catalog/sqlite_catalog.ts";
import {
  markOf,
  restoreSnapshot,
  writeSnapshot,
} from "../../roles/tracker/snapshots/snapshot_restore.ts";
import { coverage, tableNames } from "../../roles/tracker/snapshots/snapshot_rows.ts";
import { SimClock, Timeline } from "../simulation/machine/sim_clock.ts";
import { SimDisk } from "../simulation/machine/sim_disk.ts";
import {
  chunk,
  directory,
  file,
  link,
  observe,
  oldVersion,
  root,
  seeder,
  seederRow,
  trashRow,
  upload,
  uploadId,
  version,
  versionId,
} from "./catalog_rows.ts";

const clusterKey = SecretKey.parse("5".repeat(64));
const clusterId = ClusterId.parse("c".repeat(16));
const at = signRecord(clusterKey, {
  ...{ sequence: 41, epoch: 3, term: "1".repeat(16), timeMs: 99, text: '{"kind":"unknown here"}' },
  checksum: "e".repeat(64),
});
const parts = { clusterId, clusterKey, at };
const pause = () => Promise.resolve();

/** Every table, every kind of row, every column set and not set. */
async function filled(catalog: Catalog): Promise<void> {
  await catalog.transaction(async (t) => {
    await t.putNode({ ...root, copies: 3, versions: 4, versionDays: 5 });
    await t.putNode(directory(2, 1, "a"));
    await t.putNode({ ...directory(3, 2, 'Ünï\u{1f600}\n"\\'), copies: 2 });
    await t.putNode(link(4, 2, "l", "../a"));
    for (let i = 0; i < 1200; i++) {
      await t.putNode(file(10 + i, 3, `f${i}`, 1000 + i, versionId(i)));
      await t.putVersion(version(i, 10 + i, 1 + i % 3));
      if (i % 5 > 0) await t.putManifest(versionId(i), 0, [chunk(i), chunk(i + 1), chunk(i)]);
    }
    await t.putVersion(oldVersion(6000, 12, 50));
    await t.putManifest(versionId(6000), 0, [chunk(3)]);
    const many = Array.from({ length: 2 * limits.manifestPageChunksMax + 3 }, (_, i) => chunk(i));
    await t.putManifest(versionId(5), 0, many);
    await t.putNode(directory(5, trashNodeId, "7"));
    await t.putNode(file(6, 5, "gone", 1001, versionId(5000)));
    await t.putVersion(version(5000, 6, 2));
    await t.putTrash(trashRow(7, 5));
    await t.putNode(directory(9000, 1, "the highest, removed again"));
    await t.removeTree(9000);
    await t.putSeeder({ ...seederRow(1), standing: "draining", maintenanceUntilMs: 77 });
    await t.putSeeder({ ...seederRow(2), away: true, reconciledBootId: "boot" });
    for (const [i, source] of ["\u{ffff}", "b", "\u{1f600}"].entries()) {
      const told = { path: "/x", clash: i === 1, adoptedMs: 3, versionId: versionId(i) };
      const manifestDigest = version(i, 1, 1).manifestDigest;
      for (const  of of[seeder(2), seeder(1)]) {
        await t.putAdoption({ seederId: of, source, manifestDigest, ...told });
      }
    }
    await t.putVersion({ ...version(7000, 12, 2), adopted: true });
    await t.putManifest(versionId(7000), 0, [chunk(3), chunk(7000)]);
    for (const [i, source] of ["\u{ffff}", "b", "\u{1f600}"].entries()) {
      const told = { path: "/x", clash: i === 1, adoptedMs: 3, versionId: versionId(i) };
      const manifestDigest = version(i, 1, 1).manifestDigest;
      for (const  of of[seeder(2), seeder(1)]) {
        await t.putAdoption({ seederId: of, source, manifestDigest, ...told });
      }
    }
    await t.putVersion({ ...version(7000, 12, 2), adopted: true });
    await t.putManifest(versionId(7000), 0, [chunk(3), chunk(7000)]);
    await t.putSetting("healing-pace", "gentle");
    // Not of the log, and so not in a snapshot.
    await t.putSetting("setting 1", "one");
    await t.addHoldings(seeder(1), [chunk(1), chunk(2), chunk(900)]);
    await t.putUpload(upload(2, 5));
    await t.putUploadChunks(uploadId(2), [{ ...chunk(2), index: 4 }]);
  });
}

/** What of all that can be seen of a catalog a snapshot does not bring back. */
async function decided(catalog: Catalog): Promise<unknown> {
  const all = await observe(catalog) as Record<string, unknown>;
  const not = [
    "settings",
    "answer",
    "answers",
    "holders",
    "holdings",
    "summaries",
    "held",
    "short",
    "below",
    "uses",
  ]
    .concat("unreferenced", "least", "uploads", "uploadChunks", "uploadsEnded", "uploadCount")
    .concat("uploadTimes", "seeders", "logHead", "log", "copies", "unproved");
  return Object.fromEntries(Object.entries(all).filter(([name]) => !not.includes(name)));
}

function emptyFolder() {
  const disk = new SimDisk({ random: seededRandom(1), clock: new SimClock(new Timeline()) });
  disk.plantDirectory("/snapshots");
  return { disk, folder: new SnapshotFolder(disk, "/snapshots", silentLog) };
}

const engines = {
  memory: () => Promise.resolve(openMemoryCatalog()),
  sqlite: () => openSqliteCatalog(":memory:"),
};

for (const [from, openFrom] of Object.entries(engines)) {
  for (const [to, openTo] of Object.entries(engines)) {
    Deno.test(`a snapshot of the ${from} catalog restored into ${to} gives it again`, async () => {
      const source = await openFrom(), target = await openTo();
      await filled(source);
      const { disk } = emptyFolder();
      const path = "/snapshots/one";
      const mark = await writeSnapshot(source, parts, disk, path, pause);
      assert.deepEqual(await markOf(source, parts, pause), mark);
      const row = await restoreSnapshot(target, { disk, path }, mark, clusterKey, pause);
      assert.equal(row.sequence, 41);
      assert.deepEqual(await markOf(target, parts, pause), mark);
      assert.deepEqual(await decided(target), await decided(source));
      const { mac: _, ...head } = at;
      assert.deepEqual(await target.read((view) => view.logAfter(0, 9)), [head]);
      const pace = await target.read((view) => view.setting("healing-pace"));
      assert.equal(pace, "gentle");
      const [one, two] = await target.read((view) => view.seeders());
      const said = (number: number) => ({
        ...seederRow(number),
        ...{ totalBytes: 0, freeBytes: 0, usedBytes: 0 },
      });
      assert.deepEqual(
        [one, two],
        [{ ...said(1), standing: "draining", maintenanceUntilMs: 77 }, said(2)],
      );
      await source.close();
      await target.close();
    });
  }
}

Deno.test("a snapshot of both engines has the same bytes, and rows of every table", async () => {
  const written = [];
  for (const open of Object.values(engines)) {
    const catalog = await open();
    await filled(catalog);
    const { disk } = emptyFolder();
    await writeSnapshot(catalog, parts, disk, "/snapshots/one", pause);
    written.push(await Array.fromAsync(linesOf(disk, "/snapshots/one")));
    await catalog.close();
  }
  const [memory = [], sqlite] = written;
  assert.deepEqual(sqlite, memory);
  for (const name of tableNames) {
    assert.ok(memory.some((line) => line.slice(17).startsWith(`{"${name}":`)), name);
  }
  const covered = new Set(Object.values(coverage).filter((one) => typeof one === "string"));
  assert.deepEqual([...covered].sort(), [...tableNames].sort());
});

Deno.test("a restore that was broken off is begun again with the same end", async () => {
  for (const open of Object.values(engines)) {
    const source = await open(), target = await open();
    await filled(source);
    const { disk } = emptyFolder();
    const file = { disk, path: "/snapshots/one" };
    const mark = await writeSnapshot(source, parts, disk, file.path, pause);
    for (let pages = 1; pages < 6; pages++) {
      let left = pages;
      const cut = () => --left < 0 ? Promise.reject(new Error("cut off")) : Promise.resolve();
      await assert.rejects(restoreSnapshot(target, file, mark, clusterKey, cut));
      assert.equal(await target.read((view) => view.logHead()), undefined);
    }
    await restoreSnapshot(target, file, mark, clusterKey, pause);
    assert.deepEqual(await markOf(target, parts, pause), mark);
    await target.transaction((tx) => tx.reset());
    assert.deepEqual(await observe(target), await observe(await open()));
    await source.close();
    await target.close();
  }
});

Deno.test("a snapshot that was changed anywhere is not restored", async () => {
  const source = openMemoryCatalog();
  await source.transaction((t) => t.putNode(root));
  await source.transaction((t) => t.putNode(directory(2, 1, "a")));
  const { disk } = emptyFolder();
  const path = "/snapshots/one";
  const mark = await writeSnapshot(source, parts, disk, path, pause);
  const whole = disk.peek(path) ?? new Uint8Array();
  for (let i = 0; i < whole.length; i += 7) {
    const changed = whole.slice();
    changed[i]! ^= 1;
    disk.uproot("/snapshots/two");
    const file = await disk.open("/snapshots/two", "create");
    await file.write(i % 2 === 0 ? changed : whole.slice(0, i), 0);
    file.close();
    const damaged = { disk, path: "/snapshots/two" };
    const target = openMemoryCatalog();
    await assert.rejects(restoreSnapshot(target, damaged, mark, clusterKey, pause));
    assert.equal(await target.read((view) => view.logHead()), undefined);
  }
  const other = SecretKey.parse("6".repeat(64));
  const target = openMemoryCatalog();
  await assert.rejects(restoreSnapshot(target, { disk, path }, mark, other, pause));
});
