/** Used while the journal of adopted files is read: files whose offer has not come up yet. */
import type { Part } from "./adopted_format.ts";

/** Files whose lines were read and whose offer was not yet: their chunks are not held so far. */
export class Waiting {
  readonly #files = new Map<number, { parts: Part[]; skipped: Set<number> }>();

  add(part: Part): void {
    const file = this.#files.get(part.file) ?? { parts: [], skipped: new Set<number>() };
    file.parts.push(part);
    this.#files.set(part.file, file);
  }

  take(file: number): void {
    this.#files.delete(file);
  }

  /** False when the file does not wait. */
  unlist(file: number, index: number): boolean {
    const found = this.#files.get(file);
    if (found === undefined) return false;
    found.skipped.add(index);
    return true;
  }

  /** Takes out those up to this number; the parts to be held. */
  *upTo(offered: number): Generator<{ part: Part; skipped: ReadonlySet<number> }> {
    for (const [file, { parts, skipped }] of this.#files) {
      if (file > offered) continue;
      this.#files.delete(file);
      for (const part of parts) yield { part, skipped };
    }
  }
}
