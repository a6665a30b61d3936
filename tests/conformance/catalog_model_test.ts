/**
 * Random histories on the memory engine and the SQLite engine side by side: after every
 * transaction, kept or taken back, all that can be seen of the two is the same. The memory engine
 * is simple enough to be the model; that both are right is what `catalog_suite.ts` checks.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Catalog,
  type CatalogTransaction,
  trashNodeId,
} from "../../roles/tracker/catalog/catalog.ts";
import { openMemoryCatalog } from "../../roles/tracker/catalog/memory_catalog.ts";
import { openSqliteCatalog } from "../../roles/tracker/catalog/sqlite_catalog.ts";
import {
  adoption,
  chunk,
  directory,
  file,
  link,
  logRow,
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

/** One step of a transaction; answers what the catalog answered. */
type Step = (t: CatalogTransaction) => Promise<unknown>;

const number = fc.nat(19);
const entry = fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 3 }))
  .map(([chunkNumber, size]) => chunk(chunkNumber, size));
const entries = fc.array(entry, { maxLength: 8 });
const name = fc.constantFrom("a", "b", "é", "\u{ffff}", "\u{1f600}");
const copies = fc.integer({ min: 1, max: 4 });

/** Keeps what the callers of a catalog keep: parents are there, no loops, one node for a name. */
const putNode = fc.record({
  nodeId: fc.integer({ min: 2, max: 19 }),
  parent: fc.nat(),
  name,
  kind: fc.constantFrom("directory", "file", "link"),
  size: fc.nat(50),
}).map((input): Step => async (t) => {
  const parentId = 1 + input.parent % (input.nodeId - 1);
  const namesake = await t.child(parentId, input.name);
  if (await t.node(parentId) === undefined) return;
  if (namesake !== undefined && namesake.nodeId !== input.nodeId) return;
  await t.putNode(
    input.kind === "directory"
      ? directory(input.nodeId, parentId, input.name)
      : input.kind === "link"
      ? link(input.nodeId, parentId, input.name, "x".repeat(input.size))
      : file(input.nodeId, parentId, input.name, input.size, versionId(input.size)),
  );
});

const putVersion = fc.record({
  ...{ number, nodeId: number, copies, entries, first: fc.boolean(), adopted: fc.boolean() },
})
  .map((input): Step => async (t) => {
    const sent = version(input.number, input.nodeId, input.copies);
    const row = input.adopted ? { ...sent, adopted: true as const } : sent;
    if (!input.first) await t.putVersion(row);
    await t.putManifest(row.versionId, 0, input.entries);
    if (input.first) await t.putVersion(row);
  });

/** It becomes an old version, or is the current one again. */
const supersede = fc.record({ number, untilMs: number, old: fc.boolean() })
  .map((input): Step => async (t) => {
    const row = await t.version(versionId(input.number));
    if (row === undefined) return;
    const { old } = oldVersion(input.number, row.nodeId, input.untilMs);
    const { old: _, ...rest } = row;
    await t.putVersion(input.old ? { ...rest, old } : rest);
  });

const putManifest = fc.tuple(number, fc.nat(9), entries)
  .map(([of, from, rows]): Step => async (t) => {
    if (await t.version(versionId(of)) !== undefined) {
      await t.putManifest(versionId(of), from, rows);
    }
  });

/** As the tracker does it: the node goes below the trash under the number of its entry. */
const moveToTrash = fc.tuple(number, fc.nat(9)).map(([nodeId, of]): Step => async (t) => {
  const node = await t.node(nodeId);
  if (node === undefined || nodeId === 1) return;
  const namesake = await t.child(trashNodeId, String(of));
  if (namesake !== undefined && namesake.nodeId !== nodeId) return;
  await t.putTrash(trashRow(of, nodeId));
  await t.putNode({ ...node, parentId: trashNodeId, name: String(of) });
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: putNode },
  { weight: 3, arbitrary: putVersion },
  { weight: 2, arbitrary: supersede },
  putManifest,
  number.map((nodeId): Step => (t) => t.removeTree(nodeId)),
  moveToTrash,
  fc.nat(9).map((of): Step => (t) => t.removeTrash(of)),
  number.map((of): Step => (t) => t.removeVersion(versionId(of))),
  fc.tuple(fc.nat(3), entries).map(([of, rows]): Step => (t) => t.addHoldings(seeder(of), rows)),
  fc.tuple(fc.nat(3), entries).map(([of, rows]): Step => (t) =>
    t.addHoldings(seeder(of), rows.map((row) => ({ ...row, adopted: true })))
  ),
  fc.tuple(fc.nat(3), entries, fc.nat(9)).map(([of, rows, provedMs]): Step => (t) =>
    t.addHoldings(seeder(of), rows.map((row) => ({ ...row, provedMs })))
  ),
  fc.tuple(fc.nat(3), number, fc.boolean()).map(([of, which, clash]): Step => (t) =>
    t.putAdoption(adoption(of, which, clash))
  ),
  fc.nat(3).map((of): Step => (t) => t.removeAdoptions(seeder(of))),
  fc.tuple(fc.nat(3), entries).map(([of, rows]): Step => (t) =>
    t.removeHoldings(seeder(of), rows.map((row) => row.chunkId))
  ),
  fc.tuple(number, fc.nat(20)).map(([of, ends]): Step => (t) => t.putUpload(upload(of, ends))),
  fc.tuple(fc.nat(3), fc.nat(5), entries).map(([of, from, rows]): Step => (t) =>
    t.putUploadChunks(uploadId(of), rows.map((row, i) => ({ ...row, index: from + 2 * i })))
  ),
  fc.nat(3).map((of): Step => (t) => t.removeUpload(uploadId(of))),
  fc.tuple(number, fc.boolean()).map(([of, away]): Step => (t) =>
    t.putSeeder({ ...seederRow(of), away })
  ),
  number.map((of): Step => (t) => t.putSetting(`setting ${of % 3}`, String(of))),
  fc.constant<Step>(async (t) => {
    const head = await t.logHead();
    await t.appendLog(logRow((head?.sequence ?? 0) + 1));
  }),
);

const work = fc.record({
  steps: fc.array(step, { maxLength: 12 }),
  /** Whether the transaction ends well; one in four is taken back. */
  kept: fc.nat(3).map((die) => die > 0),
});

async function carryOut(engine: Catalog, steps: readonly Step[], kept: boolean): Promise<unknown> {
  const answers: unknown[] = [];
  await engine.transaction(async (t) => {
    for (const step of steps) answers.push(await step(t));
    if (!kept) throw takenBack;
  }).catch((error) => {
    if (error !== takenBack) throw error;
  });
  return answers;
}

const takenBack = new Error("taken back");

Deno.test("memory and sqlite catalogs look the same after any history", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(work, { maxLength: 6 }), async (works) => {
      const engines = [openMemoryCatalog(), await openSqliteCatalog(":memory:")];
      try {
        for (const engine of engines) await engine.transaction((t) => t.putNode(root));
        for (const { steps, kept } of works) {
          const answers = await Promise.all(engines.map((engine) => carryOut(engine, steps, kept)));
          assert.deepEqual(answers[0], answers[1]);
          const states = await Promise.all(engines.map(observe));
          assert.deepEqual(states[0], states[1]);
        }
      } finally {
        for (const engine of engines) await engine.close();
      }
    }),
    { numRuns: 150 },
  );
});
