/**
 * The name of a file found on a seeder's disk when its own is taken: predictable, the same for
 * everybody who looks. `film.mp4` of seeder-2 becomes `film (seeder-2).mp4`, and where that is
 * taken too, `film (seeder-2) 2.mp4`, then 3, and so on. A folder gets the same behind its whole
 * name.
 */
import { limits } from "../../../protocol/mod.ts";

/** How many names are tried: beyond that something is wrong with more than a name. */
export const namesTriedMax = 1_000;
/** What stands behind the last dot is taken for a kind of file when it is no longer than this. */
const extensionMax = 16;

/** @param attempt 0 for the name itself, 1 for the first other name, and so on */
export function adoptedName(
  name: string,
  kind: "file" | "directory",
  seederName: string,
  attempt: number,
): string {
  if (attempt === 0) return name;
  const dot = kind === "file" ? name.lastIndexOf(".") : -1;
  const splits = dot > 0 && name.length - dot <= extensionMax;
  const extension = splits ? name.slice(dot) : "";
  const stem = splits ? name.slice(0, dot) : name;
  const suffix = ` (${seederName})${attempt === 1 ? "" : ` ${attempt}`}`;
  const room = limits.segmentBytesMax - bytesOf(suffix) - bytesOf(extension);
  return cutTo(stem, room) + suffix + extension;
}

/** The longest beginning of whole characters that has at most so many bytes. */
function cutTo(text: string, bytesMax: number): string {
  let bytes = 0, cut = "";
  for (const character of text) {
    bytes += bytesOf(character);
    if (bytes > bytesMax) break;
    cut += character;
  }
  return cut;
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
