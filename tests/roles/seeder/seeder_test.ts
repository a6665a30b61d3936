/**
 * A seeder's initiative: joining, reporting, orders, the epoch fence, and trouble with its disk.
 */
import assert from "node:assert/strict";
import {
  ClusterId,
  Fault,
  type FaultCode,
  isReceiptUnder,
  type Order,
  type OrderOutcome,
  seederKeyOf,
  shownFor,
  startAnswer,
} from "../../../protocol/mod.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { openMemoryStore, openSeeder } from "../../../roles/seeder/mod.ts";
import { chunkOf, inParts } from "../../conformance/chunk_store_suite.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import {
  clusterKey,
  inWorld,
  type Running,
  type SeederWorld,
  startOf,
  until,
} from "./seeder_world.ts";

function newDisk(): SimDisk {
  return new SimDisk({ random: seededRandom(7) });
}

/** Gives orders in the next heartbeat reply and waits for their outcomes. */
async function outcomesOf(
  world: SeederWorld,
  orders: Order[],
  epoch = 1,
): Promise<OrderOutcome[]> {
  let given = false;
  const from = world.heard.heartbeats.length;
  world.reply = () => {
    if (given) return { start: startOf(epoch) };
    given = true;
    return { orders, start: startOf(epoch) };
  };
  const outcomes = () => world.heard.heartbeats.slice(from).flatMap((each) => each.outcomes);
  await until(() => outcomes().length >= orders.length, "outcomes are told");
  return outcomes();
}

const nonce = "5a".repeat(32);

function orderFor(world: SeederWorld, seed: number, lifeMs = 60_000) {
  const { chunkId, bytes } = chunkOf(seed, 5000);
  const deadlineMs = world.clock.now() + world.aheadMs + lifeMs;
  const orderId = `order-${seed}`;
  return { orderId, chunkId, sizeBytes: bytes.length, deadlineMs, why: "a test" };
}

async function keep(at: Running, seed: number): Promise<void> {
  const { chunkId, bytes } = chunkOf(seed, 5000);
  await at.store.put(chunkId, bytes.length, inParts(bytes));
}

Deno.test("run joins once, keeps the identity, and signs out", () =>
  inWorld(async (world) => {
    const disk = newDisk();
    const first = await world.start("one", { disk });
    assert.equal(world.heard.joins.length, 1);
    assert.equal((await disk.stat("/state/seeder.json"))?.mode, 0o600);
    await first.stop();
    assert.deepEqual(world.heard.signOuts, [first.seederId]);
    const second = await world.start("one", { disk });
    assert.equal(second.seederId, first.seederId);
    assert.equal(world.heard.joins.length, 1);
    const boots = new Set(world.heard.heartbeats.map((each) => each.bootId));
    assert.ok(boots.size >= 1);
  }));

Deno.test("a heartbeat tells what is held, and the inventory is told when wanted", () =>
  inWorld(async (world) => {
    const store = openMemoryStore();
    const chunks = Array.from({ length: 4100 }, (_, seed) => chunkOf(seed, 20));
    await store.putMany(chunks);
    let asked = false;
    world.reply = () => {
      if (asked) return {};
      asked = true;
      return { inventoryWanted: true };
    };
    await world.start("one", { store });
    assert.equal(world.heard.heartbeats[0]?.chunkCount, 4100);
    assert.equal(world.heard.heartbeats[0]?.inventoryDigest, store.summary().digest);
    await until(() => world.heard.pages.at(-1)?.last === true, "the inventory is told");
    const told = world.heard.pages.flatMap((page) => page.chunks.map((chunk) => chunk.chunkId));
    assert.deepEqual(told, chunks.map((chunk) => chunk.chunkId).sort());
    assert.equal(world.heard.pages.length, 2);
    assert.equal(world.heard.pages[1]?.after, world.heard.pages[0]?.chunks.at(-1)?.chunkId);
  }));

Deno.test("a copy order fetches from a source that has the right bytes, and gives a receipt", () =>
  inWorld(async (world) => {
    const rotten = openMemoryStore();
    const source = await world.start("source"), bad = await world.start("bad", { store: rotten });
    for (const each of [source, bad]) await keep(each, 1);
    const order = orderFor(world, 1);
    rotten.damage(order.chunkId);
    await bad.store.drop(chunkOf(99, 1).chunkId);
    const target = await world.start("target");
    const from = (at: Running) => ({
      seederId: at.seederId,
      address: at.address,
      leave: world.leave(at, "read", order.chunkId, order.sizeBytes),
    });
    const storeLeave = world.leave(target, "store", order.chunkId, order.sizeBytes);
    await source.stop();
    await bad.stop();
    world.apps.set(source.address, source.seeder.app);
    world.apps.set(bad.address, bad.seeder.app);
    const [outcome] = await outcomesOf(world, [
      { kind: "copy", ...order, sources: [from(bad), from(source)], storeLeave },
    ]);
    assert.equal(outcome?.result, "held", outcome?.detail);
    assert.equal(await target.store.verify(order.chunkId), "good");
    assert.deepEqual(outcome?.doubtful, [bad.seederId]);
    assert.ok(outcome?.receipt !== undefined);
    const nowMs = world.clock.now() + world.aheadMs;
    assert.ok(
      isReceiptUnder(
        seederKeyOf(clusterKey, outcome.receipt.seederId, 1),
        outcome.receipt,
        order.chunkId,
        order.sizeBytes,
        nowMs,
        0,
      ),
    );
  }));

Deno.test("a copy order reads what is there already, and fetches it when that is damaged", () =>
  inWorld(async (world) => {
    const mine = openMemoryStore();
    const source = await world.start("source");
    await keep(source, 1);
    const order = orderFor(world, 1);
    const target = await world.start("target", { store: mine });
    await keep(target, 1);
    mine.damage(order.chunkId);
    const tells = () => world.heard.scrubs.filter((one) => one.seederId === target.seederId);
    await until(() => tells().length > 0, "the scrub has begun");
    const leave = world.leave(source, "read", order.chunkId, order.sizeBytes);
    const { seederId, address } = source;
    const storeLeave = world.leave(target, "store", order.chunkId, order.sizeBytes);
    await source.stop();
    world.apps.set(source.address, source.seeder.app);
    const [outcome] = await outcomesOf(world, [
      { kind: "copy", ...order, sources: [{ seederId, address, leave }], storeLeave },
    ]);
    assert.equal(outcome?.result, "held", outcome?.detail);
    assert.equal(await mine.verify(order.chunkId), "good");
    await until(
      () => tells().some(({ progress }) => progress.corruptChunks === 1),
      "whoever asks how sound the disk is hears of it",
    );
  }));

Deno.test("a copy order that fails tells whose copy is to be doubted", () =>
  inWorld(async (world) => {
    const source = await world.start("source");
    const order = orderFor(world, 1);
    const target = await world.start("target");
    const leave = world.leave(source, "read", order.chunkId, order.sizeBytes);
    const storeLeave = world.leave(target, "store", order.chunkId, order.sizeBytes);
    await source.stop();
    world.apps.set(source.address, source.seeder.app);
    const { seederId, address } = source;
    const silent = { seederId: "f".repeat(16) as typeof seederId, address: "http://gone.test:1" };
    const [outcome] = await outcomesOf(world, [{
      kind: "copy",
      ...order,
      sources: [{ ...silent, leave }, { seederId, address, leave }],
      storeLeave,
    }]);
    assert.equal(outcome?.result, "failed");
    assert.match(outcome?.detail ?? "", /^chunk-not-found: /);
    assert.deepEqual(outcome?.doubtful, [seederId], "a silent one is not to blame");
  }));

Deno.test("verify and drop orders are carried out, late ones are not", () =>
  inWorld(async (world) => {
    const store = openMemoryStore();
    const at = await world.start("one", { store });
    for (const seed of [1, 2, 3, 4]) await keep(at, seed);
    store.damage(chunkOf(2, 5000).chunkId);
    const outcomes = await outcomesOf(world, [
      { kind: "verify", nonce, ...orderFor(world, 1) },
      { kind: "verify", nonce, ...orderFor(world, 2) },
      { kind: "drop", ...orderFor(world, 3), receiptsSinceMs: 0 },
      { kind: "drop", ...orderFor(world, 4, -1), receiptsSinceMs: 0 },
    ]);
    const told = Object.fromEntries(outcomes.map((each) => [each.orderId, each.result]));
    assert.deepEqual(told, {
      "order-1": "held",
      "order-2": "absent",
      "order-3": "absent",
      "order-4": "failed",
    });
    const answers = outcomes.flatMap(({ orderId, answer }) => answer ? [[orderId, answer]] : []);
    const right = startAnswer(nonce);
    right.update(chunkOf(1, 5000).bytes);
    assert.deepEqual(answers, [["order-1", right.hex()]]);
    assert.equal(store.sizeOf(chunkOf(3, 5000).chunkId), undefined);
    assert.equal(store.sizeOf(chunkOf(4, 5000).chunkId), 5000);
  }));

Deno.test("outcomes are told again until a heartbeat was answered", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    await keep(at, 1);
    let refused = 0;
    let given = false;
    world.reply = (heartbeat) => {
      if (heartbeat.outcomes.length > 0 && refused++ < 2) return new Fault("unavailable", "busy");
      if (given) return {};
      given = true;
      return { orders: [{ kind: "verify", nonce, ...orderFor(world, 1) }] };
    };
    await until(() => refused >= 3, "the outcome is told three times");
    await until(() => world.heard.heartbeats.at(-1)?.outcomes.length === 0, "then no more");
  }));

Deno.test("orders of an older tracker, or of another of the same epoch, are ignored, also after a restart", () =>
  inWorld(async (world) => {
    const disk = newDisk(), store = openMemoryStore();
    const at = await world.start("one", { disk, store });
    await keep(at, 1);
    world.reply = () => ({ start: startOf(5) });
    const heard = world.heard.heartbeats.length;
    await until(() => world.heard.heartbeats.length > heard + 2, "epoch 5 is heard");
    const drop: Order = { kind: "drop", ...orderFor(world, 1), receiptsSinceMs: 0 };
    for (const other of [startOf(4), startOf(5, "2".repeat(16))]) {
      world.reply = () => ({ start: other, orders: [drop] });
      const before = world.heard.heartbeats.length;
      await until(() => world.heard.heartbeats.length > before + 5, "more heartbeats");
      assert.equal(store.sizeOf(drop.chunkId), 5000);
    }
    const leave = world.leave(at, "read", drop.chunkId, 5000);
    const reply = await world.call(at).readChunk({ chunkId: drop.chunkId, size: "5000", leave });
    assert.deepEqual(await reply.bytes(), chunkOf(1, 5000).bytes);
    await at.stop();

    const again = openSeederOn(world, disk, store);
    const ending = new AbortController();
    const seeder = await again;
    const ran = seeder.run({ port: 2 }, ending.signal);
    const count = world.heard.heartbeats.length;
    await until(() => world.heard.heartbeats.length > count + 3, "heartbeats after the restart");
    assert.equal(seeder.joined, false);
    assert.equal(store.sizeOf(drop.chunkId), 5000);
    ending.abort();
    await ran;
  }));

function openSeederOn(
  world: SeederWorld,
  disk: SimDisk,
  store = openMemoryStore(),
  code: string | undefined = world.joinCode(),
) {
  return openSeeder({
    store,
    disk,
    stateDirectory: "/state",
    name: "one",
    joinCode: () => Promise.resolve(code),
    clock: world.clock,
    random: seededRandom(3),
    transport: world.transport,
    log: silentLog,
  });
}

Deno.test("a seeder that the tracker does not know joins again under its own id", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    let unknown = true;
    world.reply = () => {
      if (!unknown) return {};
      unknown = false;
      return new Fault("seeder-unknown", "never heard of it");
    };
    await until(() => world.heard.joins.length === 2, "it joins again");
    const joins = world.heard.joins as { seederId: string }[];
    assert.deepEqual(joins.map((each) => each.seederId), [at.seederId, at.seederId]);
    await until(() => at.seeder.joined, "it is heard again");
  }));

Deno.test("a seeder finds its tracker again by itself", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    await keep(at, 1);
    const tracker = world.apps.get("http://tracker:1");
    assert.ok(tracker !== undefined);
    world.apps.delete("http://tracker:1");
    await world.clock.sleep(60);
    const { chunkId } = chunkOf(1, 5000);
    const leave = world.leave(at, "read", chunkId, 5000);
    const reply = await world.call(at).readChunk({ chunkId, size: "5000", leave });
    assert.equal((await reply.bytes()).length, 5000);
    const before = world.heard.heartbeats.length;
    world.apps.set("http://tracker:1", tracker);
    await until(() => world.heard.heartbeats.length > before, "it reports again");
  }));

Deno.test("before the first heartbeat every leave is answered with unavailable", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    const disk = newDisk();
    const fresh = await openSeederOn(world, disk);
    world.apps.set("http://fresh:2", fresh.app);
    const { chunkId } = chunkOf(1, 5000);
    const leave = world.leave(at, "read", chunkId, 5000);
    const call = world.call(at, world.transport, "http://fresh:2");
    await rejectsWith("unavailable", call.readChunk({ chunkId, size: "5000", leave }));
    await rejectsWith("unavailable", call.storeBatch(shownFor([]), { bytes: new Uint8Array(3) }));
    assert.equal((await call.health({})).status, "starting");
  }));

async function rejectsWith(code: FaultCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => error instanceof Fault && error.code === code);
}

Deno.test("a damaged identity stops the start and is left as it is", () =>
  inWorld(async (world) => {
    for (const text of ["", "{", "{}", '{"seederId":"x"}']) {
      const disk = newDisk();
      await disk.makeDirectory("/state");
      const bytes = new TextEncoder().encode(text);
      const file = await disk.open("/state/seeder.json", "create");
      await file.write(bytes, 0);
      file.close();
      await rejectsWith("config-corrupt", openSeederOn(world, disk));
      assert.deepEqual(disk.peek("/state/seeder.json"), bytes);
    }
  }));

Deno.test("a disk of one cluster refuses the join code of another", () =>
  inWorld(async (world) => {
    const disk = newDisk();
    await (await world.start("one", { disk })).stop();
    const other = world.joinCode(ClusterId.parse("d".repeat(16)));
    await rejectsWith("config-invalid", openSeederOn(world, disk, openMemoryStore(), other));
    await openSeederOn(world, disk);
  }));

Deno.test("a disk that cannot be written is told, reads go on, and it recovers", () =>
  inWorld(async (world) => {
    const good = openMemoryStore();
    let failing = false;
    const store = {
      ...good,
      put: (...args: Parameters<typeof good.put>) =>
        failing
          ? Promise.reject(new Fault("disk-failed", "input/output error"))
          : good.put(...args),
    };
    const at = await world.start("one", { store });
    await keep(at, 1);
    failing = true;
    const { chunkId, bytes } = chunkOf(2, 5000);
    const store2 = () => {
      const leave = world.leave(at, "store", chunkId, 5000);
      return world.call(at).storeChunk({ chunkId, size: "5000", leave }, { bytes });
    };
    await rejectsWith("disk-failed", store2());
    await until(() => world.heard.heartbeats.at(-1)?.writable === false, "the trouble is told");
    assert.match(world.heard.heartbeats.at(-1)?.trouble ?? "", /input\/output error/);
    const held = chunkOf(1, 5000);
    const leave = world.leave(at, "read", held.chunkId, 5000);
    const reply = await world.call(at).readChunk({ chunkId: held.chunkId, size: "5000", leave });
    assert.deepEqual(await reply.bytes(), held.bytes);
    failing = false;
    await store2();
    await until(() => world.heard.heartbeats.at(-1)?.writable === true, "it recovers");
  }));
