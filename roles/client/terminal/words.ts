/**
 * One typed line as words, with the habits of a Linux shell: blanks separate, single quotes keep
 * all, double quotes keep all but `\"` and `\\`, a backslash keeps the next character, and a word
 * that begins with `#` starts a comment. No globs, variables or pipes: nothing a name may hold is
 * special.
 */
import { Fault } from "../../../protocol/mod.ts";

/** What is still open where the line ends. */
export type Open = "'" | '"' | "\\";

export interface Word {
  /** With quotes and escapes undone. */
  readonly text: string;
  /** Where it begins in the line, quotes included. */
  readonly start: number;
  readonly end: number;
}

export interface SplitLine {
  readonly words: readonly Word[];
  readonly open: Open | undefined;
}

export function splitLine(line: string): SplitLine {
  const words: Word[] = [];
  let start = -1, text = "";
  let quote: "'" | '"' | undefined;
  const finish = (end: number) => {
    if (start >= 0) words.push({ text, start, end });
    start = -1;
    text = "";
  };
  for (let i = 0; i < line.length; i++) {
    const character = line.charAt(i);
    if (quote === undefined && /\s/.test(character)) {
      finish(i);
      continue;
    }
    if (start < 0 && character === "#") return { words, open: undefined };
    if (start < 0) start = i;
    if (character === quote) quote = undefined;
    else if (quote === undefined && (character === "'" || character === '"')) quote = character;
    else if (character === "\\" && quote !== "'") {
      if (i + 1 === line.length) {
        finish(line.length);
        return { words, open: "\\" };
      }
      const next = line.charAt(i + 1);
      const escapes = quote === undefined || next === '"' || next === "\\";
      text += escapes ? next : character + next;
      i += 1;
    } else text += character;
  }
  finish(line.length);
  return { words, open: quote };
}

/** The words of a complete line. Throws `usage` when a quote or an escape is left open. */
export function wordsOf(line: string): string[] {
  const { words, open } = splitLine(line);
  if (open === undefined) return words.map((word) => word.text);
  const what = open === "\\" ? "a backslash with nothing after it" : `a quote ${open} not closed`;
  throw new Fault("usage", `the line ends with ${what}`, {
    next: open === "\\" ? "type \\\\ for a backslash itself" : `close it with ${open}`,
  });
}

/** The text as one word of a line; continues the quote that is open, where one is. */
export function quoteWord(text: string, open?: Open): string {
  if (open === "'") return `'${text.replaceAll("'", `'\\''`)}'`;
  if (open === '"') return `"${text.replace(/["\\]/g, "\\$&")}"`;
  if (text === "") return "''";
  return text.replace(/[\s'"\\]|^#/g, "\\$&");
}
