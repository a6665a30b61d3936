/**
 * The lines typed in earlier shells: a text file, newest line first, that only its owner may read.
 */
import type { Clock } from "../../kit/clock.ts";
import { type Disk, readWhole, writeDurably } from "../../kit/disk.ts";

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
  clock: Clock,
): Promise<void> {
  const text = lines.slice(0, linesMax).map((line) => `${line}\n`).join("");
  try {
    await disk.makeDirectory(stateDirectory);
    await writeDurably(disk, pathIn(stateDirectory), new TextEncoder().encode(text));
    const attributes = { mode: 0o600, modifiedMs: clock.now() };
    await disk.setAttributes(pathIn(stateDirectory), attributes);
  } catch {
    // Nothing a person at a prompt could do about it now.
  }
}
