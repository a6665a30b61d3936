/** Two tables compared page by page: every difference is found once, whatever the pages. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compareKeys, comparePages, type RowKey } from "../../../../roles/tracker/plan/compare.ts";

type Row = { key: number; value: number };
const keyOf = (row: unknown): RowKey => [(row as Row).key];

/** As two tables would be gone through, with pages of this size. */
function compared(live: readonly Row[], said: readonly Row[], limit: number) {
  const page = (rows: readonly Row[], after: RowKey | undefined) =>
    rows.filter(({ key }) => after === undefined || key > Number(after[0])).slice(0, limit);
  const differences = [];
  let rows = 0;
  let after: RowKey | undefined;
  for (;;) {
    const found = comparePages(page(live, after), page(said, after), keyOf);
    differences.push(...found.differences);
    rows += found.rows;
    if (found.upTo === undefined) return { differences, rows };
    after = found.upTo;
  }
}

const tableOf = fc.uniqueArray(
  fc.record({ key: fc.nat(30), value: fc.nat(2) }),
  { selector: ({ key }) => key, maxLength: 20 },
).map((rows) => rows.toSorted((a, b) => a.key - b.key));

Deno.test("comparePages finds what differs, once each, whatever the size of pages", () => {
  fc.assert(fc.property(tableOf, tableOf, fc.integer({ min: 1, max: 7 }), (live, said, limit) => {
    const expected = Array.from({ length: 31 }, (_, key) => ({
      live: live.find((row) => row.key === key),
      said: said.find((row) => row.key === key),
    })).filter((pair) => pair.live?.value !== pair.said?.value);
    assert.deepEqual(compared(live, said, limit).differences, expected);
  }));
});

Deno.test("comparePages counts every row of two equal tables, and minds no order of columns", () => {
  const rows = Array.from({ length: 20 }, (_, key) => ({ key, value: 1 }));
  const turned = rows.map(({ key, value }) => ({ value, key }));
  assert.deepEqual(compared(rows, turned, 3), { differences: [], rows: 20 });
});

Deno.test("compareKeys orders texts by their UTF-8 bytes, as the tables do", () => {
  const encoder = new TextEncoder();
  const text = fc.string({ unit: "binary", maxLength: 6 });
  fc.assert(fc.property(text, text, (a, b) => {
    const [left, right] = [encoder.encode(a).toHex(), encoder.encode(b).toHex()];
    assert.equal(Math.sign(compareKeys([a], [b])), left === right ? 0 : left < right ? -1 : 1);
    assert.equal(Math.sign(compareKeys([1, a], [1, b])), Math.sign(compareKeys([a], [b])));
  }));
  assert.ok(compareKeys(["a"], ["a", 0]) < 0 && compareKeys([2], [10]) < 0);
});
