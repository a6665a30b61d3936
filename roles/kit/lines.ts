/** The lines of a file of any length, read part by part. */
import type { Disk } from "./disk.ts";

const partBytes = 256 * 1024;

/** Without their line feeds; a last line that has none is given as it is. */
export async function* linesOf(disk: Disk, path: string): AsyncGenerator<string, undefined> {
  const file = await disk.open(path, "read");
  try {
    const decoder = new TextDecoder();
    const sizeBytes = await file.sizeBytes();
    let rest = "";
    const buffer = new Uint8Array(partBytes);
    for (let offset = 0; offset < sizeBytes;) {
      const count = await file.read(buffer, offset);
      if (count === 0) break;
      offset += count;
      rest += decoder.decode(buffer.subarray(0, count), { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    if (rest !== "") yield rest;
  } finally {
    file.close();
  }
  return undefined;
}
