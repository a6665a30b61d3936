/**
 * The lines typed in earlier shells: a text file, newest line first, that only its owner may read.
 * Several shells share it: each adds its lines to what is there, and those a second time that were
 * lost because two wrote at the same moment.
 */
import { writeBeside } from "../../kit/beside.ts";
import { type Disk, readWhole } from "../../kit/disk.ts";
import type { Random } from "../../kit/random.ts";

export const historyLinesMax = 1000;

function pathIn(stateDirectory: string): string {
  return `${stateDirectory}/history`;
}

/** Never fails: a history that cannot be read is an empty one. */
export async function loadHistory(disk: Disk, stateDirectory: string): Promise<string[]> {
  try {
    const bytes = await readWhole(disk, pathIn(stateDirectory));
    const lines = new TextDecoder().decode(bytes).split("\n");
    return lines.filter((line) => line !== "").slice(0, historyLinesMax);
  } catch {
    return [];
  }
}

/**
 * Puts the lines of this shell, newest first, before those of others. Never fails: a shell without
 * a place for its history is still a shell.
 */
export async function saveHistory(
  disk: Disk,
  stateDirectory: string,
  own: readonly string[],
  random: Random,
): Promise<void> {
  const others = await loadHistory(disk, stateDirectory);
  const lines = [...new Set([...own, ...others])].slice(0, historyLinesMax);
  const text = lines.map((line) => `${line}\n`).join("");
  try {
    await disk.makeDirectory(stateDirectory);
    const bytes = new TextEncoder().encode(text);
    await writeBeside(disk, random, pathIn(stateDirectory), bytes, 0o600);
  } catch {
    // Nothing a person at a prompt could do about it now.
  }
}
