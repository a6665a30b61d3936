import assert from "node:assert/strict";
import fc from "fast-check";
import { clipped, columnsOf, tableOf, widthOf } from "../../../../roles/client/terminal/table.ts";

const cell = fc.string({ unit: fc.constantFrom(..."ab-é漢字🙂"), maxLength: 12 });

Deno.test("tableOf aligns every column, wide characters too", () => {
  assert.deepEqual(tableOf([["a", "1"], ["漢字", "22"], ["bcd", "333"]], ["left", "right"]), [
    "a       1",
    "漢字   22",
    "bcd   333",
  ]);
  assert.deepEqual(tableOf([], ["left"]), []);
});

Deno.test("tableOf starts a left column at one place in all rows", () => {
  fc.assert(fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1 }), (rows) => {
    const lines = tableOf(rows.map(([a, b]) => [a, `|${b}`]), ["left", "left"]);
    const places = new Set(lines.map((line) => widthOf(line.slice(0, line.indexOf("|")))));
    assert.equal(places.size, 1);
  }));
});

Deno.test("columnsOf shows every name once, in the width where one is possible", () => {
  fc.assert(fc.property(
    fc.array(cell.filter((name) => name !== ""), { maxLength: 40 }),
    fc.integer({ min: 1, max: 120 }),
    (names, columns) => {
      const lines = columnsOf(names, columns);
      assert.deepEqual(lines.flatMap((line) => line.split(/ +/)).toSorted(), names.toSorted());
      const widest = Math.max(0, ...names.map(widthOf));
      for (const line of lines) assert(widthOf(line) <= Math.max(columns, widest));
    },
  ));
  assert.deepEqual(columnsOf(["a", "b", "c", "d"], 4), ["a  c", "b  d"]);
});

Deno.test("clipped never exceeds the width, and leaves what fits alone", () => {
  fc.assert(fc.property(cell, fc.integer({ min: 0, max: 30 }), (text, columns) => {
    const result = clipped(text, columns);
    assert(widthOf(result) <= columns);
    if (widthOf(text) <= columns) assert.equal(result, text);
  }));
});
