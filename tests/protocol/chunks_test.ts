/** The framing of a batch, the chain header, and the ranges of RFC 9110. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  type BatchItem,
  BatchItemHead,
  ChainHeader,
  chunkIdOf,
  decodeBatch,
  encodeBatch,
  Fault,
  limits,
  makeLeave,
  parseRange,
  ReadChunkRequest,
  SecretKey,
  SeederId,
} from "../../protocol/mod.ts";
import { anyBytes } from "./arbitraries.ts";

const key = SecretKey.parse("11".repeat(32));
const seederId = SeederId.parse("00000000000000aa");
const named = [{ seederId, address: "http://127.0.0.1:8471" }];
const link = {
  seederId,
  leave: makeLeave(key, { action: "store", chunkId: chunkIdOf(new Uint8Array()), sizeBytes: 1 }, 9),
};

function itemOf(bytes: Uint8Array<ArrayBuffer>, links = 0): BatchItem {
  const chunkId = chunkIdOf(bytes);
  const leave = makeLeave(key, { action: "store", chunkId, sizeBytes: bytes.length }, 1000);
  const head = BatchItemHead.parse({
    chunkId,
    sizeBytes: bytes.length,
    leave,
    ...links === 0 ? {} : { chain: { named, links: Array(links).fill(link) } },
  });
  return { head, bytes };
}

const anyItem = fc.tuple(
  anyBytes.filter((bytes) => bytes.length > 0),
  fc.integer({ min: 0, max: 3 }),
)
  .map(([bytes, links]) => itemOf(bytes, links));

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Fault, `a fault is thrown, not ${error}`);
    return error.code;
  }
  return "taken";
}

Deno.test("decodeBatch gives back what encodeBatch was given", () => {
  fc.assert(fc.property(fc.array(anyItem, { maxLength: 12 }), (items) => {
    assert.deepEqual(decodeBatch(encodeBatch(items)), items);
  }));
});

Deno.test("decodeBatch reads a body that lies inside a larger buffer", () => {
  const body = encodeBatch([itemOf(new Uint8Array([7, 8, 9]))]);
  const larger = new Uint8Array(body.length + 20);
  larger.set(body, 11);
  const [item] = decodeBatch(larger.subarray(11, 11 + body.length));
  assert.deepEqual(item?.bytes, new Uint8Array([7, 8, 9]));
});

Deno.test("decodeBatch calls a body cut anywhere inside an item truncated", () => {
  const items = [itemOf(new Uint8Array([1, 2, 3])), itemOf(new Uint8Array([4]))];
  const body = encodeBatch(items);
  const first = encodeBatch(items.slice(0, 1)).length;
  for (let length = 1; length < body.length; length++) {
    if (length === first) continue;
    assert.equal(
      refusalOf(() => decodeBatch(body.slice(0, length))),
      "truncated-body",
      `${length}`,
    );
  }
  assert.equal(decodeBatch(body.slice(0, first)).length, 1);
  assert.deepEqual(decodeBatch(new Uint8Array()), []);
});

Deno.test("decodeBatch answers garbage with a fault", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
      const code = refusalOf(() => decodeBatch(new Uint8Array(bytes)));
      assert.ok(["truncated-body", "invalid-request"].includes(code), code);
    }),
    { numRuns: 500 },
  );
});

Deno.test("decodeBatch answers a damaged batch with a fault or with well-formed items", () => {
  const body = encodeBatch([itemOf(new Uint8Array([1, 2, 3])), itemOf(new Uint8Array([4, 5]))]);
  for (let offset = 0; offset < body.length; offset++) {
    for (const flip of [1, 0x20, 0x80, 0xff]) {
      const damaged = new Uint8Array(body);
      damaged[offset] = (damaged[offset] ?? 0) ^ flip;
      const code = refusalOf(() => {
        for (const { head, bytes } of decodeBatch(damaged)) {
          assert.equal(bytes.length, BatchItemHead.parse(head).sizeBytes);
        }
      });
      assert.ok(["taken", "truncated-body", "invalid-request"].includes(code), code);
    }
  }
});

Deno.test("decodeBatch refuses a head with an unknown field, or of another shape", () => {
  const item = itemOf(new Uint8Array([1]));
  for (const head of [{ ...item.head, more: 1 }, [item.head], null, { ...item.head, chain: 1 }]) {
    // The cast stands for a sender that does not keep to the types.
    const body = encodeBatch([{ head: head as BatchItem["head"], bytes: item.bytes }]);
    assert.equal(refusalOf(() => decodeBatch(body)), "invalid-request");
  }
});

Deno.test("decodeBatch takes as many items as the limit and no more", () => {
  const items = Array<BatchItem>(limits.chunkBatchItemsMax).fill(itemOf(new Uint8Array([1])));
  assert.equal(decodeBatch(encodeBatch(items)).length, limits.chunkBatchItemsMax);
  const more = [...items, ...items.slice(0, 1)];
  assert.equal(refusalOf(() => decodeBatch(encodeBatch(more))), "body-too-large");
});

Deno.test("ChainHeader reads a chain from JSON and refuses all else", () => {
  const chainOf = (links: unknown[]) => JSON.stringify({ named, links });
  assert.deepEqual(ChainHeader.parse(chainOf([link])), { named, links: [link] });
  const longest = Array(limits.copiesMax - 1).fill(link);
  assert.equal(ChainHeader.safeParse(chainOf(longest)).success, true);
  const bad = [
    "",
    "{}",
    "[",
    "null",
    chainOf([]),
    chainOf([{ ...link, more: 1 }]),
    chainOf([{ ...link, leave: "x" }]),
    chainOf([{ ...link, address: "http://127.0.0.1:8471" }]),
    chainOf([...longest, link]),
    JSON.stringify({ named: Array(limits.copiesMax + 3).fill(named[0]), links: [link] }),
    "[" + " ".repeat(16_384) + "]",
  ];
  for (const text of bad) assert.equal(ChainHeader.safeParse(text).success, false, text);
});

Deno.test("ReadChunkRequest takes a size in plain decimal digits only", () => {
  const base = { chunkId: "0".repeat(64), leave: link.leave };
  assert.equal(ReadChunkRequest.parse({ ...base, size: "4096" }).size, 4096);
  const bad = ["", "0", "-1", "1e3", "0x10", "1.5", " 1", "1 ", `${limits.chunkBytesMax + 1}`];
  for (const size of bad) {
    assert.equal(ReadChunkRequest.safeParse({ ...base, size }).success, false, size);
  }
});

Deno.test("parseRange reads the ranges of RFC 9110, 14.1.2", () => {
  const cases: [string | undefined, { start: number; end: number } | undefined][] = [
    [undefined, undefined],
    ["", undefined],
    ["bytes=0-499", { start: 0, end: 500 }],
    ["bytes=500-999", { start: 500, end: 1000 }],
    ["bytes=500-", { start: 500, end: 1000 }],
    ["bytes=-500", { start: 500, end: 1000 }],
    ["bytes=-2000", { start: 0, end: 1000 }],
    ["bytes=0-0", { start: 0, end: 1 }],
    ["bytes=-1", { start: 999, end: 1000 }],
    ["bytes=999-999", { start: 999, end: 1000 }],
    ["bytes=999-5000", { start: 999, end: 1000 }],
    ["bytes=0-", { start: 0, end: 1000 }],
    // Not usable, so the whole chunk is sent.
    ["bytes=-", undefined],
    ["bytes=5-4", undefined],
    ["bytes=0-1,5-6", undefined],
    ["items=0-1", undefined],
    ["bytes 0-1", undefined],
    ["bytes=a-b", undefined],
    ["bytes=+1-2", undefined],
    ["bytes=1-2 ", undefined],
  ];
  for (const [header, expected] of cases) {
    assert.deepEqual(parseRange(header, 1000), expected, header);
  }
  for (
    const header of ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=99999999999999999999-"]
  ) {
    assert.equal(refusalOf(() => parseRange(header, 1000)), "range-not-satisfiable", header);
  }
});

Deno.test("parseRange never answers bytes that are not there", () => {
  const anyPart = fc.oneof(fc.constant(""), fc.nat().map(String), fc.string({ maxLength: 4 }));
  const anySize = fc.integer({ min: 1, max: limits.chunkBytesMax });
  fc.assert(fc.property(anyPart, anyPart, anySize, (first, last, sizeBytes) => {
    let range;
    try {
      range = parseRange(`bytes=${first}-${last}`, sizeBytes);
    } catch (error) {
      assert.ok(error instanceof Fault && error.code === "range-not-satisfiable");
      return;
    }
    if (range === undefined) return;
    assert.ok(range.start >= 0 && range.start < range.end && range.end <= sizeBytes);
  }));
});
