/**
 * Ids as a person types them: `@` and digits, `@7e104` for a version or a seeder by the first
 * digits of its id, `@12` for an entry of the trash. One form, so that a word is either an id or a
 * name and never both: a word of this form is never a path (a file so named is `./@7e104`), and a
 * name that is not there is never taken for an id by a command that changes something. What an id
 * stands for is looked up elsewhere.
 */
import { Fault } from "../../../protocol/mod.ts";
import { visible } from "../terminal/wording.ts";

/** Hex digits of which the decimal ones are some: which of the two is meant, its place says. */
const form = /^@([0-9a-f]{5,32}|[1-9][0-9]{0,14})$/i;

/** Digits shown of the id of a version or a seeder: enough to tell thousands apart. */
const shownDigits = 8;

/** As people see it and may type it. */
export function shownId(id: string | number): string {
  return `@${String(id).slice(0, typeof id === "number" ? undefined : shownDigits)}`;
}

/** The digits after `@`, in lower case; undefined where the word is no id. */
export function typedId(word: string): string | undefined {
  return form.exec(word)?.[1]?.toLowerCase();
}

/** The number of an entry of the trash; undefined where the word is none. */
export function typedTrashId(word: string): number | undefined {
  const digits = typedId(word);
  return digits !== undefined && /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
}

/** Throws `usage` for a word that is an id, where only a name can stand. */
export function refuseId(word: string, what: string): void {
  if (typedId(word) === undefined) return;
  throw new Fault("usage", `${visible(word)} is an id, and ${what} is needed here`, {
    next: `what is named so is typed ./${visible(word)}`,
  });
}
