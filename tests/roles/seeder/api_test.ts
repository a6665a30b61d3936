/** The data path of a seeder, called as the network calls it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BaseUrl,
  type BatchItem,
  type ChunkId,
  encodeBatch,
  Fault,
  type FaultCode,
  isReceiptUnder,
  limits,
  type Receipt,
  seederKeyOf,
  shownFor,
} from "../../../protocol/mod.ts";
import { openMemoryStore } from "../../../roles/seeder/mod.ts";
import { chunkOf, inParts } from "../../conformance/chunk_store_suite.ts";
import { clusterKey, inWorld, type Running, type SeederWorld } from "./seeder_world.ts";

type Bytes = Uint8Array<ArrayBuffer>;

async function rejectsWith(code: FaultCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

function storeAt(
  world: SeederWorld,
  at: Running,
  chunkId: ChunkId,
  sizeBytes: number,
  bytes: Bytes | ReadableStream<Bytes>,
  chain: Running[] = [],
) {
  const way = world.chained(at, chunkId, sizeBytes, chain);
  return world.call(at).storeChunk({
    chunkId,
    size: String(sizeBytes),
    leave: way.leave,
    ...(way.chain === undefined ? {} : { chain: JSON.stringify(way.chain) }),
  }, { bytes });
}

function readAt(
  world: SeederWorld,
  at: Running,
  chunkId: ChunkId,
  sizeBytes: number,
  range?: string,
) {
  return world.call(at).readChunk({
    chunkId,
    size: String(sizeBytes),
    leave: world.leave(at, "read", chunkId, sizeBytes),
    ...(range === undefined ? {} : { range }),
  });
}

function assertReceipts(
  world: SeederWorld,
  receipts: readonly Receipt[],
  from: Running[],
  chunkId: ChunkId,
  sizeBytes: number,
): void {
  assert.deepEqual(
    receipts.map((each) => each.seederId),
    from.map((each) => each.seederId),
  );
  const nowMs = world.clock.now() + world.aheadMs;
  for (const receipt of receipts) {
    assert.ok(
      isReceiptUnder(
        seederKeyOf(clusterKey, receipt.seederId, 1),
        receipt,
        chunkId,
        sizeBytes,
        nowMs,
        0,
      ),
    );
  }
}

Deno.test("storeChunk keeps a chunk, gives a genuine receipt, and readChunk gives it back", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    for (const size of [1, 70_000, 3_000_000]) {
      const { chunkId, bytes } = chunkOf(size, size);
      const reply = await storeAt(world, at, chunkId, size, bytes);
      assertReceipts(world, reply.receipts, [at], chunkId, size);
      assert.deepEqual(reply.failures, []);
      const whole = await readAt(world, at, chunkId, size);
      assert.equal(whole.status, 200);
      assert.equal(whole.headers.get("etag"), `"${chunkId}"`);
      assert.equal(whole.headers.get("content-length"), String(size));
      assert.deepEqual(await whole.bytes(), bytes);
      const again = await storeAt(world, at, chunkId, size, bytes);
      assertReceipts(world, again.receipts, [at], chunkId, size);
    }
  }));

Deno.test("readChunk serves ranges and headChunk the headers", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    const { chunkId, bytes } = chunkOf(1, 1000);
    await storeAt(world, at, chunkId, 1000, bytes);
    const cases: [string, number, number][] = [
      ["bytes=0-0", 0, 1],
      ["bytes=10-19", 10, 20],
      ["bytes=990-5000", 990, 1000],
      ["bytes=500-", 500, 1000],
      ["bytes=-7", 993, 1000],
    ];
    for (const [range, start, end] of cases) {
      const reply = await readAt(world, at, chunkId, 1000, range);
      assert.equal(reply.status, 206);
      assert.equal(reply.headers.get("content-range"), `bytes ${start}-${end - 1}/1000`);
      assert.deepEqual(await reply.bytes(), bytes.slice(start, end));
    }
    assert.equal((await readAt(world, at, chunkId, 1000, "lines=1-2")).status, 200);
    await rejectsWith("range-not-satisfiable", readAt(world, at, chunkId, 1000, "bytes=1000-"));
    const leave = world.leave(at, "read", chunkId, 1000);
    const head = await world.call(at).headChunk({ chunkId, size: "1000", leave });
    assert.equal(head.headers.get("accept-ranges"), "bytes");
    assert.equal(head.headers.get("content-length"), "1000");
    assert.equal(await head.text(), "");
  }));

Deno.test("every route refuses without the right leave", () =>
  inWorld(async (world) => {
    const [one, two] = [await world.start("one"), await world.start("two")];
    const { chunkId, bytes } = chunkOf(1, 1000);
    await storeAt(world, one, chunkId, 1000, bytes);
    const read = world.leave(one, "read", chunkId, 1000);
    const store = world.leave(one, "store", chunkId, 1000);
    const call = world.call(one);
    const size = "1000";
    await rejectsWith("leave-invalid", call.readChunk({ chunkId, size, leave: store }));
    await rejectsWith("leave-invalid", call.readChunk({ chunkId, size: "999", leave: read }));
    const others = world.leave(two, "read", chunkId, 1000);
    await rejectsWith("leave-invalid", call.readChunk({ chunkId, size, leave: others }));
    const late = world.leave(one, "read", chunkId, 1000, -1_000);
    await rejectsWith("leave-expired", call.readChunk({ chunkId, size, leave: late }));
    await rejectsWith(
      "leave-invalid",
      call.storeChunk({ chunkId, size, leave: read }, { bytes }),
    );
    const other = chunkOf(2, 1000);
    await rejectsWith(
      "leave-invalid",
      call.storeChunk({ chunkId: other.chunkId, size, leave: store }, { bytes: other.bytes }),
    );
    const bare = new Request(`${one.address}/v1/chunks/${chunkId}?size=1000`, {
      headers: { "offshore-protocol": "2" },
    });
    assert.equal((await world.transport(bare)).status, 403);
    assert.equal(one.store.summary().chunkCount, 1);
  }));

Deno.test("storeChunk refuses bodies that are not what was declared, and keeps nothing", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    for (const size of [1000, limits.packedChunkBytesMax + 1000]) {
      const { chunkId, bytes } = chunkOf(5, size);
      const longer = new Uint8Array(size + 1);
      longer.set(bytes);
      const wrong = bytes.slice();
      wrong[7] = (wrong[7] ?? 0) ^ 1;
      const stream = (sent: Bytes) => ReadableStream.from(inParts(sent, 777));
      await rejectsWith("digest-mismatch", storeAt(world, at, chunkId, size, wrong));
      await rejectsWith("digest-mismatch", storeAt(world, at, chunkId, size, stream(wrong)));
      await rejectsWith("size-mismatch", storeAt(world, at, chunkId, size, stream(longer)));
      const short = bytes.subarray(0, size - 1);
      await rejectsWith("truncated-body", storeAt(world, at, chunkId, size, stream(short)));
      const declared = (length: number) =>
        new Request(`${at.address}/v1/chunks/${chunkId}?size=${size}`, {
          method: "PUT",
          body: bytes,
          headers: {
            "content-length": String(length),
            "offshore-protocol": "2",
            "offshore-leave": world.leave(at, "store", chunkId, size),
          },
        });
      const told = async (length: number) =>
        (await (await world.transport(declared(length))).json()).code;
      assert.equal(await told(size + 1), "size-mismatch");
      assert.equal(await told(size - 1), "truncated-body");
      const broken = new ReadableStream<Bytes>({
        start: (controller) => {
          controller.enqueue(bytes.subarray(0, 500));
          controller.error(new Error("the line was cut"));
        },
      });
      await rejectsWith("truncated-body", storeAt(world, at, chunkId, size, broken));
      await rejectsWith("chunk-not-found", readAt(world, at, chunkId, size));
    }
    assert.equal(at.store.summary().chunkCount, 0);
  }));

Deno.test("storeChunk passes a chunk along a chain of three", () =>
  inWorld(async (world) => {
    const one = await world.start("one"), two = await world.start("two");
    const three = await world.start("three");
    for (const size of [1000, 9_000_000]) {
      const { chunkId, bytes } = chunkOf(size, size);
      const reply = await storeAt(world, one, chunkId, size, bytes, [two, three]);
      assertReceipts(world, reply.receipts, [one, two, three], chunkId, size);
      assert.deepEqual(reply.failures, []);
      for (const each of [one, two, three]) {
        assert.equal(await each.store.verify(chunkId), "good");
      }
      // A chunk that the first has already still goes on.
      await two.store.drop(chunkId);
      const again = await storeAt(world, one, chunkId, size, bytes, [two]);
      assertReceipts(world, again.receipts, [one, two], chunkId, size);
    }
  }));

Deno.test("a broken link of a chain fails alone and those before it hold", () =>
  inWorld(async (world) => {
    const one = await world.start("one"), two = await world.start("two");
    const three = await world.start("three");
    const full = await world.start("full", { store: openMemoryStore({ totalBytes: 10 }) });
    const { chunkId, bytes } = chunkOf(3, 6_000_000);
    const codes = (failures: { seederId: string; problem: { code: string } }[]) =>
      failures.map((each) => [each.seederId, each.problem.code]);

    const refused = await storeAt(world, one, chunkId, bytes.length, bytes, [full, two]);
    assertReceipts(world, refused.receipts, [one], chunkId, bytes.length);
    assert.deepEqual(codes(refused.failures), [
      [full.seederId, "disk-full"],
      [two.seederId, "seeder-unreachable"],
    ]);
    assert.equal(two.store.sizeOf(chunkId), undefined);

    world.apps.delete(three.address);
    const gone = await storeAt(world, one, chunkId, bytes.length, bytes, [two, three]);
    assertReceipts(world, gone.receipts, [one, two], chunkId, bytes.length);
    assert.deepEqual(codes(gone.failures), [[three.seederId, "seeder-unreachable"]]);
  }));

Deno.test("when the first of a chain refuses, the next stores nothing", () =>
  inWorld(async (world) => {
    const full = await world.start("full", { store: openMemoryStore({ totalBytes: 10 }) });
    const two = await world.start("two");
    const { chunkId, bytes } = chunkOf(4, 5_000_000);
    await rejectsWith("disk-full", storeAt(world, full, chunkId, bytes.length, bytes, [two]));
    const wrong = bytes.slice();
    wrong[4_999_999] = (wrong[4_999_999] ?? 0) ^ 1;
    const one = await world.start("one");
    await rejectsWith("digest-mismatch", storeAt(world, one, chunkId, wrong.length, wrong, [two]));
    assert.equal(two.store.summary().chunkCount, 0);
    assert.equal(one.store.summary().chunkCount, 0);
  }));

function batchItem(world: SeederWorld, at: Running, seed: number, chain: Running[]): BatchItem {
  const { chunkId, bytes } = chunkOf(seed, 100 + seed);
  const way = world.chained(at, chunkId, bytes.length, chain);
  return { head: { chunkId, sizeBytes: bytes.length, ...way }, bytes };
}

Deno.test("storeBatch stores each good item along its chain and names what is wrong with the rest", () =>
  inWorld(async (world) => {
    const one = await world.start("one"), two = await world.start("two");
    const three = await world.start("three");
    const good = [
      batchItem(world, one, 1, [two]),
      batchItem(world, one, 2, [three, two]),
      batchItem(world, one, 3, []),
    ];
    const foreign = batchItem(world, two, 4, [two]);
    const corrupt = batchItem(world, one, 5, []);
    corrupt.bytes[0] = (corrupt.bytes[0] ?? 0) ^ 1;
    const bytes = encodeBatch([...good, foreign, corrupt]);
    const { results } = await world.call(one).storeBatch(shownFor(good), { bytes });
    const receivers = [[one, two], [one, three, two], [one]];
    good.forEach(({ head }, i) => {
      const result = results[i];
      assert.equal(result?.chunkId, head.chunkId);
      assert.deepEqual(result?.failures, []);
      const from = receivers[i] ?? [];
      assertReceipts(world, result?.receipts ?? [], from, head.chunkId, head.sizeBytes);
      for (const each of from) assert.equal(each.store.sizeOf(head.chunkId), head.sizeBytes);
    });
    assert.deepEqual(results[3]?.receipts, []);
    assert.deepEqual(
      results[3]?.failures.map((each) => [each.seederId, each.problem.code]),
      [[one.seederId, "leave-invalid"], [two.seederId, "leave-invalid"]],
    );
    assert.equal(results[4]?.failures[0]?.problem.code, "digest-mismatch");
    assert.equal(one.store.summary().chunkCount, 3);
    assert.equal(two.store.summary().chunkCount, 2);
  }));

Deno.test("a seeder calls nobody whom the tracker did not name with the leave", () =>
  inWorld(async (world) => {
    const one = await world.start("one"), two = await world.start("two");
    const called: string[] = [];
    world.apps.set("http://inside.test:80", (request) => {
      called.push(request.url);
      return Promise.resolve(new Response("secret", { status: 418 }));
    });
    const { chunkId, bytes } = chunkOf(6, 700);
    const size = String(bytes.length);
    const { leave, chain } = world.chained(one, chunkId, bytes.length, [two]);
    assert(chain);
    const stranger = { seederId: two.seederId, address: BaseUrl.parse("http://inside.test:80") };
    const forged = [
      // The address of a member exchanged, a member added, a link to whom nobody named.
      { ...chain, named: chain.named.map((one) => one.seederId === two.seederId ? stranger : one) },
      { ...chain, named: [...chain.named, { ...stranger, seederId: chain.named[0]?.seederId }] },
      { ...chain, links: chain.links.map((link) => ({ ...link, seederId: "f".repeat(16) })) },
      { ...chain, named: [stranger] },
    ] as (typeof chain)[];
    for (const each of forged) {
      const input = { chunkId, size, leave, chain: JSON.stringify(each) };
      await rejectsWith("leave-invalid", world.call(one).storeChunk(input, { bytes }));
      const head = { chunkId, sizeBytes: bytes.length, leave, chain: each };
      const items = [{ head, bytes }];
      const batch = { bytes: encodeBatch(items) };
      const { results } = await world.call(one).storeBatch(shownFor(items), batch);
      assert.equal(results[0]?.failures[0]?.problem.code, "leave-invalid");
    }
    // A leave that names nobody passes nothing on.
    const bare = world.leave(one, "store", chunkId, bytes.length);
    const input = { chunkId, size, leave: bare, chain: JSON.stringify(chain) };
    await rejectsWith("leave-invalid", world.call(one).storeChunk(input, { bytes }));
    assert.deepEqual(called, []);
    assert.equal(one.store.summary().chunkCount + two.store.summary().chunkCount, 0);
  }));

Deno.test("storeBatch refuses what is no batch, too large or cut short", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    const call = world.call(at);
    const items = [batchItem(world, at, 1, []), batchItem(world, at, 2, [])];
    const bytes = encodeBatch(items), shown = shownFor(items);
    for (const cut of [1, 3, 5, 200, bytes.length - 1]) {
      await rejectsWith("truncated-body", call.storeBatch(shown, { bytes: bytes.slice(0, cut) }));
    }
    const huge = new Uint8Array(limits.chunkBatchBytesMax + 1);
    await rejectsWith("body-too-large", call.storeBatch(shown, { bytes: huge }));
    const malformed = bytes.slice();
    malformed[4] = 0;
    await rejectsWith("invalid-request", call.storeBatch(shown, { bytes: malformed }));
    assert.equal(at.store.summary().chunkCount, 0);
  }));

Deno.test("no request, however malformed, stores anything or stops the seeder", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    const { chunkId, bytes } = chunkOf(1, 500);
    const leave = world.leave(at, "store", chunkId, 500);
    const odd = fc.oneof(
      fc.string({ maxLength: 80 }).map((text) => encodeURIComponent(text)),
      fc.constantFrom(chunkId, "0", "-1", "500", "1e3", "NaN", "%00"),
    );
    const request = fc.record({
      method: fc.constantFrom("GET", "HEAD", "PUT", "POST", "DELETE"),
      id: odd,
      size: odd,
      extra: fc.option(odd),
      leave: fc.oneof(odd, fc.constant(leave)),
      chain: fc.option(fc.oneof(odd, fc.json({ maxDepth: 2 }).map(encodeURIComponent))),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ method, id, size, extra, leave, chain }) => {
        const query = `size=${size}${extra === null ? "" : `&${extra}=1`}`;
        // The one combination that is right is left out.
        fc.pre(!(method === "PUT" && id === chunkId && size === "500"));
        const response = await at.seeder.app(
          new Request(`${at.address}/v1/chunks/${id}?${query}`, {
            method,
            headers: {
              "offshore-protocol": "2",
              "offshore-leave": leave,
              ...(chain === null ? {} : { "offshore-chain": chain }),
            },
            ...(method === "PUT" || method === "POST" ? { body: bytes } : {}),
          }),
        );
        assert.ok(response.status >= 400 && response.status < 500, String(response.status));
        await response.body?.cancel();
        assert.equal(at.store.summary().chunkCount, 0);
      }),
      { numRuns: 200 },
    );
    await storeAt(world, at, chunkId, 500, bytes);
    assert.equal(at.store.summary().chunkCount, 1);
  }));
