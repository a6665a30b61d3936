/**
 * Leaves and receipts: what was signed opens exactly what it was signed for, and nothing near it.
 * Every single character is tampered with, and every part of the subject is swapped.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  checkLeave,
  ChunkId,
  Fault,
  isReceiptUnder,
  Leave,
  type LeaveSubject,
  limits,
  makeLeave,
  makeReceipt,
  Receipt,
  SecretKey,
  SeederId,
  seederKeyOf,
} from "../../protocol/mod.ts";
import { anyChunkBytesCount, anyChunkId, anySecretKey } from "./arbitraries.ts";
import { tampered } from "./tampered.ts";

const clusterKey = SecretKey.parse("11".repeat(32));
const seederId = SeederId.parse("00000000000000aa");
const otherId = SeederId.parse("00000000000000ab");
const key = seederKeyOf(clusterKey, seederId, 1);
const chunkId = ChunkId.parse("ab".repeat(32));
const subject: LeaveSubject = { action: "store", chunkId, sizeBytes: 4096 };
const expiresMs = 1_800_000_000_000;

function faultFrom(work: () => unknown): Fault {
  let caught: unknown;
  try {
    work();
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof Fault, `a fault is thrown, not ${caught}`);
  return caught;
}

Deno.test("checkLeave accepts what makeLeave made, up to the last millisecond", () => {
  const anyAction = fc.constantFrom("read" as const, "store" as const);
  fc.assert(fc.property(
    anySecretKey,
    anyAction,
    anyChunkId,
    anyChunkBytesCount,
    fc.integer({ min: 0, max: 4_000_000_000_000 }),
    (anyKey, action, chunk, sizeBytes, expires) => {
      const what = { action, chunkId: chunk, sizeBytes };
      const leave = makeLeave(anyKey, what, expires);
      assert.equal(Leave.parse(leave), leave);
      checkLeave(anyKey, leave, what, expires - 1);
      checkLeave(anyKey, leave, what, expires);
      const late = faultFrom(() => checkLeave(anyKey, leave, what, expires + 1));
      assert.equal(late.code, "leave-expired");
    },
  ));
});

Deno.test("checkLeave refuses another action, chunk, size or seeder", () => {
  const leave = makeLeave(key, subject, expiresMs);
  const others: [SecretKey, LeaveSubject][] = [
    [key, { ...subject, action: "read" }],
    [key, { ...subject, chunkId: ChunkId.parse("ab".repeat(31) + "ac") }],
    [key, { ...subject, sizeBytes: 4095 }],
    [key, { ...subject, sizeBytes: 4097 }],
    [key, { ...subject, sizeBytes: 40960 }],
    [seederKeyOf(clusterKey, otherId, 1), subject],
    [seederKeyOf(clusterKey, seederId, 2), subject],
    [seederKeyOf(SecretKey.parse("22".repeat(32)), seederId, 1), subject],
    [clusterKey, subject],
  ];
  for (const [otherKey, other] of others) {
    assert.equal(
      faultFrom(() => checkLeave(otherKey, leave, other, expiresMs - 1)).code,
      "leave-invalid",
    );
  }
});

Deno.test("checkLeave refuses a leave with any one character changed", () => {
  const leave = makeLeave(key, subject, expiresMs);
  let tried = 0;
  for (const text of tampered(leave)) {
    const parsed = Leave.safeParse(text);
    if (!parsed.success) continue;
    tried++;
    const fault = faultFrom(() => checkLeave(key, parsed.data, subject, expiresMs - 1));
    assert.equal(fault.code, "leave-invalid", text);
  }
  assert.ok(tried > leave.length, `${tried} tampered leaves were well-formed`);
});

Deno.test("Leave takes no text that is not one", () => {
  const leave = makeLeave(key, subject, expiresMs);
  const bad = [
    "",
    ".",
    leave + "A",
    leave.slice(1 + leave.indexOf(".")),
    leave + "\n",
    "-" + leave,
  ];
  for (const text of bad) assert.equal(Leave.safeParse(text).success, false, text);
});

Deno.test("makeLeave rounds fractions of a millisecond down", () => {
  const leave = makeLeave(key, subject, expiresMs + 0.9);
  checkLeave(key, leave, subject, expiresMs);
  assert.equal(leave, makeLeave(key, subject, expiresMs));
});

Deno.test("isReceiptUnder accepts the seeder's word until the grace is over", () => {
  const leave = makeLeave(key, subject, expiresMs);
  const receipt = makeReceipt(key, seederId, chunkId, 4096, leave);
  const graceMs = limits.receiptGraceMs;
  const at = (nowMs: number) =>
    isReceiptUnder(
      seederKeyOf(clusterKey, receipt.seederId, 1),
      receipt,
      chunkId,
      4096,
      nowMs,
      graceMs,
    );
  assert.equal(at(expiresMs - 1), true);
  assert.equal(at(expiresMs + graceMs), true);
  assert.equal(at(expiresMs + graceMs + 1), false);
});

Deno.test("isReceiptUnder refuses another chunk, size, seeder or cluster", () => {
  const leave = makeLeave(key, subject, expiresMs);
  const receipt = makeReceipt(key, seederId, chunkId, 4096, leave);
  const check = (r: Receipt, id: ChunkId, size: number, cluster = clusterKey) =>
    isReceiptUnder(seederKeyOf(cluster, r.seederId, 1), r, id, size, expiresMs, 0);
  assert.equal(check(receipt, chunkId, 4096), true);
  assert.equal(check(receipt, ChunkId.parse("cd".repeat(32)), 4096), false);
  assert.equal(check(receipt, chunkId, 4097), false);
  assert.equal(check({ ...receipt, seederId: otherId }, chunkId, 4096), false);
  assert.equal(check(receipt, chunkId, 4096, SecretKey.parse("22".repeat(32))), false);
});

Deno.test("isReceiptUnder refuses a receipt in another name, and a leave shown as one", () => {
  const leave = makeLeave(key, subject, expiresMs);
  const forged = makeReceipt(key, otherId, chunkId, 4096, leave);
  assert.equal(
    isReceiptUnder(
      seederKeyOf(clusterKey, forged.seederId, 1),
      forged,
      chunkId,
      4096,
      expiresMs,
      0,
    ),
    false,
  );
  const shown = { seederId, proof: leave as string };
  assert.equal(
    isReceiptUnder(seederKeyOf(clusterKey, shown.seederId, 1), shown, chunkId, 4096, expiresMs, 0),
    false,
  );
});

Deno.test("isReceiptUnder refuses a proof with any one character changed", () => {
  const receipt = makeReceipt(key, seederId, chunkId, 4096, makeLeave(key, subject, expiresMs));
  let tried = 0;
  for (const proof of tampered(receipt.proof)) {
    const parsed = Receipt.safeParse({ seederId, proof });
    if (!parsed.success) continue;
    tried++;
    assert.equal(
      isReceiptUnder(
        seederKeyOf(clusterKey, parsed.data.seederId, 1),
        parsed.data,
        chunkId,
        4096,
        expiresMs - 1e12,
        0,
      ),
      false,
      proof,
    );
  }
  assert.ok(tried > receipt.proof.length);
});
