/**
 * What Tab offers at the end of a line: names of commands, their options, and paths in the cluster
 * or on this machine. Which of these is decided from the line alone; the names are then looked up.
 */
import { type Entry, limits, type RemotePath } from "../../../protocol/mod.ts";
import { type Clock, withDeadline } from "../../kit/clock.ts";
import type { Disk } from "../../kit/disk.ts";
import type { Access, Completes, Place } from "../command.ts";
import { commandCalled, commands } from "../command_tree.ts";
import { expandHome, localChildOf, resolveLocal } from "../local_paths.ts";
import { resolvedPath } from "../cluster/targets.ts";
import { shownId, typedId } from "../cluster/typed_ids.ts";
import type { Completion } from "./terminal.ts";
import { type Open, quoteWord, splitLine } from "./words.ts";
import { visible } from "./wording.ts";

export interface CompletionPlan {
  readonly what: Completes | "option";
  /** The word so far, quotes undone. */
  readonly word: string;
  /** The word so far, as it stands in the line. */
  readonly typed: string;
  readonly open: Open | undefined;
  /** The command the word belongs to, where there is one. */
  readonly command: string | undefined;
  /** The command's first argument, where the word comes after it. */
  readonly first: string | undefined;
}

/** What could stand at the end of this line. */
export function planCompletion(line: string): CompletionPlan {
  const { words, open } = splitLine(line);
  const last = words.at(-1);
  // A word is being typed when the line ends in it; after a blank a new one begins.
  const current = last !== undefined && (last.end === line.length || open !== undefined)
    ? last
    : undefined;
  const before = (current === undefined ? words : words.slice(0, -1)).map((word) => word.text);
  const typed = current === undefined ? "" : line.slice(current.start);
  const named = before.slice(1).filter((word) => !word.startsWith("-"));
  const plan = { word: current?.text ?? "", typed, open, command: before[0], first: named[0] };
  const command = commandCalled(before[0] ?? "");
  if (before.length === 0) return { ...plan, what: "command" };
  if (command === undefined) return { ...plan, what: "nothing" };
  if (plan.word.startsWith("-") && !before.includes("--")) return { ...plan, what: "option" };
  return {
    ...plan,
    what: command.completes[named.length] ?? command.completes.at(-1) ?? "nothing",
  };
}

export interface CompletionParts {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly place: Place;
  readonly home: string | undefined;
  readonly access: (signal: AbortSignal) => Promise<Access>;
}

/** A person who pressed Tab waits no longer than this for the cluster. */
const remoteDeadlineMs = 800;
/** More than this no one reads: of more only what they have in common is offered. */
const shownMax = 200;
/** Of more than this not all are asked for, and then not even what they have in common is known. */
const namesMax = 20_000;

export async function complete(parts: CompletionParts, line: string): Promise<Completion> {
  const plan = planCompletion(line);
  const all = await candidatesOf(parts, plan);
  const names = all.filter((name) => name.startsWith(plan.word) && visible(name) === name);
  const { typed } = plan;
  if (names.length <= shownMax) return { candidates: names.map((one) => quoted(one, plan)), typed };
  const common = names.length > namesMax ? "" : commonStart(names);
  if (common.length > plan.word.length) return { candidates: [unfinished(common, plan)], typed };
  const number = names.length > namesMax ? `more than ${namesMax}` : names.length;
  return { candidates: [], typed, note: `${number} names begin so: type more of it` };
}

/** Whole characters with which all of them begin. */
function commonStart([first = "", ...others]: readonly string[]): string {
  let common = [...first];
  for (const other of others) {
    const letters = [...other];
    const end = common.findIndex((letter, i) => letters[i] !== letter);
    if (end >= 0) common = common.slice(0, end);
  }
  return common.join("");
}

/** A directory stays open for more; anything else is closed with a blank. */
function quoted(name: string, plan: CompletionPlan): string {
  const open = plan.open === "\\" ? undefined : plan.open;
  return name.endsWith("/") ? unfinished(name, plan) : `${quoteWord(name, open)} `;
}

/** With the quote left open that was open. */
function unfinished(text: string, plan: CompletionPlan): string {
  const open = plan.open === "\\" ? undefined : plan.open;
  const word = quoteWord(text, open);
  return open === undefined ? word : word.slice(0, -1);
}

async function candidatesOf(parts: CompletionParts, plan: CompletionPlan): Promise<string[]> {
  switch (plan.what) {
    case "command":
      return commands.flatMap(({ spec }) => [spec.name, ...(spec.aliases ?? [])]).toSorted();
    case "option":
      return (commandCalled(plan.command ?? "")?.spec.options ?? [])
        .map((option) => `--${option.name}`).concat("--help", "--json");
    case "local":
      return await localNames(parts, plan.word);
    case "remote":
      return await remoteNames(parts, plan.word);
    case "version":
      return await versionIds(parts, plan.first ?? "");
    case "nothing":
      return [];
  }
}

/** `a/b` → what is in `a` and begins with `b`, written with `a/` in front as it was typed. */
function split(word: string): { directory: string; prefix: string } {
  const slash = word.lastIndexOf("/") + 1;
  return { directory: word.slice(0, slash), prefix: word.slice(slash) };
}

async function localNames(parts: CompletionParts, word: string): Promise<string[]> {
  const { directory, prefix } = split(word);
  const path = resolveLocal(parts.place.local, expandHome(directory, parts.home) || ".");
  const entries = (await parts.disk.list(path)).filter((entry) => isOffered(entry.name, prefix));
  const names: string[] = [];
  for (const { name, kind } of entries) {
    // Where so many are, none is shown, and what a link leads to needs no look.
    const isDirectory = kind === "directory" ||
      kind === "link" && entries.length <= shownMax &&
        await leadsToDirectory(parts.disk, localChildOf(path, name));
    names.push(directory + name + (isDirectory ? "/" : ""));
  }
  return names.toSorted();
}

async function leadsToDirectory(disk: Disk, path: string): Promise<boolean> {
  try {
    return (await disk.stat(await disk.realPath(path)))?.kind === "directory";
  } catch {
    return false;
  }
}

/** Hidden names are offered to those who begin them. */
function isOffered(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && name.isWellFormed() && (prefix !== "" || !name.startsWith("."));
}

async function remoteNames(parts: CompletionParts, word: string): Promise<string[]> {
  const { directory, prefix } = split(word);
  const path = directory === "" ? parts.place.remote : resolvedPath(parts.place.remote, directory);
  const entries = await inTime(parts, (signal) => beginningWith(parts, path, prefix, signal));
  // What would be read as an id is offered to those who begin with ./ alone.
  return entries.filter((entry) => isOffered(entry.name, prefix))
    .filter((entry) => typedId(directory + entry.name) === undefined)
    .map((entry) => directory + entry.name + (entry.kind === "directory" ? "/" : ""));
}

function inTime<T>(parts: CompletionParts, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = () => new Error("the cluster took too long for a completion");
  return withDeadline(parts.clock, remoteDeadlineMs, undefined, late, ask);
}

/** The ids of a file's earlier versions, as `versions` shows them. */
async function versionIds(parts: CompletionParts, word: string): Promise<string[]> {
  const path = resolvedPath(parts.place.remote, word);
  const { versions } = await inTime(parts, async (signal) => {
    const { session } = await parts.access(signal);
    return await session.tracker.versions({ target: { path } }, { signal });
  });
  return versions.filter(({ current }) => !current)
    .map(({ versionId }) => shownId(versionId));
}

/** Names come sorted: those with the prefix follow each other from just before it. */
async function beginningWith(
  parts: CompletionParts,
  path: RemotePath,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  const { session } = await parts.access(signal);
  const found: Entry[] = [];
  const start = justBefore(prefix);
  for (let after = start;;) {
    const page = { path, limit: limits.listPageEntriesMax };
    const request = after === undefined ? page : { ...page, after };
    const { entries, next } = await session.tracker.list(request, { signal });
    const matches = entries.filter((entry) => entry.name.startsWith(prefix));
    found.push(...matches);
    const isEnd = start !== undefined && matches.length < entries.length;
    if (next === undefined || isEnd || found.length > namesMax) return found;
    after = next;
  }
}

/** A text that sorts before every name with this prefix and after all real names before those. */
export function justBefore(prefix: string): string | undefined {
  const last = [...prefix].at(-1);
  const code = last?.codePointAt(0) ?? 0;
  if (last === undefined || code === 0) return undefined;
  // Surrogates are no characters: before U+E000 comes U+D7FF.
  const before = code === 0xe000 ? 0xd7ff : code - 1;
  return prefix.slice(0, -last.length) + String.fromCodePoint(before) + "\u{10ffff}";
}
