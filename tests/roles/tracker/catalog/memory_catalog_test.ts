/**
 * What only the memory engine has: data that outlives a crashed tracker, and its own order of
 * names.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  MemoryCatalogData,
  openMemoryCatalog,
} from "../../../../roles/tracker/catalog/memory_catalog.ts";
import { compareNames } from "../../../../roles/tracker/catalog/memory_tables.ts";
import { directory, logRow, observe, root } from "../../../conformance/catalog_rows.ts";

Deno.test("openMemoryCatalog undoes half a work of a crashed tracker", async () => {
  const data = new MemoryCatalogData();
  const crashed = openMemoryCatalog(data);
  await crashed.transaction(async (t) => {
    await t.putNode(root);
    await t.putNode(directory(2, 1, "kept"));
    await t.appendLog(logRow(1));
  });
  const before = await observe(crashed);
  const begun = Promise.withResolvers<void>();
  const resumed = Promise.withResolvers<void>();
  const zombie = crashed.transaction(async (t) => {
    await t.removeTree(2);
    await t.appendLog(logRow(2));
    begun.resolve();
    await resumed.promise;
    await t.putNode(directory(3, 1, "from the dead"));
  });
  await begun.promise;

  const fresh = openMemoryCatalog(data);
  assert.deepEqual(await observe(fresh), before);
  const working = fresh.transaction(async (t) => {
    await t.putNode(directory(3, 1, "new"));
    resumed.resolve();
    await assert.rejects(zombie, { code: "unavailable" });
    await t.appendLog(logRow(2));
  });
  await working;
  await crashed.close();
  await assert.rejects(crashed.transaction((t) => t.totals()), { code: "unavailable" });
  const names = await fresh.read((view) => view.children(1, undefined, 9));
  assert.deepEqual(names.map((row) => row.name), ["kept", "new"]);
});

Deno.test("compareNames orders as the UTF-8 bytes do", () => {
  const name = fc.string({ unit: "binary", maxLength: 6 });
  fc.assert(
    fc.property(name, name, (left, right) => {
      const bytes = [left, right].map((text) => new TextEncoder().encode(text).toHex());
      const [a = "", b = ""] = bytes;
      assert.equal(Math.sign(compareNames(left, right)), a < b ? -1 : a > b ? 1 : 0);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("MemoryCatalogData.image is what was committed, and goes its own way", async () => {
  const data = new MemoryCatalogData();
  const catalog = openMemoryCatalog(data);
  await catalog.transaction(async (t) => {
    await t.putNode(root);
    await t.putNode(directory(2, 1, "kept"));
    await t.appendLog(logRow(1));
  });
  const before = await observe(catalog);
  const image = data.image();
  assert.ok(image);
  await catalog.transaction(async (t) => {
    await t.removeTree(2);
    await t.appendLog(logRow(2));
    assert.equal(data.image(), undefined, "an image while a transaction had written");
  });
  const restored = openMemoryCatalog(image);
  assert.deepEqual(await observe(restored), before);
  await restored.transaction((t) => t.putNode(directory(3, 1, "later")));
  const names = await catalog.read((view) => view.children(1, undefined, 9));
  assert.deepEqual(names, []);
});
