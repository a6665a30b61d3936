/**
 * Every id schema takes exactly its own spelling, and a version is named as the upload that made
 * it.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  BaseUrl,
  ChunkId,
  ClusterId,
  SeederId,
  SeederName,
  UploadId,
  VersionId,
  versionOf,
  VersionPrefix,
} from "../../protocol/mod.ts";

const schemas = [
  { name: "ChunkId", schema: ChunkId, digits: 64 },
  { name: "SeederId", schema: SeederId, digits: 16 },
  { name: "ClusterId", schema: ClusterId, digits: 16 },
  { name: "UploadId", schema: UploadId, digits: 32 },
  { name: "VersionId", schema: VersionId, digits: 32 },
];

for (const { name, schema, digits } of schemas) {
  Deno.test(`${name} takes ${digits} lower-case hex digits and nothing else`, () => {
    const good = "0123456789abcdef".repeat(4).slice(0, digits);
    assert.equal(schema.parse(good), good);
    const bad = [
      "",
      good.slice(1),
      good + "0",
      good.toUpperCase(),
      good.slice(1) + "g",
      good.slice(1) + "\n",
      good + "\n",
      " " + good.slice(1),
      "0x" + good.slice(2),
    ];
    for (const text of bad) assert.equal(schema.safeParse(text).success, false, `"${text}"`);
    for (const value of [undefined, null, 7, [good], { good }]) {
      assert.equal(schema.safeParse(value).success, false);
    }
  });
}

Deno.test("ids take no text but hex, whatever is drawn", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", minLength: 16, maxLength: 16 }), (text) => {
    assert.equal(SeederId.safeParse(text).success, /^[0-9a-f]{16}$/.test(text));
  }));
});

Deno.test("versionOf keeps the digits of the upload id", () => {
  const uploadId = UploadId.parse("00112233445566778899aabbccddeeff");
  assert.equal(versionOf(uploadId), "00112233445566778899aabbccddeeff");
});

Deno.test("VersionPrefix takes 5 to 32 hex digits", () => {
  for (const text of ["1a2b3", "00000", "f".repeat(32)]) {
    assert.equal(VersionPrefix.safeParse(text).success, true, text);
  }
  for (const text of ["1a2b", "1A2B3", "f".repeat(33), "1a2bx", ""]) {
    assert.equal(VersionPrefix.safeParse(text).success, false, text);
  }
});

Deno.test("SeederName takes what can be typed and put into a file name", () => {
  for (const text of ["s", "seeder-1", "9", "rack_2.left", "a".repeat(63)]) {
    assert.equal(SeederName.safeParse(text).success, true, text);
  }
  for (const text of ["", "-a", ".a", "_a", "A", "a b", "a/b", "a".repeat(64), "é", "a\n"]) {
    assert.equal(SeederName.safeParse(text).success, false, text);
  }
});

Deno.test("BaseUrl takes scheme, host and port, and no path, query or credentials", () => {
  const good = [
    "http://127.0.0.1:1",
    "http://localhost:65535",
    "http://[::1]:8080",
    "http://A.b:80",
  ];
  for (const text of good) assert.equal(BaseUrl.safeParse(text).success, true, text);
  const bad = [
    "https://localhost:1",
    "http://localhost",
    "http://localhost:1/",
    "http://localhost:1/x",
    "http://localhost:1?x",
    "http://user@localhost:1",
    "http://user:word@localhost:1",
    "http://:1",
    "http://localhost:",
    "localhost:1",
    "http://local host:1",
    "http://localhost:123456",
    "http://localhost:1\n",
  ];
  for (const text of bad) assert.equal(BaseUrl.safeParse(text).success, false, text);
});
