/** The numbers of `limits.ts` carry their unit, and the relations other files lean on hold. */
import assert from "node:assert/strict";
import { limits, StoreReply } from "../../protocol/mod.ts";

const units = ["Bytes", "Ms", "Count", "Max", "Min", "Default", "Version", "Chunks", "Share"];

Deno.test("limits are positive numbers whose names end in a unit or a bound", () => {
  for (const [name, value] of Object.entries(limits)) {
    assert.ok(Number.isFinite(value) && value > 0, name);
    assert.ok(units.some((unit) => name.endsWith(unit)), `${name} names no unit`);
    if (!name.includes("Share")) assert.ok(Number.isSafeInteger(value), name);
  }
});

Deno.test("limits let a full batch of commits with receipts through as one JSON body", () => {
  const receipt = { seederId: "0".repeat(16), proof: "zzzzzzzzz." + "A".repeat(43) };
  StoreReply.parse({ receipts: [receipt], failures: [] });
  const chunk = {
    chunkId: "0".repeat(64),
    sizeBytes: limits.chunkBytesMax,
    index: 999_999,
    receipts: Array(limits.copiesDefault).fill(receipt),
  };
  const bytes = JSON.stringify(chunk).length * limits.batchItemsMax;
  assert.ok(bytes < limits.jsonBodyBytesMax, `${bytes} bytes`);
});

Deno.test("limits let a full page of inventory through as one JSON body", () => {
  const entry = { chunkId: "0".repeat(64), sizeBytes: limits.chunkBytesMax };
  const bytes = JSON.stringify(entry).length * limits.inventoryPageChunksMax;
  assert.ok(bytes < limits.jsonBodyBytesMax, `${bytes} bytes`);
});

Deno.test("limits keep a receipt alive while the upload it belongs to is", () => {
  assert.ok(limits.leaveLifeMs + limits.receiptGraceMs >= limits.uploadLeaseMs);
});
