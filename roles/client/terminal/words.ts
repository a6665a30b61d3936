/**
 * One typed line as words, with the habits of a Linux shell: blanks separate, single quotes keep
 * all, double quotes keep all but `\"` and `\\`, a backslash keeps the next character, and a word
 * that begins with `#` starts a comment. There are no globs, pipes or lists of commands: a line in
 * which they stand unquoted is refused, for it was meant otherwise than it would be read.
 */
import { Fault } from "../../../protocol/mod.ts";
import { visible } from "./wording.ts";

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
  /** The first unquoted text that other shells do not take for part of a name. */
  readonly special: string | undefined;
}

const operator = /&&|\|\||>>|<<|[;|&<>]/y;
const glob = /[*?[{]/;

export function splitLine(line: string): SplitLine {
  const words: Word[] = [];
  let start = -1, text = "";
  let quote: "'" | '"' | undefined;
  let special: string | undefined;
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
    if (start < 0 && character === "#") return { words, open: undefined, special };
    if (start < 0) start = i;
    if (quote === undefined) special ??= specialAt(line, i);
    if (character === quote) quote = undefined;
    else if (quote === undefined && (character === "'" || character === '"')) quote = character;
    else if (character === "\\" && quote !== "'") {
      if (i + 1 === line.length) {
        finish(line.length);
        return { words, open: "\\", special };
      }
      const next = line.charAt(i + 1);
      const escapes = quote === undefined || next === '"' || next === "\\";
      text += escapes ? next : character + next;
      i += 1;
    } else text += character;
  }
  finish(line.length);
  return { words, open: quote, special };
}

function specialAt(line: string, at: number): string | undefined {
  operator.lastIndex = at;
  const found = operator.exec(line)?.[0];
  return found ?? (glob.test(line.charAt(at)) ? line.charAt(at) : undefined);
}

/**
 * The words of a complete line. Throws `usage` when a quote or an escape is left open, and for what
 * would mean more than words in another shell.
 */
export function wordsOf(line: string): string[] {
  const { words, open, special } = splitLine(line);
  if (special !== undefined) throw notUnderstood(special, words, line);
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
  return text.replace(/[\s'"\\;|&<>*?[{]|^#/g, "\\$&");
}

/** Names the word in which it stands, quoted, for that is what to type where a name is meant. */
function notUnderstood(special: string, words: readonly Word[], line: string): Fault {
  const word = words.find(({ start, end }) => line.slice(start, end).includes(special));
  const quoted = visible(quoteWord(word?.text ?? special, "'"));
  const isGlob = glob.test(special);
  const what = isGlob ? "matches no names" : "runs one command a line, and no pipes";
  return new Fault("usage", `${special} means nothing here: this shell ${what}`, {
    next: isGlob
      ? `name each file, or a directory with -r; where a name holds it: ${quoted}`
      : `type each command on a line of its own; where a name holds it: ${quoted}`,
  });
}
