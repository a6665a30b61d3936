/** Bytes that are no UTF-8, as text that can be shown and that nothing is found by. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { foreignName, holdsReplacement, textOfBytes } from "../../../roles/kit/foreign_names.ts";

Deno.test("textOfBytes gives UTF-8 as it is and each other byte as a lone surrogate", () => {
  const cases: [string, number[], string][] = [
    ["latin 1", [0x63, 0x61, 0x66, 0xe9], "caf\udce9"],
    ["in the middle", [0x61, 0xff, 0x62], "a\udcffb"],
    ["a sequence cut short", [0xe2, 0x82], "\udce2\udc82"],
    ["overlong", [0xc0, 0x80], "\udcc0\udc80"],
    ["a surrogate", [0xed, 0xa0, 0x80], "\udced\udca0\udc80"],
    ["really that character", [0xef, 0xbf, 0xbd], "\ufffd"],
    ["a mark at the front", [0xef, 0xbb, 0xbf, 0x61], "\ufeffa"],
  ];
  for (const [name, bytes, text] of cases) {
    assert.equal(textOfBytes(new Uint8Array(bytes)), text, name);
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(textOfBytes(new TextEncoder().encode(text)), text);
  }));
  fc.assert(fc.property(fc.uint8Array(), fc.uint8Array(), (one, other) => {
    const same = one.toHex() === other.toHex();
    assert.equal(textOfBytes(one) === textOfBytes(other), same);
  }));
});

Deno.test("foreignName is never a name that something is found by", () => {
  assert.equal(holdsReplacement("caf\ufffd"), true);
  assert.equal(holdsReplacement("café"), false);
  assert.equal(foreignName("caf\ufffd").isWellFormed(), false);
});
