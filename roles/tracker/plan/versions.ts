/**
 * Which old versions are given up: at an overwrite those beyond the number that the policy keeps;
 * later those past their time, and then the oldest of all files, one by one, until what is left
 * fits its share of the disks or is young.
 */

/** One old version, by what it costs. */
export interface OldVersionFacts<Id = string> {
  readonly versionId: Id;
  readonly sizeBytes: number;
  readonly chunkCount: number;
  readonly untilMs: number;
  readonly supersededMs: number;
}

/** What one transaction may take away, so that it stays short. */
export interface VersionPace {
  readonly versionsMax: number;
  readonly chunksMax: number;
}

/**
 * At an overwrite: the oldest of a file's old versions, so that with the one that joins them there
 * are `keep`. A policy that was lowered is reached after some overwrites.
 * @param old in the order in which others took their places
 */
export function beyondNumber<Id>(
  old: readonly OldVersionFacts<Id>[],
  keep: number,
  pace: VersionPace,
): Id[] {
  return firstWithin(old.slice(0, Math.max(0, old.length + 1 - keep)), pace);
}

/**
 * Those to give up now: as many as the pace allows, those past their time first.
 * @param ended the first of those past their time
 * @param oldest the first of all in the order in which others took their places
 * @param totalBytes of all, also those not named here
 * @param bytesMax of one copy each
 * @param youngMs what took its place later is not given up for the share
 */
export function versionsToDrop<Id>(
  ended: readonly OldVersionFacts<Id>[],
  oldest: readonly OldVersionFacts<Id>[],
  totalBytes: number,
  bytesMax: number,
  youngMs: number,
  pace: VersionPace,
): Id[] {
  const going = new Map(ended.map((one) => [one.versionId, one]));
  let left = totalBytes - ended.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const one of oldest) {
    if (left <= bytesMax || one.supersededMs > youngMs) break;
    if (going.has(one.versionId)) continue;
    going.set(one.versionId, one);
    left -= one.sizeBytes;
  }
  return firstWithin([...going.values()], pace);
}

/** The first of them, at least one, until the pace is reached. */
export function firstWithin<Id>(versions: readonly OldVersionFacts<Id>[], pace: VersionPace): Id[] {
  const chosen: Id[] = [];
  let chunks = 0;
  for (const { versionId, chunkCount } of versions) {
    if (chosen.length >= pace.versionsMax) break;
    if (chosen.length > 0 && chunks + chunkCount > pace.chunksMax) break;
    chosen.push(versionId);
    chunks += chunkCount;
  }
  return chosen;
}
