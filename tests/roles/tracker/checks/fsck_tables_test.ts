/** Every table compared with the log, on catalogs damaged on purpose, and built anew from it. */
import assert from "node:assert/strict";
import { type FsckFinding, type FsckReply, rootPath } from "../../../../protocol/mod.ts";
import { openMemoryCatalog } from "../../../../roles/tracker/mod.ts";
import { chunkOf, namesOf, TrackerWorld } from "../tracker_world.ts";

const seldom = { everyOperations: 1_000_000, everyMs: 1_000_000_000, share: 0, keepOperations: 0 };

async function check(world: TrackerWorld, repair = false) {
  const findings: FsckFinding[] = [];
  let rows = 0, holdings = 0;
  for (let cursor: FsckReply["next"] | undefined, pages = 0;; pages++) {
    assert(pages < 100, "the pages come to an end");
    const page = await world.admin.fsck(cursor === undefined ? { repair } : { repair, cursor });
    findings.push(...page.findings);
    rows += page.checked.rows;
    holdings += page.checked.holdings;
    cursor = page.next;
    if (cursor === undefined) return { findings, rows, holdings };
  }
}

async function filled(): Promise<TrackerWorld> {
  const world = await TrackerWorld.open({ seeders: 3, snapshots: seldom });
  const { admin } = world;
  await admin.makeDirectories({ paths: ["/a/b", "/gone"], parents: true });
  for (let i = 0; i < 5; i++) await world.upload(`/a/b/file-${i}`, [chunkOf(i)]);
  await admin.setPolicy({ path: rootPath, copies: 2, versions: 3 });
  await world.upload("/a/b/file-1", [chunkOf(99)]);
  await admin.remove({ path: "/gone", what: "tree" });
  await admin.setPace({ pace: "gentle" });
  await world.pass(10_000);
  return world;
}

Deno.test("fsck finds every table as the log says, beside writes that go on", async () => {
  const world = await filled();
  const first = await check(world);
  assert.deepEqual(first.findings, []);
  assert.ok(first.rows > 20 && first.holdings === 12, JSON.stringify(first));
  for (let cursor: FsckReply["next"] | undefined, pages = 0; pages < 100; pages++) {
    const repair = false;
    const page = await world.admin.fsck(cursor === undefined ? { repair } : { repair, cursor });
    // These seeders report their disks when they are told to.
    assert.deepEqual(page.findings.filter(({ where }) => where !== "disks"), []);
    await world.upload(`/a/more-${pages % 3}`, [chunkOf(`more ${pages}`)]);
    cursor = page.next;
    if (cursor === undefined) return;
  }
  assert.fail("the pages come to an end");
});

type Damage = (world: TrackerWorld) => void;
const damages: Record<string, Damage> = {
  "a name that is another": ({ data }) => {
    const [id, node] = [...data.nodes.entries()].find(([, row]) => row.name === "file-2")!;
    data.nodes.set(id, { ...node, name: "file-X" });
  },
  "a name that is gone": ({ data }) => void data.nodes.delete(2),
  "a name too many": ({ data }) => {
    data.nodes.set(77, { ...data.nodes.get(2)!, nodeId: 77, name: "extra" });
  },
  "a size that is another": ({ data }) => {
    const [id, row] = [...data.versions.entries()][0]!;
    data.versions.set(id, { ...row, sizeBytes: row.sizeBytes + 1 });
  },
  "an old version that became current": ({ data }) => {
    const [id, row] = [...data.versions.entries()].find(([, each]) => each.old !== undefined)!;
    const { old: _, ...rest } = row;
    data.versions.set(id, rest);
  },
  "another chunk in a manifest": ({ data }) => {
    const [id] = [...data.versions.entries()][0]!;
    data.manifests.set(id, 0, chunkOf("another"));
  },
  "a chunk that counts as named by nobody": ({ data }) => {
    const [first] = [...data.naming.groups()][0]!;
    data.naming.deleteAll(first);
  },
  "an entry of the trash that is gone": ({ data }) => data.trash.clear(),
  "sums that are not those of the names": ({ data }) => void data.counters.set("files", 77),
  "a highest number below one that was given": ({ data }) => {
    data.counters.set("highestNodeId", 3);
  },
  "a policy that is another": ({ data }) => {
    data.nodes.set(1, { ...data.nodes.get(1)!, copies: 1 });
  },
  "the first seeder gone that joined": ({ data }) => {
    data.seeders.delete([...data.seeders.entries()][0]![0]);
  },
  "the last seeder gone that joined": ({ data }) => {
    data.seeders.delete([...data.seeders.entries()].at(-1)![0]);
  },
  "a seeder that drains though nobody said so": ({ data, seeders }) => {
    const { seederId } = seeders[1]!;
    data.seeders.set(seederId, { ...data.seeders.get(seederId)!, standing: "draining" });
  },
  "a pace that nobody set": ({ data }) => data.settings.set("healing-pace", "urgent"),
};

for (const [what, damage] of Object.entries(damages)) {
  Deno.test(`fsck finds ${what}, and the tables are built anew`, async () => {
    const world = await filled();
    const before = await namesOf(world.catalog);
    const log = await world.catalog.read((view) => view.logAfter(0, 1000));
    damage(world);
    const { findings } = await check(world);
    assert.ok(findings.length > 0);
    for (const { where, repaired } of findings) {
      assert.deepEqual([where, repaired], ["tables", false]);
    }

    const ended = world.tracker.run(new AbortController().signal);
    const repaired = await check(world, true);
    assert.ok(repaired.findings.length > 0 && repaired.findings.every((one) => one.repaired));
    world.clock.advance(10_000);
    assert.equal(await ended, "mend");
    await world.tracker.close();
    await world.tracker.buildMended();
    const mended = world.scratch.get("mended")!;
    const catalog = openMemoryCatalog(mended);
    assert.deepEqual(await namesOf(catalog), before);
    assert.deepEqual(await catalog.read((view) => view.logAfter(0, 1000)), log);
    await catalog.close();

    Object.assign(world, { data: mended });
    world.scratch.delete("mended");
    await world.start();
    assert.deepEqual(await namesOf(world.catalog), before);
    assert.equal((await world.admin.status({})).healing.pace, "gentle");
    for (const seeder of world.seeders) {
      assert.equal((await seeder.beat()).inventoryWanted, true);
      await seeder.tellInventory();
    }
    await world.pass(10_000);
    assert.deepEqual((await check(world)).findings, []);
    await world.upload("/after", [chunkOf("after")]);
  });
}

Deno.test("fsck finds sums of holdings that are not those of the holdings", async () => {
  const world = await filled();
  const { seederId } = world.seeders[0]!;
  const sum = world.data.summaries.get(seederId)!;
  world.data.summaries.set(seederId, { ...sum, usedBytes: sum.usedBytes + 1 });
  const { findings } = await check(world);
  assert.deepEqual(findings.map(({ where }) => where), ["holdings"]);
});

Deno.test("a log that cannot be done again is told, and nothing is built from it", async () => {
  const world = await filled();
  const row = world.data.log.get(4)!;
  world.data.log.set(4, { ...row, text: row.text.replace("a", "x") });
  const { findings } = await check(world, true);
  assert.deepEqual([...new Set(findings.map(({ where }) => where))], ["log"]);
  assert.ok(findings.every(({ repaired }) => !repaired));
  await assert.rejects(world.tracker.buildMended());
});
