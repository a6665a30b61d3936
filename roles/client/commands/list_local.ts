/** `list-local`: names on this machine, to see what `put` would take. */
import { asFault, Fault } from "../../../protocol/mod.ts";
import type { DiskEntryKind, DiskStat } from "../../kit/disk.ts";
import { type Command, type CommandContext, humanReadable } from "../command.ts";
import { localChildOf, localNameOf } from "../local_paths.ts";
import { columnsOf, tableOf } from "../terminal/table.ts";
import { modeText, sizeText, timeText, visible } from "../terminal/wording.ts";

export const listLocal: Command = {
  spec: {
    name: "list-local",
    changes: "nothing",
    aliases: ["ll"],
    group: "This machine",
    summary: "List a directory on this machine.",
    arguments: [{ name: "path", summary: "what to list (here)", optional: true }],
    options: [
      { name: "long", short: "l", summary: "with mode, size and time" },
      { name: "one", short: "1", summary: "one name a line" },
      humanReadable,
    ],
  },
  completes: ["local"],
  run: async (context) => {
    const word = context.run.word("path") ?? ".";
    const path = await context.disk.realPath(context.localPath(word));
    const stat = await context.disk.stat(path);
    if (stat === undefined) throw new Fault("local-not-found", `${visible(path)} is gone`);
    const isDirectory = stat.kind === "directory";
    const directory = isDirectory ? path : path.slice(0, path.lastIndexOf("/")) || "/";
    const names = isDirectory
      ? await context.disk.list(path)
      : [{ name: localNameOf(path), kind: stat.kind }];
    const sorted = names.toSorted((a, b) => a.name < b.name ? -1 : 1);
    await show(context, directory, sorted);
  },
};

async function show(
  context: CommandContext,
  directory: string,
  names: readonly { name: string; kind: DiskEntryKind }[],
): Promise<void> {
  const isTerminal = context.terminal.outputIsTerminal && !context.run.isSet("one");
  if (!context.json && !context.run.isSet("long")) {
    const marked = names.map(({ name, kind }) => visible(name) + (isTerminal ? markOf(kind) : ""));
    return await context.print(
      isTerminal ? columnsOf(marked, context.terminal.columns()) : marked,
    );
  }
  const entries: { name: string; stat: DiskStat; target?: string }[] = [];
  for (const { name } of names) {
    const path = localChildOf(directory, name);
    try {
      const stat = await context.disk.stat(path);
      if (stat === undefined) continue;
      const target = stat.kind === "link" ? await context.disk.readLink(path) : undefined;
      entries.push({ name, stat, ...(target === undefined ? {} : { target }) });
    } catch (error) {
      // A name, or the target of a link, that is no UTF-8.
      context.report(asFault(error));
    }
  }
  if (context.json) {
    for (const { name, stat, target } of entries) {
      await context.printJson({ directory, name, ...stat, target });
    }
    return;
  }
  const rows = entries.map(({ name, stat, target }) => [
    modeText(stat.kind, stat.mode),
    stat.kind === "directory" ? "-" : sizeText(stat.sizeBytes),
    timeText(stat.modifiedMs),
    visible(name) + (target === undefined ? "" : ` -> ${visible(target)}`),
  ]);
  await context.print(tableOf(rows, ["left", "right", "left", "left"]));
}

function markOf(kind: DiskEntryKind): string {
  return { directory: "/", link: "@", file: "", other: "?" }[kind];
}
