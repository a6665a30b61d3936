/**
 * The record of a start, and what another tracker's does: one tracker stops for it when it is
 * signed, for good, and for nothing that anybody could make up.
 */
import assert from "node:assert/strict";
import {
  isSigned,
  limits,
  type LogMark,
  logOrigin,
  positionOf,
  SecretKey,
  signRecord,
} from "../../../../protocol/mod.ts";
import { readWhole } from "../../../../roles/kit/disk.ts";
import { refusedWith, stateDirectory, TrackerWorld } from "../tracker_world.ts";

async function keyOf({ disk }: TrackerWorld): Promise<SecretKey> {
  const bytes = await readWhole(disk, `${stateDirectory}/cluster.json`);
  return SecretKey.parse(JSON.parse(new TextDecoder().decode(bytes)).clusterKey);
}

/** What a tracker of this key would have written at its start. */
function startOf(key: SecretKey, epoch: number, term: string): LogMark {
  const record = { sequence: 9, epoch, term, timeMs: 0, text: "", checksum: "a".repeat(64) };
  return positionOf(signRecord(key, record));
}

async function opened() {
  const world = await TrackerWorld.open({ seeders: 1 });
  const [one] = world.seeders;
  assert(one);
  const pull = (heard: LogMark) =>
    one.connection.pullLog({ seederId: one.seederId, heard, position: logOrigin });
  return { world, one, pull, key: await keyOf(world) };
}

Deno.test("every start first commits a signed record of its epoch and a term of its own", async () => {
  const { world, one, key } = await opened();
  const first = one.lastReply.start;
  assert(isSigned(key, first));
  assert.deepEqual([first.sequence, first.epoch], [1, 1]);
  await world.start();
  const { start } = await one.beat();
  assert(isSigned(key, start));
  assert.equal(start.epoch, 2);
  assert.notEqual(start.term, first.term);
  const row = (await world.catalog.read((view) => view.logHead()))!;
  assert.deepEqual([row.sequence, row.term], [start.sequence, start.term]);
  assert.match(row.text, /start-tracker/);
});

Deno.test("an epoch that no tracker signed stops nothing, however high it is", async () => {
  const { world, one, pull } = await opened();
  const forged = startOf(SecretKey.parse("9".repeat(64)), limits.epochMax, "2".repeat(16));
  await refusedWith("unauthenticated", pull(forged));
  const position = { ...forged, sequence: 400 };
  await refusedWith(
    "unauthenticated",
    one.connection.pullLog({ seederId: one.seederId, position }),
  );
  await world.admin.makeDirectories({ paths: ["/still"], parents: false });
});

Deno.test("a start of a later epoch, or another of the same one, stops a tracker for good", async () => {
  for (const epoch of [1, 2]) {
    const { world, pull, key } = await opened();
    const other = startOf(key, epoch, "2".repeat(16));
    const fault = await refusedWith("stale-epoch", pull(other));
    assert.match(fault.message, epoch === 1 ? /two trackers/ : /epoch 2/);
    const asked = () => world.admin.makeDirectories({ paths: ["/new"], parents: false });
    await refusedWith("stale-epoch", asked());
    for (let starts = 0; starts < 4; starts++) {
      await world.start();
      await refusedWith("stale-epoch", asked());
      assert.deepEqual((await world.admin.list({ path: "/", limit: 1 })).entries, []);
      assert.equal((await world.admin.status({})).authority.state, "fenced");
    }
  }
});

Deno.test("an earlier start that a seeder heard changes nothing", async () => {
  const { world, pull, key } = await opened();
  await world.start();
  const run = pull(startOf(key, 1, "2".repeat(16)));
  await world.admin.makeDirectories({ paths: ["/still"], parents: false });
  world.clock.advance(limits.logPullMs);
  assert.equal((await run).start.epoch, 2);
});
