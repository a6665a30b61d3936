/**
 * Names whose bytes are no UTF-8, as text. The runtime turns such bytes into U+FFFD and finds no
 * file by what it gave, or a neighbour who really has that character in its name. So they are kept
 * as text that is not well-formed: a lone surrogate U+DC80 to U+DCFF for each byte that is none of
 * UTF-8, as Python does, and U+DC00 where the byte is not known. Such text can be shown; the disk
 * opens nothing by it and the namespace takes nothing of it (`segmentProblem`).
 */

/** Stands where the runtime does not tell which bytes a name holds. */
const unknown = "\udc00";
const replacement = "\ufffd";

export function holdsReplacement(name: string): boolean {
  return name.includes(replacement);
}

/** What the runtime made of a foreign name, as a text that nothing is found by. */
export function foreignName(decoded: string): string {
  return decoded.replaceAll(replacement, unknown);
}

/** The text of these bytes, with a lone surrogate for each that is none of UTF-8. */
export function textOfBytes(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const size = sequenceAt(bytes, at);
    if (size === 0) text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
    else {text += new TextDecoder("utf-8", { ignoreBOM: true }).decode(
        bytes.subarray(at, at + size),
      );}
    at += Math.max(1, size);
  }
  return text;
}

/** How many bytes from `at` make one character; 0 when none do. */
function sequenceAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    decoder.decode(bytes.subarray(at, at + size));
    return at + size <= bytes.length ? size : 0;
  } catch {
    return 0;
  }
}
