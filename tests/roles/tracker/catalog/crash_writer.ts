/**
 * A process to be killed: writes one log row after another, 20 writers at a time, to the catalog
 * named on its command line, and prints the sequence of each row once its transaction was
 * acknowledged.
 */
import { openSqliteCatalog } from "../../../../roles/tracker/catalog/sqlite_catalog.ts";
import { logRow } from "../../../conformance/catalog_rows.ts";

const catalog = await openSqliteCatalog(Deno.args[0] ?? "");
await Promise.all(Array.from({ length: 20 }, async () => {
  for (;;) {
    const sequence = await catalog.transaction(async (t) => {
      const next = ((await t.logHead())?.sequence ?? 0) + 1;
      await t.appendLog(logRow(next));
      await t.putSetting("last", String(next));
      return next;
    });
    Deno.stdout.writeSync(new TextEncoder().encode(`${sequence}\n`));
  }
}));
