/** Only a holder of the bytes can answer, and one that holds others does not. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chunkIdOf } from "../../../protocol/mod.ts";
import { answerTo } from "../../../roles/seeder/answer.ts";
import { openMemoryStore } from "../../../roles/seeder/mod.ts";

const nonce = "a7".repeat(32);
const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
const chunkId = chunkIdOf(bytes);

Deno.test("answerTo is SHA-256 of the nonce's bytes and then the chunk's", async () => {
  const store = openMemoryStore();
  assert.deepEqual(await store.putMany([{ chunkId, bytes }]), ["stored"]);
  const nonceBytes = Uint8Array.from({ length: 32 }, () => 0xa7);
  const expected = createHash("sha256").update(nonceBytes).update(bytes).digest("hex");
  assert.equal(await answerTo(store, chunkId, nonce), expected);
  const other = await answerTo(store, chunkId, "a8".repeat(32));
  assert(other !== undefined && other !== expected);
});

Deno.test("answerTo takes a chunk part by part", async () => {
  const whole = openMemoryStore();
  await whole.putMany([{ chunkId, bytes }]);
  const parts = [bytes.slice(0, 7), bytes.slice(7, 99_999), bytes.slice(99_999)];
  const read = () => Promise.resolve({ sizeBytes: bytes.length, body: ReadableStream.from(parts) });
  const answer = await answerTo({ read }, chunkId, nonce);
  assert.equal(answer, await answerTo(whole, chunkId, nonce));
});

Deno.test("answerTo has no answer for bytes that are not those of the id", async () => {
  const store = openMemoryStore();
  await store.putMany([{ chunkId, bytes }]);
  store.damage(chunkId);
  assert.equal(await answerTo(store, chunkId, nonce), undefined);
});
