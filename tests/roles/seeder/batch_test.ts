/**
 * Batches of small chunks and those who keep a seeder waiting: a sender that shows a leave and then
 * dawdles, a next seeder that does not answer. Neither holds up another batch.
 */
import assert from "node:assert/strict";
import { encodeBatch, shownFor } from "../../../protocol/mod.ts";
import { chunkOf } from "../../conformance/chunk_store_suite.ts";
import { inWorld, type Running, type SeederWorld, until } from "./seeder_world.ts";

function item(world: SeederWorld, at: Running, seed: number, chain: Running[]) {
  const { chunkId, bytes } = chunkOf(seed, 300);
  const way = world.chained(at, chunkId, bytes.length, chain);
  return { head: { chunkId, sizeBytes: bytes.length, ...way }, bytes };
}

/** More than are stored at a time. */
const many = 20;

Deno.test("batches that come in slowly keep none waiting that is whole", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    const call = world.call(at);
    const enough = Promise.withResolvers<void>();
    let pulled = 0;
    const slow = Array.from({ length: many }, (_, i) => {
      const items = [item(world, at, 100 + i, [])];
      const bytes = encodeBatch(items);
      let sent = false;
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull: async (controller) => {
          pulled++;
          if (!sent) controller.enqueue(bytes.slice(0, 5));
          else {
            await enough.promise;
            controller.enqueue(bytes.slice(5));
            controller.close();
          }
          sent = true;
        },
      }, { highWaterMark: 0 });
      return call.storeBatch(shownFor(items), { bytes: body });
    });
    await until(() => pulled === 2 * many, "all of them have begun, and dawdle");
    const items = [item(world, at, 1, [])];
    const { results } = await call.storeBatch(shownFor(items), { bytes: encodeBatch(items) });
    assert.equal(results[0]?.receipts.length, 1);
    assert.equal(at.store.summary().chunkCount, 1, "the others are still on their way");
    enough.resolve();
    for (const { results } of await Promise.all(slow)) {
      assert.equal(results[0]?.receipts.length, 1);
    }
  }));

Deno.test("batches whose next seeder does not answer keep none waiting that goes nowhere else", () =>
  inWorld(async (world) => {
    const one = await world.start("one"), two = await world.start("two");
    const real = world.apps.get(two.address);
    assert.ok(real !== undefined);
    const answer = Promise.withResolvers<void>();
    let waiting = 0;
    world.apps.set(two.address, async (request, peer) => {
      if (request.method === "POST") {
        waiting++;
        await answer.promise;
      }
      return await real(request, peer);
    });
    const call = world.call(one);
    const passed = Array.from({ length: many }, (_, i) => {
      const items = [item(world, one, 100 + i, [two])];
      return call.storeBatch(shownFor(items), { bytes: encodeBatch(items) });
    });
    await until(() => waiting === many, "all of them were passed on");
    const items = [item(world, one, 1, [])];
    const { results } = await call.storeBatch(shownFor(items), { bytes: encodeBatch(items) });
    assert.equal(results[0]?.receipts.length, 1);
    answer.resolve();
    for (const { results } of await Promise.all(passed)) {
      assert.equal(results[0]?.receipts.length, 2);
    }
  }));
