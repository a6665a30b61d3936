/**
 * A backup read back: the same tables, or a refusal that says why and leaves nothing that starts.
 */
import assert from "node:assert/strict";
import { type BackupHead, limits, logLine, RecoveryCode } from "../../../../protocol/mod.ts";
import { readWhole } from "../../../../roles/kit/disk.ts";
import { silentLog } from "../../../../roles/kit/log.ts";
import { seededRandom } from "../../../../roles/kit/random.ts";
import type { Catalog } from "../../../../roles/tracker/catalog/catalog.ts";
import { openMemoryCatalog, openTracker, restoreFile } from "../../../../roles/tracker/mod.ts";
import { SimDisk } from "../../../simulation/machine/sim_disk.ts";
import { chunkOf, refusedWith, stateDirectory, TrackerWorld } from "../tracker_world.ts";

async function filled(): Promise<TrackerWorld> {
  const world = await TrackerWorld.open({ seeders: 3 });
  await world.admin.makeDirectories({ paths: ["/a/b", "/gone"], parents: true });
  for (let i = 0; i < 5; i++) await world.upload(`/a/b/file-${i}`, [chunkOf(i)]);
  await world.upload("/a/b/file-1", [chunkOf(99)]);
  await world.admin.remove({ path: "/gone", what: "tree" });
  await world.admin.move({ from: "/a/b/file-2", to: "/moved", replace: true });
  await world.admin.setPolicy({ path: "/a", copies: 3 });
  return world;
}

async function backupOf(world: TrackerWorld): Promise<string> {
  const page = await world.admin.exportLog({ after: 0 });
  const { card, epoch, head: upTo } = page;
  const { clusterId } = card.sealedKey;
  const head: BackupHead = { format: "offshore backup 1", clusterId, epoch, card, upTo };
  return [head, ...page.records].map(logLine).join("");
}

async function codeOf(world: TrackerWorld): Promise<RecoveryCode> {
  const bytes = await readWhole(world.disk, `${stateDirectory}/codes/recovery`);
  return RecoveryCode.parse(new TextDecoder().decode(bytes).trim());
}

/** An empty machine with this text as its backup. */
async function machine(world: TrackerWorld, text: string, code?: RecoveryCode) {
  const disk = new SimDisk({ random: seededRandom(7), clock: world.clock });
  disk.plantDirectory(stateDirectory);
  const file = await disk.open("/backup", "create");
  await file.write(new TextEncoder().encode(text), 0);
  file.close();
  const { clock } = world;
  const parts = { catalog: openMemoryCatalog(), disk, stateDirectory, clock, log: silentLog };
  const recoveryCode = code ?? await codeOf(world);
  return { ...parts, random: seededRandom(8), recoveryCode };
}

/** Everything the log decides, as text. */
async function tablesOf(catalog: Catalog): Promise<string> {
  return await catalog.read(async (view) => {
    const nodes = [];
    const todo = [1];
    for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
      const node = await view.node(id);
      const children = await view.children(id, undefined, 1000);
      todo.push(...children.map(({ nodeId }) => nodeId).filter((nodeId) => nodeId !== 1));
      const version = node?.versionId === undefined ? null : await view.version(node.versionId);
      const chunks = version === null || version === undefined
        ? []
        : await view.manifest(version.versionId, 0, 1000);
      nodes.push({ node, version, chunks });
    }
    const { seederId: _, ...head } = { seederId: 0, ...await view.logHead() };
    return JSON.stringify([nodes, await view.totals(), await view.highestNodeId(), head]);
  });
}

Deno.test("restoreFile makes the same tables, and a tracker that its people and seeders know", async () => {
  const world = await filled();
  const before = await tablesOf(world.catalog);
  const parts = await machine(world, await backupOf(world));
  const operations = await restoreFile(parts, "/backup");
  assert.equal(await tablesOf(parts.catalog), before);
  assert.ok(operations > 10);
  const tracker = await openTracker({ ...parts, publicUrl: "http://tracker.test:1" });
  world.tracker = tracker;
  const status = await world.admin.status({});
  assert.equal(status.epoch, limits.epochsOfGenerationMax);
  assert.equal(status.seeders.length, 3);
  for (const seeder of world.seeders) await seeder.beat();
  assert.equal(tracker.recoveryCode, undefined, "the code given is the code kept");
});

Deno.test("restoreFile refuses a wrong code, and every damage to the file", async () => {
  const world = await filled();
  const text = await backupOf(world);
  const wrong = RecoveryCode.parse(`offshore-recovery-${"0".repeat(64)}`);
  const other = await machine(world, text, wrong);
  await refusedWith("code-invalid", restoreFile(other, "/backup"));
  const lines = text.trimEnd().split("\n");
  const damaged = [
    "",
    "rubbish\n",
    lines.slice(0, -1).join("\n") + "\n",
    lines.toSpliced(4, 1).join("\n") + "\n",
    lines.with(5, lines[6]!).join("\n") + "\n",
    text.slice(0, -20),
    text.replace("/file-3", "/file-X").replace("file-3", "file-X"),
  ];
  for (const each of damaged) {
    const parts = await machine(world, each);
    await refusedWith("config-corrupt", restoreFile(parts, "/backup"));
    if (await parts.catalog.read((view) => view.setting("log-intake")) === undefined) continue;
    await refusedWith(
      "config-corrupt",
      openTracker({ ...parts, publicUrl: "http://tracker.test:1" }),
    );
  }
});

Deno.test("restoreFile leaves a folder that is in use alone, and may be asked twice", async () => {
  const world = await filled();
  const text = await backupOf(world);
  const parts = await machine(world, text);
  const used = { ...parts, catalog: world.catalog };
  await refusedWith("config-invalid", restoreFile(used, "/backup"));
  assert.ok(await restoreFile(parts, "/backup") > 0);
  assert.equal(await restoreFile(parts, "/backup"), 0);
});
