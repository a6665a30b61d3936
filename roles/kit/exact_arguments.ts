/**
 * The arguments of this process by their bytes. The runtime turns what is no UTF-8 in them into
 * U+FFFD, and a file could be taken for a neighbour. Where the bytes cannot be had, an argument
 * that holds that character is taken for one that is no UTF-8: it is refused, and no file is
 * mistaken.
 */
import { foreignName, holdsReplacement, textOfBytes } from "./foreign_names.ts";

/** What may tell the bytes. */
export interface ArgumentSources {
  /** From the head of the packed executable: hex, a zero byte after each argument. */
  readonly fromHead: string | undefined;
  /** `/proc/self/cmdline`, where this process may read it. */
  commandLine(): Uint8Array;
}

/** @param decoded what the runtime made of them */
export function exactArguments(decoded: readonly string[], sources: ArgumentSources): string[] {
  if (!decoded.some(holdsReplacement)) return [...decoded];
  for (const bytes of candidates(sources)) {
    const exact = splitAtZeros(bytes).slice(-decoded.length);
    const texts = exact.map((one) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(one));
    if (texts.length === decoded.length && texts.every((text, i) => text === decoded[i])) {
      return exact.map(textOfBytes);
    }
  }
  return decoded.map((one) => holdsReplacement(one) ? foreignName(one) : one);
}

function* candidates(sources: ArgumentSources): Generator<Uint8Array> {
  try {
    if (sources.fromHead !== undefined) yield Uint8Array.fromHex(sources.fromHead);
  } catch {
    // Somebody else's variable of that name.
  }
  try {
    yield sources.commandLine();
  } catch {
    // The executable may not read it.
  }
}

function splitAtZeros(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(0, from);
    if (end < 0) break;
    parts.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return parts;
}
