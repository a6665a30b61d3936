/** Two pages of one table side by side: which rows differ, and up to where both were seen. */

/** Where a row stands in its table: rows come in ascending order of it. */
export type RowKey = readonly (string | number)[];

export interface RowDifference {
  /** What the live table has; undefined when it has no such row. */
  readonly live: unknown;
  /** What the log says; undefined when it says there is none. */
  readonly said: unknown;
}

export interface Comparison {
  readonly differences: readonly RowDifference[];
  /** Rows seen. */
  readonly rows: number;
  /** Both tables were compared up to this key; undefined at the end of both. */
  readonly upTo: RowKey | undefined;
}

export function compareKeys(left: RowKey, right: RowKey): number {
  for (const [i, a] of left.entries()) {
    const b = right[i];
    if (b === undefined) return 1;
    if (typeof a === "string" && typeof b === "string") {
      const order = compareTexts(a, b);
      if (order !== 0) return order;
    } else if (a !== b) return a < b ? -1 : 1;
  }
  return left.length - right.length;
}

/** By their UTF-8 bytes, as the tables are: a surrogate stands for more than U+FFFF. */
function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  let i = 0;
  while (left[i] === right[i]) i++;
  const [a, b] = [left.charCodeAt(i), right.charCodeAt(i)];
  // The end of one of them is NaN, and comes first.
  if (i >= left.length) return -1;
  if (i >= right.length) return 1;
  const lifted = (unit: number) => unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
  return lifted(a) - lifted(b);
}

/**
 * Rows of both tables after the same key, each in ascending order of keys. A page ends where its
 * table may go on; an empty one ends its table.
 */
export function comparePages(
  live: readonly unknown[],
  said: readonly unknown[],
  keyOf: (row: unknown) => RowKey,
): Comparison {
  const ends = [live, said].flatMap((page) => page.length === 0 ? [] : [keyOf(page.at(-1))]);
  // What lies beyond the shorter of two pages that may go on is looked at in the next.
  const [upTo] = ends.toSorted(compareKeys);
  if (upTo === undefined) return { differences: [], rows: 0, upTo };
  const within = (rows: readonly unknown[]) =>
    rows.filter((row) => compareKeys(keyOf(row), upTo) <= 0);
  const lefts = within(live), rights = within(said);
  const differences: RowDifference[] = [];
  for (let i = 0, j = 0; i < lefts.length || j < rights.length;) {
    const left = lefts[i], right = rights[j];
    const order = left === undefined
      ? 1
      : right === undefined
      ? -1
      : compareKeys(keyOf(left), keyOf(right));
    if (order <= 0) i++;
    if (order >= 0) j++;
    if (order === 0 && sameRow(left, right)) continue;
    differences.push({
      live: order <= 0 ? left : undefined,
      said: order >= 0 ? right : undefined,
    });
  }
  return { differences, rows: Math.max(lefts.length, rights.length), upTo };
}

/** The same columns with the same values, in whatever order an engine gives them. */
function sameRow(left: unknown, right: unknown): boolean {
  return inOrder(left) === inOrder(right);
}

function inOrder(row: unknown): string {
  return JSON.stringify(
    row,
    (_, value) =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
        : value,
  );
}
