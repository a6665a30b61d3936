/**
 * How much can still be stored in so many copies, each on another seeder: of a disk that is larger
 * than all others together the rest is of no use.
 */

/** @param freeBytes of each seeder that can be written to; at least `copies` of them */
export function usableBytes(freeBytes: readonly number[], copies: number): number {
  const sorted = freeBytes.toSorted((a, b) => b - a);
  let rest = sorted.reduce((sum, bytes) => sum + bytes, 0);
  // The largest are full of one copy of everything, and the others share what is left.
  for (const [i, bytes] of sorted.slice(0, copies).entries()) {
    const usable = Math.floor(rest / (copies - i));
    if (bytes <= usable) return usable;
    rest -= bytes;
  }
  return 0;
}
