/** What is removed lies in the trash: it can be read, come back, grow old and be purged. */
import assert from "node:assert/strict";
import { limits } from "../../../../protocol/mod.ts";
import { chunkOf, refusedWith, TrackerWorld } from "../tracker_world.ts";

async function withTree() {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.admin.makeDirectories({ paths: ["/d/e"], parents: true });
  const versionId = await world.upload("/d/e/f", [chunkOf(1, 10)]);
  await world.upload("/d/g", [chunkOf(2, 20)]);
  return { world, admin: world.admin, versionId };
}

Deno.test("a tree goes into the trash by one operation and comes back whole", async () => {
  const { world, admin, versionId } = await withTree();
  const before = (await admin.status({})).logSequence;
  const removed = await admin.remove({ path: "/d", what: "tree" });
  const { keptYoungMs: keptMs } = limits;
  assert.deepEqual(removed, { files: 2, directories: 2, links: 0, trashId: before + 1, keptMs });
  const status = await admin.status({});
  assert.equal(status.logSequence, before + 1);
  assert.deepEqual([status.files, status.directories, status.fileBytes], [0, 0, 0]);
  assert.deepEqual([status.trash.files, status.trash.fileBytes], [2, 30]);
  const usage = await admin.usage({ path: "/" });
  assert.deepEqual(usage, { path: "/", files: 0, directories: 0, links: 0, fileBytes: 0 });
  assert.deepEqual((await admin.list({ path: "/" })).entries, []);
  await refusedWith("not-found", admin.stat({ target: { path: "/d/e/f" }, follow: true }));

  const { entries } = await admin.trash({});
  assert.deepEqual(entries, [{
    trashId: before + 1,
    path: "/d",
    kind: "directory",
    trashedMs: world.clock.now(),
    by: entries[0]?.by,
    files: 2,
    directories: 2,
    links: 0,
    fileBytes: 30,
  }]);
  // By the id of its version it can still be read, under the path it had.
  const stat = await admin.stat({ target: { versionId }, follow: true });
  assert.deepEqual([stat.path, stat.copiesLeast], ["/d/e/f", 2]);
  assert.equal((await admin.resolvePrefix({ prefix: versionId.slice(0, 8) })).matches.length, 1);

  assert.equal((await admin.restore({ what: { path: "/d" } })).path, "/d");
  assert.equal(
    (await admin.stat({ target: { path: "/d/e/f" }, follow: true })).versionId,
    versionId,
  );
  assert.deepEqual((await admin.trash({})).entries, []);
  const { message } = await refusedWith("not-found", admin.restore({ what: { path: "/d" } }));
  assert.equal(message, "nothing from /d is in the trash");
  const none = await refusedWith("not-found", admin.restore({ what: { trashId: 77 } }));
  assert.equal(none.message, "no entry 77 is in the trash");
});

Deno.test("restore makes parents, and refuses a name that is taken with what to type", async () => {
  const { admin } = await withTree();
  const { trashId } = await admin.remove({ path: "/d/e/f", what: "file" });
  assert(trashId !== undefined);
  await admin.remove({ path: "/d", what: "tree", now: true });
  assert.equal((await admin.restore({ what: { trashId } })).path, "/d/e/f");
  const again = (await admin.remove({ path: "/d/e/f", what: "file" })).trashId ?? 0;
  await admin.makeDirectories({ paths: ["/d/e/f"], parents: false });
  const fault = await refusedWith("already-exists", admin.restore({ what: { trashId: again } }));
  assert.equal(fault.next, `type another name: restore @${again} /d/e/f.restored`);
  const to = { what: { trashId: again }, to: "/new/place" };
  assert.equal((await admin.restore(to)).path, "/new/place");
  await refusedWith("not-found", admin.restore(to));
});

Deno.test("a file that a move replaces lies in the trash; rm --now and rmdir leave none", async () => {
  const { admin } = await withTree();
  await admin.move({ from: "/d/g", to: "/d/e/f", replace: true });
  const { entries } = await admin.trash({});
  assert.deepEqual(entries.map(({ path, fileBytes }) => [path, fileBytes]), [["/d/e/f", 10]]);
  await admin.makeDirectories({ paths: ["/empty"], parents: false });
  assert.equal((await admin.remove({ path: "/empty", what: "directory" })).trashId, undefined);
  assert.equal((await admin.remove({ path: "/d", what: "tree", now: true })).trashId, undefined);
  assert.equal((await admin.trash({})).entries.length, 1);
});

Deno.test("of several entries from one path the last comes back first; empty purges", async () => {
  const { world, admin } = await withTree();
  const second = async () => {
    const versionId = await world.upload("/d/e/f", [chunkOf(3, 30)]);
    await admin.remove({ path: "/d/e/f", what: "file" });
    return versionId;
  };
  await admin.remove({ path: "/d/e/f", what: "file" });
  const versionId = await second();
  assert.equal((await admin.trash({ limit: 1 })).next, (await admin.trash({})).entries[0]?.trashId);
  await admin.restore({ what: { path: "/d/e/f" } });
  assert.equal(
    (await admin.stat({ target: { path: "/d/e/f" }, follow: true })).versionId,
    versionId,
  );
  const gone = await admin.emptyTrash({ trashIds: "all" });
  assert.deepEqual(gone, { entries: 1, files: 1, directories: 0, links: 0, fileBytes: 10 });
  assert.deepEqual((await admin.emptyTrash({ trashIds: "all" })).entries, 0);
  const holders = await world.catalog.read((view) => view.unreferenced(undefined, 10));
  assert.deepEqual(holders.map(({ chunkId }) => chunkId), [chunkOf(1, 10).chunkId]);
});

Deno.test("an entry is purged when its time is over, and not before", async () => {
  const { world, admin } = await withTree();
  const stop = new AbortController();
  const run = world.tracker.run(stop.signal);
  await admin.remove({ path: "/d/g", what: "file" });
  world.clock.advance(limits.trashKeepMs - 1000);
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assert.equal((await admin.trash({})).entries.length, 1);
  world.clock.advance(2000);
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assert.equal((await admin.trash({})).entries.length, 0);
  stop.abort();
  world.clock.advance(2000);
  await run.catch(() => {});
});
