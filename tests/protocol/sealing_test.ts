import assert from "node:assert/strict";
import * as fc from "fast-check";
import { seal, Sealed, unseal } from "../../protocol/mod.ts";
import { anySecretKey } from "./arbitraries.ts";

const nonce = "0a".repeat(12);

Deno.test("unseal gives back what seal was given, to the same secret and about the same thing", () => {
  const anyText = fc.string({ minLength: 1, maxLength: 300 });
  fc.assert(fc.property(anySecretKey, anySecretKey, anyText, (secret, other, text) => {
    fc.pre(secret !== other);
    const sealed = seal(secret, nonce, "about", text);
    assert.deepEqual(Sealed.parse(sealed), sealed);
    assert.equal(unseal(secret, sealed, "about"), text);
    assert.throws(() => unseal(other, sealed, "about"));
    assert.throws(() => unseal(secret, sealed, "above"));
    const flipped = sealed.sealed.startsWith("0") ? "1" : "0";
    const changed = { ...sealed, sealed: flipped + sealed.sealed.slice(1) };
    assert.throws(() => unseal(secret, changed, "about"));
  }));
});
