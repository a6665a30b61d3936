/**
 * Where a paste begins and ends in what a terminal sends. Terminals that are asked to mark that
 * send two sequences, which the line editor does not know and would break up; each is replaced by
 * one control character that has no other use here. Bytes are taken as Latin-1 text.
 */

/** What stands for the beginning and the end. */
export const pasteStart = "\x1c", pasteEnd = "\x1d";

/** Asks a terminal to mark pastes, and to stop it. */
export const marksOn = "\x1b[?2004h", marksOff = "\x1b[?2004l";

const startMark = "\x1b[200~", endMark = "\x1b[201~";
/** The beginning of a mark whose end may come with the next bytes; of other keys it never is. */
const unfinished = ["\x1b[2", "\x1b[20", "\x1b[200", "\x1b[201"];

export class PasteMarks {
  #kept = "";

  take(input: string): string {
    const own = input.replaceAll(pasteStart, "").replaceAll(pasteEnd, "");
    const text = (this.#kept + own)
      .replaceAll(startMark, pasteStart).replaceAll(endMark, pasteEnd);
    this.#kept = unfinished.find((part) => text.endsWith(part)) ?? "";
    return text.slice(0, text.length - this.#kept.length);
  }
}
