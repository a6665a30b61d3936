/** The check of the catalog, through its route, on catalogs that were damaged on purpose. */
import assert from "node:assert/strict";
import { type FsckFinding, type FsckReply, limits } from "../../../../protocol/mod.ts";
import { chunkOf, TrackerWorld } from "../tracker_world.ts";

async function check(world: TrackerWorld, repair = false): Promise<FsckFinding[]> {
  const findings: FsckFinding[] = [];
  for (let cursor: FsckReply["next"] | undefined, pages = 0;; pages++) {
    assert(pages < 20, "the pages come to an end");
    const page = await world.admin.fsck(cursor === undefined ? { repair } : { repair, cursor });
    findings.push(...page.findings);
    cursor = page.next;
    if (cursor === undefined) return findings;
  }
}

async function worldWithFiles(): Promise<TrackerWorld> {
  const world = await TrackerWorld.open({ seeders: 2 });
  for (let i = 0; i < 5; i++) await world.upload(`/file-${i}`, [chunkOf(i)]);
  await world.pass(10_000);
  return world;
}

Deno.test("fsck finds nothing in a sound cluster", async () => {
  assert.deepEqual(await check(await worldWithFiles()), []);
});

Deno.test("fsck adds up holdings in people's files as they are summed up", async () => {
  const world = await worldWithFiles();
  const [one] = world.seeders;
  assert(one);
  const inPlace = { ...chunkOf("in a person's file"), adopted: true as const };
  await world.catalog.transaction((tx) => tx.addHoldings(one.seederId, [inPlace]));
  const found = await check(world);
  assert.deepEqual(found.filter(({ where }) => where === "holdings"), []);
});

Deno.test("fsck finds an operation of the log that was changed", async () => {
  const world = await worldWithFiles();
  const row = world.data.log.get(3);
  assert(row);
  world.data.log.set(3, { ...row, text: row.text.replace("a", "b") });
  const [finding] = await check(world);
  assert.deepEqual([finding?.where, finding?.repaired], ["log", false]);
  assert.match(finding?.what ?? "", /operation 3 /);
});

Deno.test("fsck finds a manifest that lost or changed a chunk", async () => {
  for (const change of ["lost", "changed"]) {
    const world = await worldWithFiles();
    const versionId = await world.upload("/more", [chunkOf("x"), chunkOf("y")].slice(0, 1));
    await world.pass(10_000);
    if (change === "lost") world.data.manifests.delete(versionId, 0);
    else world.data.manifests.set(versionId, 0, chunkOf("z"));
    const [finding] = await check(world);
    assert.equal(finding?.where, "tables");
    assert(finding.what.includes(versionId));
  }
});

Deno.test("fsck finds holdings and disks apart, and has them brought together", async () => {
  const world = await worldWithFiles();
  await world.pass(2 * limits.inventoryRecheckMs);
  const [one] = world.seeders;
  assert(one);
  await world.catalog.transaction((tx) =>
    tx.removeHoldings(one.seederId, [...one.chunks.keys()].slice(0, 1))
  );
  const [finding] = await check(world);
  assert.deepEqual([finding?.where, finding?.repaired], ["disks", false]);
  assert.equal((await check(world, true))[0]?.repaired, true);
  assert.equal((await one.beat()).inventoryWanted, true);
  await one.tellInventory();
  await world.pass(6_000);
  assert.deepEqual(await check(world), []);
});

Deno.test("fsck passes over a seeder whose chunks changed lately, and says so", async () => {
  const world = await worldWithFiles();
  const [one] = world.seeders;
  assert(one);
  // A client was stopped between sending a chunk and telling the tracker.
  const sent = chunkOf("sent and never told");
  one.chunks.set(sent.chunkId, sent);
  await world.pass(10_000);
  const last = async (): Promise<FsckReply> => {
    let page = await world.admin.fsck({ repair: false });
    while (page.next !== undefined) {
      page = await world.admin.fsck({ repair: false, cursor: page.next });
    }
    return page;
  };
  const early = await last();
  assert.deepEqual([early.findings, early.unsettled], [[], ["seeder-1"]]);
  assert.equal(early.checked.seeders, 1);
  await world.pass(limits.inventoryRecheckMs);
  assert.equal(one.lastReply.inventoryWanted, true, "it is settled without anybody's doing");
  // Where that comes to nothing it is a finding.
  await world.pass(2 * limits.inventoryRecheckMs);
  const [finding] = (await last()).findings;
  assert.match(finding?.what ?? "", /seeder-1 holds 6 chunks, the tracker has 5 listed/);
  await one.tellInventory();
  await one.beat();
  const settled = await last();
  assert.deepEqual([settled.findings, settled.unsettled], [[], undefined]);
});

Deno.test("fsck tells of chunks that files need and nobody has", async () => {
  const world = await worldWithFiles();
  for (const seeder of world.seeders) {
    const chunkIds = [...seeder.chunks.keys()];
    await world.catalog.transaction((tx) => tx.removeHoldings(seeder.seederId, chunkIds));
  }
  const findings = await check(world);
  assert.ok(findings.some(({ where, what }) => where === "holdings" && /5 chunks/.test(what)));
});
