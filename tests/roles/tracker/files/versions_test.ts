/** An overwrite keeps what was there: it can be read, become current again, grow old and go. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { limits, type VersionId } from "../../../../protocol/mod.ts";
import { chunkOf, refusedWith, TrackerWorld } from "../tracker_world.ts";

async function withFile() {
  const world = await TrackerWorld.open({ seeders: 2 });
  const { admin } = world;
  await admin.makeDirectories({ paths: ["/d"], parents: false });
  const write = (label: number, path = "/d/f") => world.upload(path, [chunkOf(label, 10 * label)]);
  const ids = async (path = "/d/f") =>
    (await admin.versions({ target: { path } })).versions.map(({ versionId }) => versionId);
  return { world, admin, write, ids };
}

const dayMs = 86_400_000;

Deno.test("an overwrite keeps the version before, which can be read by its id", async () => {
  const { world, admin, write, ids } = await withFile();
  const first = await write(1);
  const second = await write(2);
  assert.deepEqual(await ids(), [second, first]);
  const { versions, nowMs } = await admin.versions({ target: { path: "/d/f" } });
  const by = versions[0]?.by;
  assert(by !== undefined);
  assert.deepEqual(versions[1], {
    versionId: first,
    current: false,
    sizeBytes: 10,
    createdMs: nowMs,
    modifiedMs: 5,
    mode: 0o640,
    by,
    supersededMs: nowMs,
    keptUntilMs: nowMs + limits.versionDaysDefault * dayMs,
  });
  assert.deepEqual((await admin.versions({ target: { versionId: first } })).path, "/d/f");
  const located = await admin.locate({
    targets: [{ versionId: first }, { path: "/d/f" }],
    fromChunk: 0,
    chunksMax: 10,
  });
  const chunks = located.results.map((result) => result.ok ? result.file.chunks : []);
  assert.deepEqual(
    chunks.map(([one]) => one?.chunkId),
    [1, 2].map((label) => chunkOf(label).chunkId),
  );
  assert.equal(chunks[0]?.[0]?.holders.length, 2);
  const old = await admin.stat({ target: { versionId: first }, follow: true });
  assert.deepEqual([old.versionId, old.sizeBytes, old.supersededMs], [first, 10, nowMs]);
  const now = await admin.stat({ target: { path: "/d/f" }, follow: true });
  assert.deepEqual([now.versionId, now.sizeBytes, now.supersededMs], [second, 20, undefined]);
  assert.equal(now.oldVersions, 1);
  // Sums speak of what is current; old versions have a line of their own.
  const status = await admin.status({});
  assert.deepEqual([status.files, status.fileBytes, status.chunks], [1, 20, 2]);
  assert.deepEqual([status.oldVersions.versions, status.oldVersions.fileBytes], [1, 10]);
  assert.equal(status.oldVersions.bytesMax, Math.floor(2 * 2 ** 40 * 0.1 / 2));
  assert.equal((await admin.usage({ path: "/" })).fileBytes, 20);
  assert.deepEqual(await unreferenced(world), []);
});

async function unreferenced(world: TrackerWorld) {
  const chunks = await world.catalog.read((view) => view.unreferenced(undefined, 100));
  return chunks.map(({ sizeBytes }) => sizeBytes).sort((a, b) => a - b);
}

Deno.test("the same bytes again keep no version, and nothing is lost with it", async () => {
  const { admin, write, ids } = await withFile();
  await write(1);
  const again = await write(1);
  assert.deepEqual(await ids(), [again]);
  assert.equal((await admin.status({})).oldVersions.versions, 0);
});

Deno.test("a policy says how many and for how long, is inherited, and parts are set alone", async () => {
  const { world, admin, write, ids } = await withFile();
  const policy = { versions: limits.versionsDefault, versionDays: limits.versionDaysDefault };
  const reply = await admin.setPolicy({ path: "/", copies: 1 });
  assert.deepEqual(reply, { copies: 1, ...policy });
  assert.deepEqual(await admin.setPolicy({ path: "/d", versions: 2 }), {
    copies: 1,
    versions: 2,
    versionDays: 30,
  });
  await admin.setPolicy({ path: "/", versionDays: 7 });
  const { keeps } = await admin.stat({ target: { path: "/d" }, follow: true });
  assert.deepEqual(keeps, { versions: 2, versionDays: 7 });

  const written: VersionId[] = [];
  for (const label of [1, 2, 3, 4, 5]) written.unshift(await write(label));
  assert.deepEqual(await ids(), written.slice(0, 3));
  assert.deepEqual(await unreferenced(world), [10, 20], "beyond the number");
  const { versions, nowMs } = await admin.versions({ target: { path: "/d/f" } });
  assert.equal(versions[1]?.keptUntilMs, nowMs + 7 * dayMs);

  await admin.setPolicy({ path: "/d", versions: 0 });
  assert.equal((await ids()).length, 3, "what is kept already stays");
  const last = await write(6);
  assert.deepEqual(await ids(), [last]);
  assert.deepEqual(await admin.setPolicy({ path: "/d", versions: null, copies: null }), {
    copies: 1,
    versions: limits.versionsDefault,
    versionDays: 7,
  });
  await refusedWith("invalid-request", admin.setPolicy({ path: "/d", versions: 501 }));
  await refusedWith("invalid-request", admin.setPolicy({ path: "/d", versionDays: 0 }));
});

Deno.test("revert makes an older version current and keeps the present one; asked again, it is so", async () => {
  const { admin, write, ids } = await withFile();
  const [first, second, third] = [await write(1), await write(2), await write(3)];
  const before = (await admin.status({})).logSequence;
  const request = { path: "/d/f", versionId: first, current: third };
  const reply = await admin.revertFile(request);
  assert.deepEqual([reply.versionId, reply.sizeBytes, reply.before?.versionId], [first, 10, third]);
  assert.equal((await admin.status({})).logSequence, before + 1, "one operation, no byte copied");
  assert.deepEqual(await ids(), [first, third, second]);
  const stat = await admin.stat({ target: { path: "/d/f" }, follow: true });
  assert.deepEqual([stat.versionId, stat.sizeBytes, stat.copiesLeast], [first, 10, 2]);
  assert.equal((await admin.revertFile(request)).before, undefined);
  assert.deepEqual(await ids(), [first, third, second]);
  assert.equal((await admin.usage({ path: "/" })).fileBytes, 10);

  const conflict = { path: "/d/f", versionId: second, current: third };
  await refusedWith("version-conflict", admin.revertFile(conflict));
  const other = await write(9, "/other");
  await refusedWith("not-found", admin.revertFile({ path: "/d/f", versionId: other }));
  await refusedWith("not-found", admin.revertFile({ path: "/none", versionId: first }));
  await refusedWith("is-a-directory", admin.revertFile({ path: "/d", versionId: first }));
});

Deno.test("versions follow their file: moved, removed, restored, purged", async () => {
  const { world, admin, write, ids } = await withFile();
  const [first, second] = [await write(1), await write(2)];
  await admin.move({ from: "/d/f", to: "/g", replace: false });
  assert.deepEqual(await ids("/g"), [second, first]);
  await admin.remove({ path: "/g", what: "file" });
  assert.equal((await admin.stat({ target: { versionId: first }, follow: true })).path, "/g");
  assert.deepEqual((await admin.trash({})).entries.map(({ fileBytes }) => fileBytes), [20]);
  assert.deepEqual((await admin.status({})).oldVersions.versions, 1);
  await admin.restore({ what: { path: "/g" } });
  assert.deepEqual(await ids("/g"), [second, first]);
  // A file that a move replaces goes into the trash, its versions with it.
  const third = await write(3, "/h");
  await admin.move({ from: "/h", to: "/g", replace: true });
  assert.deepEqual(await ids("/g"), [third]);
  await admin.emptyTrash({ trashIds: "all" });
  assert.equal((await admin.status({})).oldVersions.versions, 0);
  await refusedWith("not-found", admin.stat({ target: { versionId: first }, follow: true }));
  assert.deepEqual(await unreferenced(world), [10, 20]);
});

Deno.test("versions empty gives up those of a file, of a tree, of all with the trash", async () => {
  const { world, admin, write, ids } = await withFile();
  for (const label of [1, 2, 3]) await write(label);
  for (const label of [4, 5]) await write(label, "/d/g");
  for (const label of [6, 7]) await write(label, "/top");
  for (const label of [8, 9]) await write(label, "/gone");
  await admin.remove({ path: "/gone", what: "file" });
  const gone = (path: string) => admin.emptyVersions({ path });
  assert.deepEqual(await gone("/d/f"), { versions: 2, fileBytes: 30 });
  assert.equal((await ids()).length, 1);
  assert.deepEqual(await gone("/d"), { versions: 1, fileBytes: 40 });
  assert.deepEqual(await gone("/d"), { versions: 0, fileBytes: 0 });
  assert.deepEqual(await gone("/"), { versions: 2, fileBytes: 60 + 80 });
  assert.deepEqual(await unreferenced(world), [10, 20, 40, 60, 80]);
  await refusedWith("not-found", gone("/none"));
});

Deno.test("versions empty goes page by page over many", async () => {
  const { admin, write } = await withFile();
  await admin.setPolicy({ path: "/", versions: limits.versionsMax });
  for (let i = 0; i < 520; i++) await write(1 + i % 2, i < 500 ? "/d/f" : "/g");
  const sums = { versions: 0, pages: 0 };
  let after: number | undefined;
  do {
    const page = await admin.emptyVersions({ path: "/", ...(after ? { after } : {}) });
    sums.versions += page.versions;
    sums.pages++;
    after = page.next;
  } while (after !== undefined);
  assert.deepEqual(sums, { versions: 518, pages: 3 });
});

/** A tracker that runs: its steps are carried out as time passes. */
async function stepped(
  world: TrackerWorld,
  work: (pass: (ms: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const run = world.tracker.run(stop.signal);
  const pass = async (ms: number) => {
    world.clock.advance(ms);
    // Steps are several awaits long: they end before time goes on.
    for (let i = 0; i < 300; i++) await Promise.resolve();
  };
  try {
    await work(pass);
  } finally {
    stop.abort();
    await pass(10_000);
    await run.catch(() => {});
  }
}

Deno.test("an old version goes when its time is over, and not before", async () => {
  const { world, admin, write, ids } = await withFile();
  await stepped(world, async (pass) => {
    await write(1);
    const second = await write(2);
    await pass(limits.versionDaysDefault * dayMs - 1000);
    assert.equal((await ids()).length, 2);
    await pass(2000);
    assert.deepEqual(await ids(), [second]);
    assert.equal((await admin.status({})).oldVersions.versions, 0);
  });
});

Deno.test("beyond their share the oldest go after a day; without word of every disk none goes", async () => {
  const { world, admin, write, ids } = await withFile();
  const small = { totalBytes: 300, freeBytes: 200, usedBytes: 100 };
  await stepped(world, async (pass) => {
    for (const seeder of world.seeders) await seeder.beat({ space: small });
    // Of 600 bytes a tenth, in two copies: 30.
    assert.equal((await admin.status({})).oldVersions.bytesMax, 30);
    const late = world.newSeeder("seeder-late");
    await late.join();
    for (const label of [1, 2, 3]) await write(label);
    const removed = await write(4);
    await admin.remove({ path: "/d/f", what: "file" });
    await pass(1000);
    assert.equal((await admin.status({})).oldVersions.versions, 3);
    assert.equal((await admin.trash({})).entries.length, 1, "the trash as well");
    await late.beat({ space: { ...small, totalBytes: 1 } });
    await admin.restore({ what: { path: "/d/f" } });
    await pass(1000);
    assert.deepEqual((await ids()).length, 4, "none that is younger than a day");
    await pass(limits.keptYoungMs);
    assert.deepEqual((await ids()).length, 2);
    assert.deepEqual((await ids())[0], removed);
    assert.equal((await admin.status({})).oldVersions.fileBytes, 30);
  });
});

Deno.test("a late repetition of a commit is answered also when its version is old", async () => {
  const { world, admin } = await withFile();
  const uploadId = await world.upload("/d/f", [chunkOf(1)]);
  await world.upload("/d/f", [chunkOf(2)]);
  await world.start();
  const late = await admin.commitUploads({
    uploads: [{ uploadId, sizeBytes: 1000, manifestDigest: "f".repeat(64), chunks: [] }],
  });
  assert.equal(late.results[0]?.ok, true);
});

Deno.test("lastChange tells what the caller did last, and whether it can be taken back", async () => {
  const { admin, write } = await withFile();
  const kind = async () => (await admin.lastChange({})).change?.kind;
  assert.equal(await kind(), "other");
  const first = await write(1);
  assert.equal(await kind(), "other", "a new file is no overwrite");
  const second = await write(2);
  const change = { kind: "overwrite", path: "/d/f", versionId: second, before: first };
  assert.deepEqual((await admin.lastChange({})).change, change);
  await admin.revertFile({ path: "/d/f", versionId: first });
  assert.deepEqual((await admin.lastChange({})).change, {
    ...change,
    versionId: first,
    before: second,
  });
  const { trashId } = await admin.remove({ path: "/d", what: "tree" });
  assert.deepEqual((await admin.lastChange({})).change, { kind: "removal", path: "/d", trashId });
  await admin.emptyTrash({ trashIds: "all" });
  assert.deepEqual((await admin.lastChange({})).change, { kind: "other", operation: "purge" });
});

Deno.test("whatever is written, reverted and moved, each file keeps the latest of its versions", async () => {
  const steps = fc.oneof(
    { weight: 4, arbitrary: fc.record({ to: fc.nat(1), label: fc.integer({ min: 1, max: 4 }) }) },
    fc.record({ of: fc.nat(1), nth: fc.nat(3) }),
    fc.constant("swap" as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 20 }), async (all) => {
      const { admin, write, ids } = await withFile();
      await admin.setPolicy({ path: "/", versions: 2 });
      const paths = ["/d/a", "/d/b"] as const;
      /** Current first: what each file must have, by the labels of its contents. */
      let model: { versionId: VersionId; label: number }[][] = [[], []];
      for (const step of all) {
        if (step === "swap") {
          if (model.some((file) => file.length === 0)) continue;
          const [a, b] = paths;
          await admin.move({ from: a, to: "/x", replace: false });
          await admin.move({ from: b, to: a, replace: false });
          await admin.move({ from: "/x", to: b, replace: false });
          model = model.toReversed();
        } else if ("to" in step) {
          const { to, label } = step;
          const file = model[to] ?? [];
          const versionId = await write(label, paths[to]);
          const rest = file[0]?.label === label ? file.slice(1) : file;
          model[to] = [{ versionId, label }, ...rest.slice(0, file[0]?.label === label ? 9 : 2)];
        } else {
          const file = model[step.of] ?? [];
          const chosen = file[step.nth];
          if (chosen === undefined) continue;
          const request = { path: paths[step.of] ?? "/", versionId: chosen.versionId };
          await admin.revertFile(request);
          model[step.of] = [chosen, ...file.filter((one) => one !== chosen)];
        }
        for (const [i, file] of model.entries()) {
          if (file.length === 0) continue;
          assert.deepEqual(await ids(paths[i]), file.map(({ versionId }) => versionId));
        }
      }
    }),
    { numRuns: 40 },
  );
});
