/** The conformance suite on every engine, and random histories on two engines side by side. */
import {
  MemoryCatalogData,
  openMemoryCatalog,
} from "../../roles/tracker/catalog/memory_catalog.ts";
import { openSqliteCatalog } from "../../roles/tracker/catalog/sqlite_catalog.ts";
import type { Catalog } from "../../roles/tracker/catalog/catalog.ts";
import { catalogSuite, type CatalogUnderTest } from "./catalog_suite.ts";

/** A catalog that `open` finds again each time, closed between. */
async function reopened(
  open: () => Promise<Catalog>,
  remove: () => Promise<void>,
): Promise<CatalogUnderTest> {
  let catalog = await open();
  return {
    catalog,
    reopen: async () => {
      await catalog.close();
      return catalog = await open();
    },
    dispose: async () => {
      await catalog.close();
      await remove();
    },
  };
}

catalogSuite("memory catalog", () => {
  const data = new MemoryCatalogData();
  return reopened(() => Promise.resolve(openMemoryCatalog(data)), () => Promise.resolve());
});

catalogSuite("sqlite catalog in memory", async () => {
  const catalog = await openSqliteCatalog(":memory:");
  return { catalog, dispose: () => catalog.close() };
});

catalogSuite("sqlite catalog in a file", async () => {
  const directory = await Deno.makeTempDir({ prefix: "offshore-catalog-" });
  return await reopened(
    () => openSqliteCatalog(`${directory}/catalog.db`),
    () => Deno.remove(directory, { recursive: true }),
  );
});
