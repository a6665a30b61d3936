/** Parts become one run of bytes. */
import assert from "node:assert/strict";
import { joined } from "../../protocol/mod.ts";

Deno.test("joined puts parts one after the other, none and empty ones too", () => {
  const part = (...bytes: number[]) => Uint8Array.from(bytes);
  assert.deepEqual(joined([]), part());
  assert.deepEqual(joined([part(1, 2)]), part(1, 2));
  assert.deepEqual(joined([part(1), part(), part(2, 3)]), part(1, 2, 3));
});
