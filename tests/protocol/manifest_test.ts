/**
 * The manifest digest is the documented lines and nothing else; entries are checked against the
 * file's size.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import {
  ChunkEntry,
  chunkEntryProblem,
  type ChunkId,
  limits,
  startManifestDigest,
} from "../../protocol/mod.ts";
import { anyChunkBytesCount, anyChunkId } from "./arbitraries.ts";

const anyEntry = fc.record({ chunkId: anyChunkId, sizeBytes: anyChunkBytesCount });

function digestOf(entries: readonly ChunkEntry[], chunkSizeBytes: number): string {
  const digest = startManifestDigest(chunkSizeBytes);
  for (const entry of entries) digest.add(entry);
  return digest.hex();
}

Deno.test("startManifestDigest hashes the documented lines", () => {
  fc.assert(fc.property(fc.array(anyEntry), (entries) => {
    const lines = entries.map((entry) => `${entry.sizeBytes} ${entry.chunkId}\n`).join("");
    const text = `offshore manifest 1 4194304\n${lines}`;
    assert.equal(digestOf(entries, 4194304), createHash("sha256").update(text).digest("hex"));
  }));
});

Deno.test("startManifestDigest gives the digest sha256sum gives for an empty file", () => {
  // printf 'offshore manifest 1 4194304\n' | sha256sum
  assert.equal(
    digestOf([], limits.chunkBytesDefault),
    "4aa0d44ce5fc743e31a3b85cfa632c421f7d3dc6f484ac37ddda4208630adb6c",
  );
});

Deno.test("startManifestDigest tells order, sizes, ids, length and chunk size apart", () => {
  const size = limits.chunkBytesDefault;
  fc.assert(fc.property(anyEntry, anyEntry, (first, second) => {
    fc.pre(first.chunkId !== second.chunkId);
    const base = digestOf([first, second], size);
    assert.notEqual(digestOf([second, first], size), base);
    assert.notEqual(digestOf([first], size), base);
    assert.notEqual(digestOf([first, second, second], size), base);
    assert.notEqual(digestOf([first, second], size + 1), base);
    const grown = { ...first, sizeBytes: first.sizeBytes + 1 };
    assert.notEqual(digestOf([grown, second], size), base);
  }));
});

Deno.test("chunkEntryProblem accepts the chunks of the file and names what is wrong", () => {
  const size = limits.chunkBytesMin;
  const entry = (sizeBytes: number) => ({ chunkId: "0".repeat(64) as ChunkId, sizeBytes });
  assert.equal(chunkEntryProblem(entry(size), 0, size + 1, size), undefined);
  assert.equal(chunkEntryProblem(entry(1), 1, size + 1, size), undefined);
  assert.match(chunkEntryProblem(entry(1), 0, size + 1, size) ?? "", /has 1 bytes where 1048576/);
  assert.match(chunkEntryProblem(entry(2), 1, size + 1, size) ?? "", /has 2 bytes where 1 are due/);
  assert.match(chunkEntryProblem(entry(1), 2, size + 1, size) ?? "", /past the end/);
  assert.match(chunkEntryProblem(entry(1), 0, 0, size) ?? "", /past the end/);
});

Deno.test("ChunkEntry takes 1 byte to the largest chunk, and no unknown field", () => {
  const chunkId = "0".repeat(64);
  for (const sizeBytes of [1, limits.chunkBytesMax]) {
    assert.equal(ChunkEntry.safeParse({ chunkId, sizeBytes }).success, true);
  }
  for (const sizeBytes of [0, -1, 1.5, limits.chunkBytesMax + 1, "1", null, Infinity]) {
    assert.equal(ChunkEntry.safeParse({ chunkId, sizeBytes }).success, false, String(sizeBytes));
  }
  assert.equal(ChunkEntry.safeParse({ chunkId, sizeBytes: 1, more: 1 }).success, false);
});
