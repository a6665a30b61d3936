/**
 * Who is a member, who is none any more, and what each may still ask for: every route of a seeder
 * as one that waits, was banned, was forgotten, or speaks under a key of before.
 */
import assert from "node:assert/strict";
import {
  type KeepersMark,
  limits,
  logOrigin,
  type LogPosition,
  positionOf,
  type Route,
  trackerRoutes,
} from "../../../../protocol/mod.ts";
import { chunkOf, openOf, refusedWith, type TestSeeder, TrackerWorld } from "../tracker_world.ts";

const seederRoutes = Object.entries(trackerRoutes as Record<string, Route>)
  .filter(([, { access }]) => access === "seeder").map(([name]) => name)
  // A tracker that has its log answers these to nobody.
  .filter((name) => name !== "uploadLog" && name !== "uploadSnapshot");

/** Asks each route as this seeder; the code each was refused with, or "opened". */
async function knocks(world: TrackerWorld, seeder: TestSeeder): Promise<Record<string, string>> {
  const { seederId, bootId } = seeder;
  const report = {
    state: "resting" as const,
    ...{ filesFound: 0, filesIndexed: 0, bytesIndexed: 0 },
    ...{ filesWaiting: 0, leftOutCount: 0, leftOut: [] },
  };
  const { connection } = seeder;
  const asks: Record<string, () => Promise<unknown>> = {
    heartbeat: () => connection.heartbeat(seeder.report()),
    inventory: () => connection.inventory({ seederId, bootId, chunks: [], last: true }),
    scrubReport: () =>
      connection.scrubReport({
        ...{ seederId, bootId, verifiedMs: Array(256).fill(0) },
        progress: {
          pace: "calm" as const,
          ...{ yielding: false, shelvesDone: 0, checkedChunks: 0, checkedBytes: 0 },
          ...{ corruptChunks: 0, corruptMs: 0, unreadableChunks: 0 },
        },
      }),
    offer: () => connection.offer({ seederId, bootId, files: [], report }),
    signOut: () => connection.signOut({ seederId }),
    pullLog: () => connection.pullLog({ seederId, position: logOrigin }),
    pullSnapshot: () => connection.pullSnapshot({ seederId, sequence: 1, offset: 0 }),
  };
  const found: Record<string, string> = {};
  for (const name of seederRoutes) {
    const ask = asks[name];
    assert(ask !== undefined, `a question for ${name}`);
    const before = await world.catalog.read((view) => view.logHead());
    found[name] = await ask().then(() => "opened", (fault) => fault.code);
    assert.deepEqual(await world.catalog.read((view) => view.logHead()), before, name);
  }
  return found;
}

/** Lets whatever can go on go on, until only the clock is waited for. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((done) => setTimeout(done, 0));
}

const everywhere = (code: string, but: Record<string, string> = {}) => ({
  ...Object.fromEntries(seederRoutes.map((name) => [name, code])),
  ...but,
});

async function forgotten(world: TrackerWorld, seeder: TestSeeder): Promise<void> {
  await world.pass(limits.redAfterMs + 1000, [seeder]);
  const { seederId } = seeder;
  await world.admin.forget({ seederId, acceptLoss: true });
}

Deno.test("a forgotten seeder opens no route, also after a restart of the tracker", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one] = world.seeders;
  assert(one);
  await forgotten(world, one);
  assert.deepEqual(await knocks(world, one), everywhere("seeder-unknown"));
  await world.start();
  assert.deepEqual(await knocks(world, one), everywhere("seeder-unknown"));
});

Deno.test("a banned seeder opens no route although it reports, and cannot join again", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  const [one] = world.seeders;
  assert(one);
  const { seederId } = one;
  await refusedWith("seeder-live", world.admin.forget({ seederId, acceptLoss: true }));
  await world.admin.forget({ seederId, acceptLoss: true, ban: true });
  for (let start = 0; start < 2; start++) {
    assert.deepEqual(await knocks(world, one), everywhere("forbidden"));
    await refusedWith("forbidden", one.join());
    await refusedWith("forbidden", world.admin.acceptSeeder({ seederId }));
    const { seeders, outsiders } = await world.admin.status({});
    assert.deepEqual([seeders.length, outsiders.map(({ standing }) => standing)], [2, ["banned"]]);
    await world.start();
  }
  await world.admin.forget({ seederId, acceptLoss: false });
  await one.join();
  assert.equal(one.generation, 2);
});

Deno.test("a question for the log that waits is not answered to one that is banned meanwhile", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one] = world.seeders;
  assert(one);
  const { seederId } = one;
  const head = await world.catalog.read((view) => view.logHead());
  assert(head);
  let position: LogPosition = positionOf({ ...head, mac: "a".repeat(43) });
  let keepers: KeepersMark | undefined;
  const pull = () =>
    one.connection.pullLog({
      ...{ seederId, position },
      ...(keepers === undefined ? {} : { keepers }),
    });
  // Until it is a keeper and has all there is: from then on a question waits for news.
  for (let turn = 0; turn < 6; turn++) {
    const asked = pull();
    await settle();
    world.clock.advance(limits.logPullMs);
    const { card, records } = await asked;
    position = records.length === 0 ? position : positionOf(records.at(-1));
    if (card !== undefined) {
      keepers = { epoch: card.keepers.epoch, sequence: card.keepers.sequence };
    }
    await one.beat();
  }
  const ask = pull();
  await settle();
  const waiting = refusedWith("seeder-unknown", ask);
  await world.admin.forget({ seederId, acceptLoss: true, ban: true });
  await waiting;
});

Deno.test("a seeder that returns after it was forgotten has another key, and its old one is worth nothing", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one, two] = world.seeders;
  assert(one && two);
  await world.upload("/file", [chunkOf(1)]);
  const before = { key: one.key, connection: one.connection };
  await forgotten(world, one);
  assert.equal(one.generation, 1);
  await one.join();
  assert.equal(one.generation, 2);
  assert.notEqual(one.key, before.key);
  const after = one.connection;
  one.connection = before.connection;
  const old = await knocks(world, one);
  assert(Object.values(old).every((code) => ["unauthenticated", "seeder-unknown"].includes(code)));
  one.connection = after;
  assert.equal((await one.beat()).inventoryWanted, true, "its copies are heard of anew");
  // A receipt of before is no receipt of the one that is here now.
  const uploadId = world.uploadId();
  await world.admin.openUploads({ uploads: [openOf(uploadId, "/g")] });
  const receipts = await world.store(uploadId, chunkOf(2));
  assert.equal(receipts.length, 2, "leaves are made under the key of now");
});

Deno.test("a heartbeat that was under way while its seeder was forgotten does not put it back", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one] = world.seeders;
  assert(one);
  await world.pass(limits.redAfterMs + 1000, [one]);
  const { seederId } = one;
  const beating = one.beat({ advertised: { host: "moved.lan", port: 9 } }).catch(() => {});
  const forgetting = world.admin.forget({ seederId, acceptLoss: true }).catch(() => {});
  await Promise.all([beating, forgetting]);
  const row = await world.catalog.read(async (view) =>
    (await view.seeders()).find((each) => each.seederId === seederId)
  );
  const memory = (await world.admin.status({})).seeders.some((each) => each.seederId === seederId);
  await world.start();
  const restarted = (await world.admin.status({})).seeders.some((each) =>
    each.seederId === seederId
  );
  assert.deepEqual([memory, restarted], [row?.standing === "member", row?.standing === "member"]);
});

Deno.test("of a disk no more counts than was accepted, and less as soon as it says so", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const late = world.newSeeder("late");
  await late.join({ capacityBytes: 1000 });
  world.seeders.push(late);
  const beat = (totalBytes: number, zone?: string) =>
    late.beat({
      space: { totalBytes, freeBytes: totalBytes - 100, usedBytes: 100 },
      ...(zone === undefined ? {} : { zone }),
    });
  const view = async () => {
    const { seeders } = await world.admin.status({});
    const { space, zone, asks } = seeders.find(({ name }) => name === "late") ?? {};
    return { space, zone, asks };
  };
  const zone = late.seederId;
  const counted = { totalBytes: 1000, freeBytes: 900, usedBytes: 100 };
  await beat(2 ** 52, "elsewhere");
  const asks = { zone: "elsewhere", capacityBytes: 2 ** 52 };
  assert.deepEqual(await view(), { space: counted, zone, asks });
  await beat(500);
  const less = { totalBytes: 500, freeBytes: 400, usedBytes: 100 };
  assert.deepEqual(await view(), { space: less, zone, asks: undefined });
  await beat(3000, "rack-2");
  const { before, now } = await world.admin.acceptSeeder({ seederId: late.seederId });
  assert.deepEqual([before.capacityBytes, now.capacityBytes, now.zone], [1000, 3000, "rack-2"]);
  await beat(3000, "rack-2");
  const all = { totalBytes: 3000, freeBytes: 2900, usedBytes: 100 };
  assert.deepEqual(await view(), { space: all, zone: "rack-2", asks: undefined });
  await world.admin.acceptSeeder({ seederId: late.seederId, capacityBytes: 2000, zone: "hall" });
  await world.start();
  await beat(3000);
  const some = { totalBytes: 2000, freeBytes: 1900, usedBytes: 100 };
  assert.deepEqual(await view(), { space: some, zone: "hall", asks: { capacityBytes: 3000 } });
});
