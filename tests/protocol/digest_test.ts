/**
 * SHA-256 against published vectors (FIPS 180-4 examples) and against node's own one-shot digest.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { chunkIdOf, startDigest } from "../../protocol/mod.ts";

const vectors: [string, string][] = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
];

Deno.test("chunkIdOf and startDigest give the published digests", () => {
  for (const [text, hex] of vectors) {
    const bytes = new TextEncoder().encode(text);
    assert.equal(chunkIdOf(bytes), hex);
    const digest = startDigest();
    digest.update(bytes);
    assert.equal(digest.hex(), hex);
  }
});

Deno.test("startDigest does not depend on how the bytes are cut", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (parts) => {
    const digest = startDigest();
    for (const part of parts) digest.update(part);
    assert.equal(digest.hex(), createHash("sha256").update(Buffer.concat(parts)).digest("hex"));
  }));
});

Deno.test("startDigest reads a view where it lies in its buffer", () => {
  const whole = new TextEncoder().encode("xxabcxx");
  assert.equal(chunkIdOf(whole.subarray(2, 5)), chunkIdOf(new TextEncoder().encode("abc")));
});
