import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../../../protocol/mod.ts";
import {
  refuseId,
  shownId,
  typedId,
  typedTrashId,
} from "../../../../roles/client/cluster/typed_ids.ts";

Deno.test("typedId takes the sign and digits, and nothing that merely begins so", () => {
  const cases: [string, string | undefined, number | undefined][] = [
    ["@7e104", "7e104", undefined],
    ["@7E104", "7e104", undefined],
    ["@12", "12", 12],
    ["@12345", "12345", 12345],
    ["@7e10", undefined, undefined],
    ["@012", undefined, undefined],
    ["@types", undefined, undefined],
    ["7e104", undefined, undefined],
    ["12", undefined, undefined],
    ["./@7e104", undefined, undefined],
    ["@7e104/x", undefined, undefined],
    [`@${"a".repeat(33)}`, undefined, undefined],
    ["@", undefined, undefined],
  ];
  for (const [word, id, trashId] of cases) {
    assert.deepEqual([typedId(word), typedTrashId(word)], [id, trashId], word);
  }
});

Deno.test("what is shown of an id is typed as that id, and is refused as a name", () => {
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32 });
  fc.assert(fc.property(hex, (id) => {
    assert.equal(typedId(shownId(id)), id.slice(0, 8));
    assert.throws(() => refuseId(shownId(id), "a path"), Fault);
    refuseId(`./${shownId(id)}`, "a path");
  }));
  fc.assert(fc.property(fc.integer({ min: 1, max: 1e9 }), (id) => {
    assert.equal(typedTrashId(shownId(id)), id);
  }));
});
