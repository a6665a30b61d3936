/**
 * The lines typed in earlier shells: a text file, newest line first, that only its owner may read.
 */
import { writeBeside } from "../../kit/beside.ts";
import { type Disk, readWhole } from "../../kit/disk.ts";
import type { Random } from "../../kit/random.ts";

const linesMax = 1000;

function pathIn(stateDirectory: string): string {
  return `${stateDirectory}/history`;
}

/** Never fails: a history that cannot be read is an empty one. */
export async function loadHistory(disk: Disk, stateDirectory: string): Promise<string[]> {
  try {
    const bytes = await readWhole(disk, pathIn(stateDirectory));
    const lines = new TextDecoder().decode(bytes).split("\n");
    return lines.filter((line) => line !== "").slice(0, linesMax);
  } catch {
    return [];
  }
}

/** Never fails: a shell without a place for its history is still a shell. */
export async function saveHistory(
  disk: Disk,
  stateDirectory: string,
  lines: readonly string[],
  random: Random,
): Promise<void> {
  const text = lines.slice(0, linesMax).map((line) => `${line}\n`).join("");
  try {
    await disk.makeDirectory(stateDirectory);
    const bytes = new TextEncoder().encode(text);
    await writeBeside(disk, random, pathIn(stateDirectory), bytes, 0o600);
  } catch {
    // Nothing a person at a prompt could do about it now.
  }
}
