import assert from "node:assert/strict";
import fc from "fast-check";
import { sizeText } from "../../protocol/mod.ts";

Deno.test("sizeText has a unit and no more digits than people read", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [17, "17 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [4_194_304, "4 MiB"],
    [300_000_000, "286 MiB"],
    [1024 ** 2 - 1, "1020 KiB"],
    [5 * 1024 ** 4, "5 TiB"],
  ];
  for (const [bytes, text] of cases) assert.equal(sizeText(bytes), text);
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => {
    assert.match(sizeText(bytes), /^\d{1,4}(\.\d{1,2})? ([KMGTPE]i)?B$/);
  }));
});
