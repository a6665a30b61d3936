/** `list`: names in the namespace. */
import { type Entry, nameOf } from "../../../protocol/mod.ts";
import { type Command, type CommandContext, forEach, humanReadable } from "../command.ts";
import { columnsOf, tableOf } from "../terminal/table.ts";
import { find } from "../cluster/targets.ts";
import { shownId } from "../cluster/typed_ids.ts";
import { listRemote } from "../transfer/tree_walk.ts";
import { count, modeText, sizeText, timeText, verifiedText, visible } from "../terminal/wording.ts";

export const list: Command = {
  spec: {
    name: "list",
    changes: "nothing",
    aliases: ["ls"],
    group: "Files",
    summary: "List directories in the cluster.",
    arguments: [{ name: "path", summary: "what to list (here)", optional: true, repeated: true }],
    options: [
      { name: "long", short: "l", summary: "with mode, size, time and id" },
      { name: "one", short: "1", summary: "one name a line" },
      humanReadable,
      { name: "copies", summary: "with the copies of each file, and when they were verified" },
    ],
    examples: ["ls", "ls -l /photos", "ls -l --copies /photos"],
  },
  completes: ["remote"],
  run: async (context) => {
    const words = context.run.words("path");
    let isFirst = true;
    await forEach(context, words.length === 0 ? ["."] : words, async (word) => {
      await listOne(context, word, words.length > 1, isFirst);
      isFirst = false;
    });
  },
};

async function listOne(
  context: CommandContext,
  word: string,
  withHeading: boolean,
  isFirst: boolean,
): Promise<void> {
  const found = await find(context, word);
  if (found.stat.kind !== "directory") {
    const { name: _, ...rest } = found.stat;
    const entries = [{ ...rest, name: nameOf(found.path) }];
    return await show(context, entries, found.path, found.stat.nowMs);
  }
  if (withHeading && !context.json) {
    await context.print(`${isFirst ? "" : "\n"}${visible(found.path)}:`);
  }
  const { session } = await context.access();
  const copies = context.run.isSet("copies");
  const { path, nowMs } = found.stat;
  for await (const entries of listRemote(session.tracker, path, context.signal, copies)) {
    await show(context, entries, path, nowMs);
  }
}

async function show(
  context: CommandContext,
  entries: readonly Entry[],
  directory: string,
  nowMs: number,
): Promise<void> {
  const copies = context.run.isSet("copies");
  if (context.json) {
    for (const entry of entries) {
      const { copiesLeast, verifiedMs } = entry;
      const sound = copies ? { copiesLeast, verifiedMs } : {};
      await context.printJson({ directory, ...jsonOf(entry), ...sound });
    }
  } else if (context.run.isSet("long") || copies) {
    await context.print(longLines(entries, copies ? nowMs : undefined));
  } else if (!context.terminal.outputIsTerminal || context.run.isSet("one")) {
    await context.print(entries.map((entry) => visible(entry.name)));
  } else {
    const names = entries.map((entry) => visible(entry.name) + markOf(entry));
    await context.print(columnsOf(names, context.terminal.columns()));
  }
}

function jsonOf(entry: Entry) {
  const { name, kind, sizeBytes, modifiedMs, mode, versionId, target } = entry;
  return { name, kind, sizeBytes, modifiedMs, mode, versionId, target };
}

function markOf(entry: Entry): string {
  return entry.kind === "directory" ? "/" : entry.kind === "link" ? "@" : "";
}

/** @param nowMs the tracker's time, where copies are to be shown */
function longLines(entries: readonly Entry[], nowMs: number | undefined): string[] {
  const rows = entries.map((entry) => [
    modeText(entry.kind, entry.mode),
    entry.kind === "directory" ? "-" : sizeText(entry.sizeBytes),
    timeText(entry.modifiedMs),
    entry.versionId === undefined ? "-" : shownId(entry.versionId),
    ...(nowMs === undefined ? [] : [copiesText(entry, nowMs)]),
    visible(entry.name) + (entry.target === undefined ? "" : ` -> ${visible(entry.target)}`),
  ]);
  return tableOf(rows, ["left", "right", "left", "left", "left", "left"]);
}

function copiesText({ copiesLeast, verifiedMs }: Entry, nowMs: number): string {
  if (copiesLeast === undefined) return "-";
  return `${count(copiesLeast, "copy", "copies")}, ${verifiedText(verifiedMs, nowMs)}`;
}
