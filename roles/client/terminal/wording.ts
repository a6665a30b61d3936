/**
 * How sizes, times, rates, modes and names are written for people. Names come from the cluster or
 * the disk and may hold anything: whatever could move the cursor or turn the text around is made
 * visible, so that a listing cannot write to the terminal on a stranger's behalf.
 */
import { type EntryKind, sizeText, withEscapes } from "../../../protocol/mod.ts";
import type { DiskEntryKind } from "../../kit/disk.ts";

/**
 * Control, format, separator and unpaired-surrogate characters; blanks and joiners of emoji not.
 */
const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A name or other text from outside, safe to print on one line. */
export function visible(text: string): string {
  return withEscapes(text).replace(unsafe, escaped);
}

/** The same for many lines: line feeds and tabs stay. */
export function visibleLines(text: string): string {
  return withEscapes(text).replace(
    unsafe,
    (one) => one === "\n" || one === "\t" ? one : escaped(one),
  );
}

function escaped(character: string): string {
  const named = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e" }[character];
  if (named !== undefined) return named;
  const code = character.charCodeAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u{${code}}`;
}

export { sizeText };

export function rateText(bytesPerSecond: number): string {
  return `${sizeText(Math.round(bytesPerSecond))}/s`;
}

/** `40 ms`, `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < 100) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const two = (number: number) => String(number).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor(minutes / 60) % 24} h`;
}

/** `verified 3 h 10 min ago`, by the tracker's clock. */
export function verifiedText(verifiedMs: number | null | undefined, nowMs: number): string {
  if (verifiedMs === null || verifiedMs === undefined) return "not verified yet";
  return `verified ${durationText(Math.max(0, nowMs - verifiedMs))} ago`;
}

/** Local time of this machine, to the minute. */
export function timeText(ms: number): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return "?";
  const two = (number: number) => String(number).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const kindLetters: Readonly<Record<EntryKind | DiskEntryKind, string>> = {
  directory: "d",
  file: "-",
  link: "l",
  other: "?",
};

/** `drwxr-xr-x`; as `ls` does, set-uid, set-gid and sticky stand in the place of an `x`. */
export function modeText(kind: EntryKind | DiskEntryKind, mode: number): string {
  const bits = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((bit, i) => {
    const isSet = (mode & (1 << bit)) !== 0;
    const special = bit % 3 === 0 && (mode & (0o1000 << (bit / 3))) !== 0;
    if (special) return (bit === 0 ? "tT" : "sS").charAt(isSet ? 0 : 1);
    return isSet ? "rwx".charAt(i % 3) : "-";
  });
  return kindLetters[kind] + bits.join("");
}

/** `1 file`, `3 files`, `2 copies`. */
export function count(number: number, word: string, several = `${word}s`): string {
  return `${number} ${number === 1 ? word : several}`;
}
