/**
 * How many seeders must have the log on their disks before an operation is acknowledged, and up to
 * where they have it. `auto` asks for as many as an operation's default copies, for fewer only
 * while fewer seeders live, and for none while the cluster is one seeder; `seeders` never asks for
 * less; `local` trusts the tracker's own disk.
 */

export const logSyncModes = ["auto", "seeders", "local"] as const;
export type LogSync = typeof logSyncModes[number];

/** @param live seeders that are live now */
export function confirmationsNeeded(mode: LogSync, copies: number, live: number): number {
  if (mode === "local") return 0;
  if (mode === "seeders") return copies;
  return live < 2 ? 0 : Math.min(copies, live);
}

/** The highest sequence that at least `needed` of these positions have reached. */
export function confirmedSequence(positions: readonly number[], needed: number): number {
  if (needed === 0) return Infinity;
  return positions.toSorted((a, b) => b - a)[needed - 1] ?? 0;
}
