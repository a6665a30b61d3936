/** The tracker as a whole: starts, restarts, codes, its clock and its step. */
import { loginBy } from "../../protocol/by_code.ts";
import assert from "node:assert/strict";
import { limits, readCode, trackerRoutes } from "../../../protocol/mod.ts";
import { readWhole, writeDurably } from "../../../roles/kit/disk.ts";
import { openTracker } from "../../../roles/tracker/mod.ts";
import {
  chunkOf,
  commitOf,
  HandClock,
  namesOf,
  openOf,
  path,
  refusedWith,
  stateDirectory,
  throwProblem,
  TrackerWorld,
} from "./tracker_world.ts";
import { openMemoryCatalog } from "../../../roles/tracker/catalog/memory_catalog.ts";
import { silentLog } from "../../../roles/kit/log.ts";

Deno.test("tracker keeps every acknowledged thing over a restart", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  await world.admin.makeDirectories({ paths: ["/a/b"], parents: true });
  await world.admin.setPolicy({ path: path("/a"), copies: 3 });
  const versionId = await world.upload(
    "/a/b/file",
    [chunkOf(1), chunkOf(2)].map((chunk, i) => ({
      ...chunk,
      sizeBytes: i === 0 ? limits.chunkBytesMin : 10,
    })),
  );
  const before = await namesOf(world.catalog);
  const statusBefore = await world.admin.status({});
  await world.start();
  assert.deepEqual(await namesOf(world.catalog), before);
  const stat = await world.admin.stat({ target: { path: path("/a/b/file") }, follow: true });
  assert.equal(stat.versionId, versionId);
  assert.equal(stat.copiesWanted, 3);
  assert.equal(stat.copiesLeast, 3);
  const status = await world.admin.status({});
  assert.equal(status.epoch, statusBefore.epoch + 1);
  assert.equal(status.clusterId, statusBefore.clusterId);
  assert.deepEqual(status.seeders.map((seeder) => seeder.state), ["yellow", "yellow", "yellow"]);
  for (const seeder of world.seeders) {
    const reply = await seeder.beat();
    assert.equal(reply.start.epoch, status.epoch);
    assert.equal(reply.inventoryWanted, false);
  }
});

Deno.test("tracker goes on with an upload that was begun before its restart", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const uploadId = world.uploadId();
  const first = { ...chunkOf("first"), sizeBytes: limits.chunkBytesMin };
  const last = chunkOf("last", 77);
  await world.admin.openUploads({ uploads: [openOf(uploadId, "/file")] });
  const receipts = await world.store(uploadId, first);
  await world.admin.recordChunks({ chunks: [{ ...first, uploadId, index: 0, receipts }] });
  await world.start();
  await refusedWith("unavailable", placed(world, uploadId, last));
  world.clock.advance(limits.redAfterMs);
  await refusedWith("too-few-seeders", placed(world, uploadId, last));
  for (const seeder of world.seeders) await seeder.beat();
  const recorded = [{ ...last, index: 1, receipts: await world.store(uploadId, last) }];
  const commit = commitOf(uploadId, [first, last], recorded);
  const [result] = (await world.admin.commitUploads({ uploads: [commit] })).results;
  throwProblem(result);
  assert(result?.ok);
  assert.equal(result.copies, 2);
  await world.start();
  const [again] = (await world.admin.commitUploads({ uploads: [commit] })).results;
  assert(again?.ok);
  assert.equal(again.versionId, result.versionId);
});

async function placed(
  world: TrackerWorld,
  uploadId: ReturnType<TrackerWorld["uploadId"]>,
  chunk: ReturnType<typeof chunkOf>,
): Promise<void> {
  const reply = await world.admin.placeChunks({ chunks: [{ ...chunk, uploadId, avoid: [] }] });
  throwProblem(reply.results[0]);
}

Deno.test("tracker keeps its code files fresh and secret", async () => {
  const world = await TrackerWorld.open();
  const read = async (name: string) =>
    new TextDecoder().decode(await readWhole(world.disk, `${stateDirectory}/codes/${name}`));
  const join = await read("join"), login = await read("login");
  assert(join.endsWith("\n") && readCode(join).claims.purpose === "join");
  assert.equal(readCode(login).claims.purpose, "login");
  for (const name of ["codes/join", "codes/login", "cluster.json"]) {
    assert.equal((await world.disk.stat(`${stateDirectory}/${name}`))?.mode, 0o600, name);
  }
  const stop = new AbortController();
  const running = world.tracker.run(stop.signal);
  await turns();
  assert.equal(await read("join"), join);
  world.clock.advance(limits.codeLifeMs / 2);
  await turns();
  assert.notEqual(await read("join"), join);
  assert.notEqual(await read("login"), login);
  stop.abort();
  world.clock.advance(1000);
  await running;
  const loginUsed = await read("login");
  await loginBy(world.connection(), loginUsed);
  assert.notEqual(await read("login"), loginUsed, "another takes its place at once");
  world.clock.advance(limits.codeLifeMs + 1);
  await refusedWith("code-invalid", loginBy(world.connection(), await read("login")));
});

async function turns(): Promise<void> {
  for (let i = 0; i < 500; i++) await Promise.resolve();
}

Deno.test("tracker forgets uploads whose lease has ended, and only these", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const used = world.uploadId(), left = world.uploadId();
  await world.admin.openUploads({ uploads: [openOf(used, "/used"), openOf(left, "/left")] });
  await world.pass(limits.uploadLeaseMs / 2);
  await world.store(used, chunkOf(1));
  await world.pass(limits.uploadLeaseMs / 2 + 1000);
  const stop = new AbortController();
  const running = world.tracker.run(stop.signal);
  await turns();
  assert.equal((await world.admin.status({})).uploadsOpen, 1);
  await world.store(used, chunkOf(1));
  await refusedWith("upload-unknown", placed(world, left, chunkOf(2)));
  stop.abort();
  await running;
});

Deno.test("tracker's clock is never behind the log, and moves on", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  await world.admin.makeDirectories({ paths: ["/a"], parents: false });
  const before = (await world.admin.status({})).nowMs;
  const late = new HandClock(world.clock.now() - 3_600_000);
  await world.start(late);
  assert((await world.admin.status({})).nowMs >= before);
  await world.seeders[0]?.beat();
  late.advance(limits.redAfterMs);
  assert.equal((await world.admin.status({})).seeders[0]?.state, "red");
  await world.admin.makeDirectories({ paths: ["/b"], parents: false });
  const log = await world.catalog.read((view) => view.logAfter(0, 100));
  const times = log.map((row) => row.timeMs);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
});

Deno.test("openTracker refuses a damaged, missing or foreign cluster.json", async () => {
  const world = await TrackerWorld.open();
  const file = `${stateDirectory}/cluster.json`;
  const good = await readWhole(world.disk, file);
  assert(good);
  const other = await TrackerWorld.open({ seed: 2 });
  const foreign = await readWhole(other.disk, file);
  assert(foreign);
  const text = (value: string) => new TextEncoder().encode(value);
  for (
    const bytes of [text(""), text("{}"), text("\0\0"), good.subarray(0, 40), foreign, undefined]
  ) {
    await world.disk.remove(file);
    if (bytes !== undefined) await writeDurably(world.disk, file, bytes);
    const fault = await refusedWith("config-corrupt", world.start());
    assert.match(fault.message, /cluster\.json/);
    if (bytes === undefined) await writeDurably(world.disk, file, text("x"));
  }
  await writeDurably(world.disk, file, good);
  await world.start();
  assert.equal((await world.admin.status({})).epoch, 2);
});

Deno.test("openTracker refuses a public address that no code could carry", async () => {
  const world = await TrackerWorld.open();
  const parts = {
    catalog: openMemoryCatalog(),
    disk: world.disk,
    stateDirectory: "/else",
    publicUrl: "tracker:1",
    clock: world.clock,
    random: world.random,
    log: silentLog,
  };
  await refusedWith("config-invalid", openTracker(parts));
});

Deno.test("tracker mints codes for administrators", async () => {
  const world = await TrackerWorld.open();
  for (const purpose of ["join", "login"] as const) {
    const { code, lifeMs, uses } = await world.admin.mintCode({ purpose });
    const { claims } = readCode(code);
    assert.deepEqual([claims.purpose, claims.uses, uses], [purpose, 1, 1]);
    assert.deepEqual([claims.expiresMs - world.clock.now(), lifeMs], [900_000, 900_000]);
  }
  const wishes = { uses: 3, lifeMs: 60_000, pending: true } as const;
  const { claims } = readCode((await world.admin.mintCode({ purpose: "join", ...wishes })).code);
  assert.deepEqual([claims.uses, claims.pending], [3, true]);
  assert.equal(claims.expiresMs - world.clock.now(), 60_000);
});

Deno.test("tracker answers a health check of a stranger", async () => {
  const world = await TrackerWorld.open();
  const health = await world.connection().health({});
  assert.deepEqual([health.status, health.role], ["ok", "tracker"]);
  assert.equal(trackerRoutes.health.access, "open");
});

Deno.test("tracker starts and serves when the code files cannot be written", async () => {
  const world = await TrackerWorld.open();
  world.disk.capacityBytes = 0;
  await world.start();
  assert.equal((await world.admin.status({})).epoch, 2);
});
