/**
 * What the tests of the protocol draw from: ids, keys, sizes, names and paths, valid and hostile.
 * Each is drawn through the schema, so a test holds the same branded types as the code it tests.
 */
import * as fc from "fast-check";
import {
  ChunkId,
  limits,
  pathOf,
  type RemotePath,
  SecretKey,
  SeederId,
  segmentProblem,
} from "../../protocol/mod.ts";

function hexOf(digits: number): fc.Arbitrary<string> {
  const digit = fc.constantFrom(..."0123456789abcdef");
  return fc.string({ unit: digit, minLength: digits, maxLength: digits });
}

export const anyChunkId = hexOf(64).map((hex) => ChunkId.parse(hex));
export const anySeederId = hexOf(16).map((hex) => SeederId.parse(hex));
export const anySecretKey = hexOf(64).map((hex) => SecretKey.parse(hex));
export const anyChunkBytesCount = fc.integer({ min: 1, max: limits.chunkBytesMax });
export const anyTime = fc.integer({ min: 0, max: 4_000_000_000_000 });

/** Names as people and other systems make them: any script, controls, dots, up to the limit. */
export const anySegment: fc.Arbitrary<string> = fc.string({ unit: "binary", maxLength: 64 })
  .filter((name) => segmentProblem(name) === undefined);

export const anyPath: fc.Arbitrary<RemotePath> = fc.array(anySegment, { maxLength: 8 })
  .map((segments) => pathOf(segments));

/** Text a stranger could send where a path is meant. */
export const hostilePath: fc.Arbitrary<string> = fc.array(
  fc.oneof(
    fc.constantFrom("", ".", "..", "...", "\0", "a\0b", "\ud800", "é", "e\u0301", "x".repeat(256)),
    fc.string({ unit: "binary", maxLength: 12 }),
  ),
  { maxLength: 30 },
).chain((segments) =>
  fc.constantFrom("/", "", "//", "./").map((start) => start + segments.join("/"))
);

export const anyBytes: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.uint8Array({ maxLength: 600 })
  .map((bytes) => new Uint8Array(bytes));
