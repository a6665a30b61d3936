/** Finding files to read: pages, order of holders, leaves that open exactly one door. */
import assert from "node:assert/strict";
import { checkLeave, limits } from "../../../../protocol/mod.ts";
import { chunkOf, TrackerWorld } from "../tracker_world.ts";

const full = limits.chunkBytesMin;

Deno.test("locate names holders green first, then yellow, red and away, with leaves", async () => {
  const world = await TrackerWorld.open({ seeders: 4 });
  await world.admin.setPolicy({ path: "/", copies: 4 });
  await world.upload("/file", [chunkOf(1)]);
  const [green, yellow, red, away] = world.seeders;
  assert(green && yellow && red && away);
  await away.connection.signOut({ seederId: away.seederId });
  await world.pass(limits.redAfterMs - limits.yellowAfterMs, [red, away]);
  await world.pass(limits.yellowAfterMs, [yellow, red, away]);
  const request = { targets: [{ path: "/file" }], fromChunk: 0, chunksMax: 10 };
  const reply = await world.admin.locate(request);
  const [result] = reply.results;
  assert(result?.ok);
  const [chunk] = result.file.chunks;
  assert(chunk);
  const order = [green, yellow, red, away].map((seeder) => seeder.seederId);
  assert.deepEqual(chunk.holders.map((holder) => holder.seederId), order);
  const states = new Map(reply.seeders.map((seeder) => [seeder.seederId, seeder.state]));
  assert.deepEqual(order.map((id) => states.get(id)), ["green", "yellow", "red", "away"]);
  const { chunkId, sizeBytes } = chunk;
  for (const holder of chunk.holders) {
    const { key } = world.seederOf(holder.seederId);
    const now = world.clock.now();
    checkLeave(key, holder.leave, { action: "read", chunkId, sizeBytes }, now);
    checkLeave(
      key,
      holder.leave,
      { action: "read", chunkId, sizeBytes },
      now + reply.leaveLifeMs,
    );
    assert.throws(() =>
      checkLeave(key, holder.leave, { action: "store", chunkId, sizeBytes }, now)
    );
  }
});

Deno.test("locate spreads readers over green holders", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  await world.admin.setPolicy({ path: "/", copies: 3 });
  await world.upload("/file", [chunkOf(1)]);
  const firsts = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const request = { targets: [{ path: "/file" }], fromChunk: 0, chunksMax: 1 };
    const [result] = (await world.admin.locate(request)).results;
    firsts.add(result?.ok ? result.file.chunks[0]?.holders[0]?.seederId ?? "" : "");
  }
  assert.equal(firsts.size, 3);
});

Deno.test("locate pages through files, one bad target spoiling no other", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const chunks = [1, 2, 3, 4, 5].map((label) => chunkOf(label, label === 5 ? 3 : full));
  const versionId = await world.upload("/large", chunks);
  await world.upload("/empty", []);
  await world.admin.makeDirectories({ paths: ["/dir"], parents: false });
  const link = { path: "/link", target: "large", modifiedMs: 1, replace: false };
  await world.admin.makeLinks({ links: [link] });
  const { results } = await world.admin.locate({
    targets: [
      { path: "/empty" },
      { path: "/none" },
      { path: "/dir" },
      { path: "/link" },
      { versionId },
      { versionId: "0".repeat(32) },
    ],
    fromChunk: 1,
    chunksMax: 6,
  });
  const told = results.map((result) =>
    result.ok
      ? `${result.file.path} ${result.file.chunks.map((chunk) => chunk.index).join("")}`
      : result.problem.code
  );
  assert.deepEqual(told, [
    "/empty ",
    "not-found",
    "is-a-directory",
    "/large 1234",
    "/large 12",
    "not-found",
  ]);
  const found: string[] = [];
  for (let fromChunk = 0; fromChunk < 5;) {
    const request = { targets: [{ path: "/large" }], fromChunk, chunksMax: 2 };
    const [result] = (await world.admin.locate(request)).results;
    assert(result?.ok && result.file.chunks.length > 0);
    found.push(...result.file.chunks.map((chunk) => chunk.chunkId));
    fromChunk += result.file.chunks.length;
  }
  assert.deepEqual(found, chunks.map((chunk) => chunk.chunkId));
});

Deno.test("status counts copies at risk on what lives, and shares one count for a second", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.upload("/file", [chunkOf(1)]);
  const [one, two] = world.seeders;
  assert(one && two);
  const risk = async () => {
    const { chunksAtRisk, chunksUnavailable } = await world.admin.status({});
    return [chunksAtRisk, chunksUnavailable];
  };
  assert.deepEqual(await risk(), [0, 0]);
  await one.connection.signOut({ seederId: one.seederId });
  assert.deepEqual(await risk(), [1, 0]);
  await world.pass(limits.redAfterMs, world.seeders);
  assert.deepEqual(await risk(), [1, 1]);
  const status = await world.admin.status({});
  assert.deepEqual(status.seeders.map((seeder) => seeder.state), ["away", "red"]);
  assert.equal(status.seeders[1]?.silentMs, limits.redAfterMs);
  await world.admin.remove({ path: "/file", what: "file", now: true });
  assert.deepEqual(await risk(), [1, 1], "counted a moment ago");
  world.clock.advance(1000);
  assert.deepEqual(await risk(), [0, 0]);
});

Deno.test("status counts copies anew in the moment a seeder is red", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.upload("/file", [chunkOf(1)]);
  const [one] = world.seeders;
  assert(one);
  const seen = async () => {
    const { chunksAtRisk, seeders } = await world.admin.status({});
    return [chunksAtRisk, seeders.filter(({ state }) => state === "red").length];
  };
  await world.pass(limits.redAfterMs - 1_000, [one]);
  world.clock.advance(999);
  assert.deepEqual(await seen(), [0, 0]);
  world.clock.advance(1);
  assert.deepEqual(await seen(), [1, 1]);
});
