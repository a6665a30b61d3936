/** A catalog that tells of every operation once it is durable. */
import type { Catalog, LogRow } from "../catalog/catalog.ts";

/** The catalog, telling `heard` of the rows each transaction appended once it is durable. */
export function tellingCatalog(
  catalog: Catalog,
  heard: (rows: readonly LogRow[]) => void,
): Catalog {
  return {
    read: (work) => catalog.read(work),
    close: () => catalog.close(),
    transaction: async (work) => {
      const rows: LogRow[] = [];
      const result = await catalog.transaction((tx) => {
        rows.length = 0;
        const appendLog = async (row: LogRow) => {
          await tx.appendLog(row);
          rows.push(row);
        };
        return work(Object.create(tx, { appendLog: { value: appendLog } }));
      });
      if (rows.length > 0) heard(rows);
      return result;
    },
  };
}
