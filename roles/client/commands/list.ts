/** `list`: names in the namespace. */
import { type Entry, nameOf } from "../../../protocol/mod.ts";
import { type Command, type CommandContext, forEach } from "../command.ts";
import { columnsOf, tableOf } from "../table.ts";
import { find } from "../targets.ts";
import { listRemote } from "../tree_walk.ts";
import { modeText, sizeText, timeText, visible } from "../wording.ts";

export const list: Command = {
  spec: {
    name: "list",
    aliases: ["ls"],
    group: "Files",
    summary: "List directories in the cluster.",
    arguments: [{ name: "path", summary: "what to list (here)", optional: true, repeated: true }],
    options: [{ name: "long", short: "l", summary: "with mode, size, time and id" }],
    examples: ["ls", "ls -l /photos"],
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
    return await show(context, [{ ...rest, name: nameOf(found.path) }], found.path);
  }
  if (withHeading && !context.json) {
    await context.print(`${isFirst ? "" : "\n"}${visible(found.path)}:`);
  }
  const { session } = await context.access();
  for await (const entries of listRemote(session.tracker, found.stat.path, context.signal)) {
    await show(context, entries, found.stat.path);
  }
}

async function show(
  context: CommandContext,
  entries: readonly Entry[],
  directory: string,
): Promise<void> {
  if (context.json) {
    for (const entry of entries) await context.printJson({ directory, ...jsonOf(entry) });
  } else if (context.run.isSet("long")) await context.print(longLines(entries));
  else if (!context.terminal.outputIsTerminal) {
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

function longLines(entries: readonly Entry[]): string[] {
  const rows = entries.map((entry) => [
    modeText(entry.kind, entry.mode),
    entry.kind === "directory" ? "-" : sizeText(entry.sizeBytes),
    timeText(entry.modifiedMs),
    entry.versionId?.slice(0, 8) ?? "-",
    visible(entry.name) + (entry.target === undefined ? "" : ` -> ${visible(entry.target)}`),
  ]);
  return tableOf(rows, ["left", "right", "left", "left", "left"]);
}
