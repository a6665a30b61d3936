/** The tracker's snapshots: made in the background and proved before they count. */
import assert from "node:assert/strict";
import { rootPath, SnapshotMark } from "../../../../protocol/mod.ts";
import { silentLog } from "../../../../roles/kit/log.ts";
import { SnapshotFolder } from "../../../../roles/kit/snapshot_folder.ts";
import type { Catalog } from "../../../../roles/tracker/catalog/catalog.ts";
import { Follower } from "../../../../roles/tracker/log/follower.ts";
import type { Scratch } from "../../../../roles/tracker/mod.ts";
import type { GiveUpPermit } from "../../../../roles/tracker/authority/authority.ts";
import { rulingAuthority } from "../ruling.ts";
import type { LogShipping } from "../../../../roles/tracker/log/log_shipping.ts";
import { Snapshots } from "../../../../roles/tracker/snapshots/snapshots.ts";
import { restoreSnapshot } from "../../../../roles/tracker/snapshots/snapshot_restore.ts";
import { openMemoryCatalog } from "../../../../roles/tracker/mod.ts";
import { ClusterId, logOrigin, positionOf, SecretKey } from "../../../../protocol/mod.ts";
import { chunkOf, namesOf, refusedWith, TrackerWorld } from "../tracker_world.ts";
import { memoryScratch } from "../scratch.ts";

const pause = () => Promise.resolve();
const clusterKey = SecretKey.parse("7".repeat(64));
const clusterId = ClusterId.parse("d".repeat(16));

/** The maker over the log of `world`, with parts of it replaced. */
async function makerOver(world: TrackerWorld, scratch: Scratch = memoryScratch(new Map())) {
  const folder = new SnapshotFolder(world.disk, "/disk/.offshore/tracker/own", silentLog);
  await folder.open();
  const common = { catalog: world.catalog, live: world.catalog, scratch, folder, pause };
  const follower = new Follower({ ...common, clusterKey, log: silentLog });
  const told: number[] = [];
  const head = await world.catalog.read((view) => view.logHead());
  const shipping = {
    ...{
      start: 1,
      news: () => ({ keep: folder.marks }),
      trimmed: (_permit: GiveUpPermit, start: number) => told.push(start),
    },
    head: head === undefined ? logOrigin : positionOf({ ...head, mac: "" }),
  };
  const settings = { everyOperations: 1, everyMs: 1, share: 0, keepOperations: 0 };
  const now = () => world.clock.now();
  const authority = rulingAuthority();
  const parts = {
    ...common,
    authority,
    follower,
    clusterId,
    clusterKey,
    settings,
    now,
    log: silentLog,
  };
  // Of the shipping only these few are asked.
  const snapshots = new Snapshots({ ...parts, shipping: shipping as unknown as LogShipping });
  return { folder, follower, snapshots, shipping, told };
}

async function filled(): Promise<TrackerWorld> {
  const world = await TrackerWorld.open({ seeders: 3 });
  await world.admin.makeDirectories({ paths: ["/a/b", "/gone"], parents: true });
  await world.admin.setPolicy({ path: rootPath, copies: 2, versions: 3 });
  for (let i = 0; i < 5; i++) await world.upload(`/a/b/file-${i % 3}`, [chunkOf(i)]);
  await world.admin.remove({ path: "/gone", what: "tree" });
  return world;
}

Deno.test("a snapshot restores to what the log decided, and a later one goes on from it", async () => {
  const world = await filled();
  const { folder, follower, snapshots } = await makerOver(world);
  for (let round = 1; round <= 3; round++) {
    const mark = await snapshots.make();
    assert.ok(SnapshotMark.parse(mark));
    assert.equal(folder.marks.length, round);
    const restored = openMemoryCatalog();
    const file = { disk: world.disk, path: folder.pathOf(mark!) };
    await restoreSnapshot(restored, file, mark!, clusterKey, pause);
    assert.deepEqual(await namesOf(restored), await namesOf(world.catalog));
    assert.equal(await snapshots.make(), undefined, "there is one of this operation");
    await world.upload(`/more-${round}`, [chunkOf(`more ${round}`)]);
    if (round === 2) await follower.close();
  }
});

Deno.test("a snapshot that restores otherwise does not count", async () => {
  const world = await filled();
  const all = memoryScratch(new Map());
  const forgetful = (catalog: Catalog): Catalog => ({
    read: (work) => catalog.read(work),
    close: () => catalog.close(),
    transaction: (work) =>
      catalog.transaction((tx) =>
        work(Object.create(tx, { putTrash: { value: () => Promise.resolve() } }))
      ),
  });
  const { folder, snapshots } = await makerOver(world, {
    open: async (name) => name === "restored" ? forgetful(await all.open(name)) : all.open(name),
    remove: (name) => all.remove(name),
  });
  await refusedWith("internal", snapshots.make());
  assert.deepEqual(folder.marks, []);
  assert.ok(await snapshots.step() > 1_000, "it is tried again later");
  assert.deepEqual(folder.marks, []);
});

Deno.test("no snapshot is made of a log that is damaged", async () => {
  const world = await filled();
  const row = world.data.log.get(5)!;
  world.data.log.set(5, { ...row, checksum: "0".repeat(64) });
  const { folder, snapshots } = await makerOver(world);
  await refusedWith("config-corrupt", snapshots.make());
  assert.deepEqual(folder.marks, []);
});

Deno.test("the follower begins after a snapshot where the log is cut, and says when it cannot", async () => {
  const world = await filled();
  const one = await makerOver(world);
  const mark = await one.snapshots.make();
  await world.upload("/after", [chunkOf("after")]);
  await world.catalog.transaction((tx) => tx.trimLog(mark!.sequence, 1000));
  const two = await makerOver(world);
  await two.follower.use(async ({ catalog, advance }) => {
    await advance();
    assert.deepEqual(await namesOf(catalog), await namesOf(world.catalog));
  });
  await one.folder.remove(mark!);
  const three = await makerOver(world);
  await refusedWith("config-corrupt", three.follower.use(({ advance }) => advance()));
});

Deno.test("the tracker makes snapshots by itself and a backup begins with the newest", async () => {
  const snapshots = { everyOperations: 3, everyMs: 1e9, share: 0, keepOperations: 0 };
  const world = await TrackerWorld.open({ seeders: 3, snapshots });
  const stop = new AbortController();
  const ended = world.tracker.run(stop.signal);
  for (let i = 0; (await world.admin.exportLog({ after: 0 })).base === undefined; i++) {
    assert.ok(i < 1000, "a snapshot is made");
    world.clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve));
  }
  const { base } = await world.admin.exportLog({ after: 0 });
  let text = "";
  while (text.length < base!.sizeBytes) {
    const part = { sequence: base!.sequence, offset: new TextEncoder().encode(text).length };
    text += (await world.admin.exportSnapshot(part)).text;
  }
  assert.match(text.split("\n").at(-2)!, new RegExp(base!.digest));
  await refusedWith("not-found", world.admin.exportSnapshot({ sequence: 999, offset: 0 }));
  stop.abort();
  world.clock.advance(10_000);
  assert.equal(await ended, "stopped");
});
