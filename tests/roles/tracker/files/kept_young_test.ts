/**
 * What `rm` and an overwrite promise holds for a day, however small the share of the disks is: what
 * does not fit is refused, or told as gone, before anything happens.
 */
import assert from "node:assert/strict";
import { limits } from "../../../../protocol/mod.ts";
import { chunkOf, commitOf, openOf, refusedWith, TrackerWorld } from "../tracker_world.ts";

/** Two disks of 2,000 bytes, of which a tenth in two copies is 200 bytes. */
const space = { totalBytes: 2000, freeBytes: 1500, usedBytes: 0 };

async function withSmallDisks() {
  const world = await TrackerWorld.open({ seeders: 2 });
  const beat = async (changes = space) => {
    for (const seeder of world.seeders) await seeder.beat({ space: changes });
  };
  await beat();
  const stop = new AbortController();
  const run = world.tracker.run(stop.signal);
  /** Time passes, and the tracker has its step. */
  const pass = async (ms: number, changes = space) => {
    world.clock.advance(ms);
    await beat(changes);
    for (let i = 0; i < 3; i++) {
      world.clock.advance(1000);
      for (let turn = 0; turn < 200; turn++) await Promise.resolve();
    }
    await beat(changes);
  };
  const trash = async () => (await world.admin.trash({})).entries.map(({ path }) => path);
  const end = async () => {
    stop.abort();
    world.clock.advance(2000);
    await run.catch(() => {});
  };
  return { world, admin: world.admin, beat, pass, trash, end };
}

Deno.test("what is removed stays for a day, and what does not fit beside it is refused whole", async () => {
  const { world, admin, pass, trash, end } = await withSmallDisks();
  for (const [i, name] of ["a", "b", "c", "big"].entries()) {
    await world.upload(`/${name}`, [chunkOf(i, name === "big" ? 300 : 120)]);
  }
  await admin.makeDirectories({ paths: ["/empty"], parents: false });
  assert.equal((await admin.remove({ path: "/a", what: "file" })).keptMs, limits.keptYoungMs);
  const { logSequence } = await admin.status({});
  for (
    const [path, what, next] of [
      ["/b", "file", /rm --now \/b; or make room: trash empty$/],
      ["/big", "tree", /rm --now \/big/],
    ] as const
  ) {
    const fault = await refusedWith("trash-full", admin.remove({ path, what }));
    assert.match(
      fault.message,
      /^\S+ does not fit into the trash: it has \d+ B, and of at most 200/,
    );
    assert.match(fault.next, next);
  }
  await refusedWith("trash-full", admin.move({ from: "/c", to: "/b", replace: true }));
  const { entries } = await admin.list({ path: "/" });
  assert.deepEqual(entries.map(({ name }) => name), ["b", "big", "c", "empty"]);
  assert.equal((await admin.status({})).logSequence, logSequence, "nothing was done");
  // An empty tree takes nothing, and the ways out of a full trash are open.
  await admin.remove({ path: "/empty", what: "tree" });
  await admin.remove({ path: "/big", what: "file", now: true });
  await pass(limits.keptYoungMs - 10_000);
  assert.deepEqual(await trash(), ["/a", "/empty"]);
  // After a day what is old makes room for what comes, and goes when it is too much.
  await pass(10_000);
  await admin.remove({ path: "/b", what: "file" });
  await pass(1000);
  assert.deepEqual(await trash(), ["/empty", "/b"]);
  await admin.emptyTrash({ trashIds: "all" });
  await admin.remove({ path: "/c", what: "file" });
  assert.deepEqual(await trash(), ["/c"]);
  await end();
});

Deno.test("nothing young is purged when the disks become fewer or smaller", async () => {
  const { world, admin, pass, trash, end } = await withSmallDisks();
  await world.upload("/a", [chunkOf(1, 120)]);
  await world.upload("/f", [chunkOf(2, 100)]);
  await world.upload("/f", [chunkOf(3, 100)]);
  await admin.remove({ path: "/a", what: "file" });
  const small = { totalBytes: 100, freeBytes: 50, usedBytes: 0 };
  const versions = async () => (await admin.versions({ target: { path: "/f" } })).versions.length;
  await pass(1000, small);
  await pass(limits.keptYoungMs - 20_000, small);
  assert.deepEqual([await trash(), await versions()], [["/a"], 2]);
  await pass(30_000, small);
  assert.deepEqual([await trash(), await versions()], [[], 1]);
  await end();
});

Deno.test("an overwrite says whether the version before is kept, and why not", async () => {
  const { world, admin, pass, end } = await withSmallDisks();
  const write = async (label: number, path = "/f") => {
    const uploadId = world.uploadId();
    await admin.openUploads({ uploads: [openOf(uploadId, path, {})] });
    const chunk = chunkOf(label, 120);
    const receipts = await world.store(uploadId, chunk);
    const commit = commitOf(uploadId, [chunk], [{ ...chunk, index: 0, receipts }]);
    const [result] = (await admin.commitUploads({ uploads: [commit] })).results;
    assert(result?.ok);
    const { versionId, kept, gone } = result;
    return { versionId, kept, gone };
  };
  const first = await write(1);
  assert.deepEqual([first.kept, first.gone], [undefined, undefined]);
  const second = await write(2);
  assert.deepEqual([second.kept, second.gone], [first.versionId, undefined]);
  const third = await write(3);
  assert.deepEqual(third.gone, { versionId: second.versionId, why: "room" });
  assert.equal(third.kept, undefined);
  const ids = async () =>
    (await admin.versions({ target: { path: "/f" } })).versions.map(({ versionId }) => versionId);
  assert.deepEqual(await ids(), [third.versionId, first.versionId]);
  await pass(limits.keptYoungMs);
  const fourth = await write(4);
  assert.deepEqual([fourth.kept, fourth.gone], [third.versionId, undefined]);
  await pass(1000);
  assert.deepEqual(await ids(), [fourth.versionId, third.versionId]);
  await admin.setPolicy({ path: "/", versions: 0 });
  assert.deepEqual((await write(5)).gone, { versionId: fourth.versionId, why: "policy" });
  await end();
});
