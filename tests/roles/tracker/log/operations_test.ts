/**
 * Whatever was done through the routes, replaying the log gives the same names, files and policies.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault, limits } from "../../../../protocol/mod.ts";
import type { Catalog, LogRow } from "../../../../roles/tracker/catalog/catalog.ts";
import { openMemoryCatalog } from "../../../../roles/tracker/catalog/memory_catalog.ts";
import { chainChecksum, replay } from "../../../../roles/tracker/log/operations.ts";
import { Operation } from "../../../../roles/tracker/log/operation.ts";
import {
  chunkOf,
  commitOf,
  namesOf,
  openOf,
  path,
  refusedWith,
  throwProblem,
  TrackerWorld,
} from "../tracker_world.ts";

const names = fc.constantFrom("a", "b", "c");
const places = fc.array(names, { minLength: 1, maxLength: 3 }).map((all) => `/${all.join("/")}`);

const steps = fc.oneof(
  fc.record({ do: fc.constant("mkdir"), at: places, parents: fc.boolean() }),
  fc.record({ do: fc.constant("link"), at: places, to: places, replace: fc.boolean() }),
  fc.record({ do: fc.constant("rm"), at: places, tree: fc.boolean() }),
  fc.record({ do: fc.constant("rm"), at: places, tree: fc.boolean(), now: fc.boolean() }),
  fc.record({ do: fc.constant("restore"), back: places, to: fc.option(places) }),
  fc.record({ do: fc.constant("empty"), purged: fc.nat(40) }),
  fc.record({ do: fc.constant("mv"), at: places, to: places, replace: fc.boolean() }),
  fc.record({ do: fc.constant("policy"), at: places, copies: fc.constantFrom(null, 1, 3) }),
  fc.record({
    do: fc.constant("policy"),
    at: fc.constantFrom("/", "/a"),
    copies: fc.constantFrom(undefined, 2),
    versions: fc.constantFrom(undefined, null, 0, 1, 2),
    versionDays: fc.constantFrom(undefined, null, 7),
  }),
  fc.record({ do: fc.constant("revert"), at: places, nth: fc.nat(4) }),
  fc.record({
    do: fc.constant("give up"),
    at: fc.constantFrom("/a", "/b", "/a/b"),
    given: fc.nat(),
  }),
  fc.record({ do: fc.constant("put"), at: places, chunks: fc.array(fc.nat(5), { maxLength: 3 }) }),
  fc.record({ do: fc.constant("put"), at: places, chunks: fc.array(fc.nat(5), { maxLength: 3 }) }),
  // Again and again to the same few names: these have a history.
  fc.record({
    do: fc.constant("put"),
    at: fc.constantFrom("/a", "/b"),
    chunks: fc.array(fc.nat(5), { maxLength: 2 }),
  }),
  fc.record({
    do: fc.constant("put"),
    at: fc.constantFrom("/a", "/b"),
    chunks: fc.array(fc.nat(5), { maxLength: 2 }),
  }),
);
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

async function carryOut(world: TrackerWorld, step: Step): Promise<void> {
  const { admin } = world;
  if ("back" in step) {
    const to = step.to === null ? {} : { to: path(step.to) };
    return void await admin.restore({ what: { path: path(step.back) }, ...to });
  }
  if ("purged" in step) return void await admin.emptyTrash({ trashIds: [step.purged + 1] });
  const at = path(step.at);
  if ("parents" in step) {
    await admin.makeDirectories({ paths: [at], parents: step.parents });
  } else if ("tree" in step) {
    const now = "now" in step ? { now: step.now } : {};
    await admin.remove({ path: at, what: step.tree ? "tree" : "file", ...now });
  } else if ("versions" in step) {
    const { copies, versions, versionDays } = step;
    await admin.setPolicy({
      path: at,
      ...(copies === undefined ? {} : { copies }),
      ...(versions === undefined ? {} : { versions }),
      ...(versionDays === undefined ? {} : { versionDays }),
    });
  } else if ("copies" in step) await admin.setPolicy({ path: at, copies: step.copies });
  else if ("nth" in step) {
    const { versions } = await admin.versions({ target: { path: at } });
    const version = versions[step.nth];
    if (version === undefined) return;
    await admin.revertFile({ path: at, versionId: version.versionId });
  } else if ("given" in step) await admin.emptyVersions({ path: at });
  else if ("chunks" in step) {
    const last = step.chunks.length - 1;
    const chunks = step.chunks.map((label, i) =>
      i < last ? chunkOf(label, limits.chunkBytesMin) : chunkOf(`last ${label}`, 100)
    );
    await world.upload(at, chunks);
  } else if (step.do === "link") {
    const link = { path: at, target: step.to, modifiedMs: 1, replace: step.replace };
    await admin.makeLinks({ links: [link] });
  } else await admin.move({ from: at, to: path(step.to), replace: step.replace });
}

Deno.test("replay of the log gives the tables that the live tracker has", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 40 }), async (all) => {
      const world = await TrackerWorld.open({ seeders: 3 });
      for (const step of all) {
        await carryOut(world, step).catch((error) => {
          assert(error instanceof Fault && error.code !== "internal", String(error));
        });
      }
      const copy = openMemoryCatalog();
      const count = await replay(world.catalog, copy);
      assert.deepEqual(await namesOf(copy), await namesOf(world.catalog));
      const [head, copied] = await Promise.all(
        [world.catalog, copy].map((catalog) => catalog.read((view) => view.logHead())),
      );
      assert.deepEqual(copied, head);
      assert.equal(head?.sequence, count);
    }),
    { numRuns: 60 },
  );
});

Deno.test("replay carries manifests of several pages", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const versionId = await uploadLarge(world, 2 * limits.manifestPageChunksMax + 5);
  const log = await world.catalog.read((view) => view.logAfter(0, 100));
  const kinds = log.map((row) => Operation.parse(JSON.parse(row.text)).kind);
  assert.deepEqual(kinds.slice(-3), ["manifest-page", "manifest-page", "write-file"]);
  const copy = openMemoryCatalog();
  await replay(world.catalog, copy);
  assert.deepEqual(await namesOf(copy), await namesOf(world.catalog));
  const entries = await copy.read((view) => view.manifest(versionId, 0, 10_000));
  assert.equal(entries.length, 2 * limits.manifestPageChunksMax + 5);
});

Deno.test("replay of a log from before versions were kept lets the replaced one go", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const first = await world.upload("/f", [chunkOf(1)]);
  const second = await world.upload("/f", [chunkOf(2)]);
  await world.admin.setPolicy({ path: "/", copies: 1, versions: 3 });
  let checksum: string | undefined;
  const rows = (await world.catalog.read((view) => view.logAfter(0, 100))).map((row) => {
    const { keeps: _k, versions: _v, ...as } = JSON.parse(row.text);
    const text = JSON.stringify(as);
    checksum = chainChecksum(checksum, text);
    return { ...row, text, checksum };
  });
  const copy = openMemoryCatalog();
  await replay(await catalogWith(rows), copy);
  await copy.read(async (view) => {
    assert.equal(await view.version(first), undefined);
    assert.equal((await view.version(second))?.old, undefined);
    assert.deepEqual(await view.oldVersionSums(), { versions: 0, fileBytes: 0 });
    const root = await view.node(1);
    assert.deepEqual([root?.copies, root?.versions], [1, undefined]);
  });
});

/** A file whose chunks are all the same, so that one copy of it is stored and the rest recorded. */
async function uploadLarge(world: TrackerWorld, count: number) {
  const uploadId = world.uploadId();
  await world.admin.openUploads({ uploads: [openOf(uploadId, "/large")] });
  const chunk = chunkOf("same", limits.chunkBytesMin);
  const receipts = await world.store(uploadId, chunk);
  const recorded = Array.from({ length: count }, (_, index) => ({
    ...chunk,
    index,
    receipts: index === 7 ? receipts : [],
  }));
  for (let from = 0; from < count; from += limits.batchItemsMax) {
    const chunks = recorded.slice(from, from + limits.batchItemsMax);
    const reply = await world.admin.recordChunks({
      chunks: chunks.map((each) => ({ ...each, uploadId })),
    });
    for (const result of reply.results) throwProblem(result);
  }
  const commit = commitOf(uploadId, recorded.map(() => chunk), []);
  const [result] = (await world.admin.commitUploads({ uploads: [commit] })).results;
  throwProblem(result);
  if (!result?.ok) throw new Error("not committed");
  return result.versionId;
}

/** A catalog whose log is `rows`. */
async function catalogWith(rows: readonly LogRow[]): Promise<Catalog> {
  const catalog = openMemoryCatalog();
  await catalog.transaction(async (tx) => {
    for (const row of rows) await tx.appendLog(row);
  });
  return catalog;
}

Deno.test("replay refuses a log that was damaged anywhere", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  await world.admin.makeDirectories({ paths: ["/a/b/c"], parents: true });
  const rows = await world.catalog.read((view) => view.logAfter(0, 100));
  await replay(await catalogWith(rows), openMemoryCatalog());
  for (const [i, row] of rows.entries()) {
    const other = rows.with(i, { ...row, text: row.text.replace("a", "x") });
    await refusedWith("config-corrupt", replay(await catalogWith(other), openMemoryCatalog()));
  }
  const text = '{"kind":"unheard-of"}';
  const head = rows.at(-1) as LogRow;
  const checksum = chainChecksum(head.checksum, text);
  const strange = [...rows, { ...head, sequence: head.sequence + 1, text, checksum }];
  await refusedWith("config-corrupt", replay(await catalogWith(strange), openMemoryCatalog()));
});

Deno.test("replay refuses an operation on a node that is not there", async () => {
  const text = JSON.stringify({ kind: "set-policy", nodeId: 9, copies: 2, by: "x" });
  const checksum = chainChecksum(undefined, text);
  const rows = [{ sequence: 1, epoch: 1, term: "1".repeat(16), timeMs: 1, text, checksum }];
  await refusedWith("config-corrupt", replay(await catalogWith(rows), openMemoryCatalog()));
});
