/** Which drops the receipts of a seeder allow: the tracker's times decide, and nothing else. */
import assert from "node:assert/strict";
import {
  ChunkId,
  ClusterId,
  limits,
  makeLeave,
  SecretKey,
  SeederId,
} from "../../../protocol/mod.ts";
import { Receipts } from "../../../roles/seeder/receipts.ts";

const seederKey = SecretKey.parse("5".repeat(64));
const identity = {
  seederId: SeederId.parse("a".repeat(16)),
  clusterId: ClusterId.parse("c".repeat(16)),
  attempt: seederKey,
  ...{ seederKey, generation: 1 },
  trackerAddress: "http://tracker.test:1",
};
const chunkId = ChunkId.parse("1".repeat(64));
const otherId = ChunkId.parse("2".repeat(64));

function leaveMade(atMs: number, of = chunkId) {
  const subject = { action: "store", chunkId: of, sizeBytes: 5 } as const;
  return makeLeave(seederKey, subject, atMs + limits.leaveLifeMs);
}

function dropSince(receiptsSinceMs: number) {
  const common = { orderId: "one", chunkId, sizeBytes: 5, deadlineMs: 0, why: "a test" };
  return { kind: "drop", ...common, receiptsSinceMs } as const;
}

async function drops(receipts: Receipts, sinceMs: number): Promise<boolean> {
  let dropped = false;
  const allowed = await receipts.unlessCounted(dropSince(sinceMs), () => {
    dropped = true;
    return Promise.resolve();
  });
  assert.equal(allowed, dropped);
  return dropped;
}

Deno.test("unlessCounted keeps a chunk whose receipt an upload may still use", async () => {
  const receipts = new Receipts(() => true, true);
  receipts.give(identity, chunkId, 5, leaveMade(1000));
  assert.equal(await drops(receipts, 1000), false);
  assert.equal(await drops(receipts, 1001), true);
  receipts.give(identity, chunkId, 5, leaveMade(900));
  assert.equal(await drops(receipts, 1000), false, "an older leave takes nothing back");
});

Deno.test("unlessCounted counts what a process before may have promised", async () => {
  const receipts = new Receipts(() => true, false);
  assert.equal(await drops(receipts, 5000), false, "before the tracker was heard");
  receipts.hear(4000);
  receipts.hear(9000);
  assert.equal(await drops(receipts, 4000), false);
  assert.equal(await drops(receipts, 4001), true);
});

Deno.test("unlessCounted stays careful about receipts that were forgotten", async () => {
  const receipts = new Receipts(() => true, true, 1);
  receipts.give(identity, chunkId, 5, leaveMade(1000));
  receipts.give(identity, otherId, 5, leaveMade(2000, otherId));
  assert.equal(await drops(receipts, 1000), false);
  assert.equal(await drops(receipts, 1001), true);
});

Deno.test("give promises nothing while the chunk is dropped, or when it is gone", async () => {
  let size: number | undefined = 5;
  const receipts = new Receipts(() => size !== undefined, true);
  await receipts.unlessCounted(dropSince(1), () => {
    assert.throws(() => receipts.give(identity, chunkId, 5, leaveMade(7)), /dropped/);
    size = undefined;
    return Promise.resolve();
  });
  assert.throws(() => receipts.give(identity, chunkId, 5, leaveMade(7)), /dropped/);
});
