/** `stat`: all that is known about one name; `du`: what whole trees hold. */
import { type Command, type CommandContext, forEach, humanReadable } from "../command.ts";
import { tableOf } from "../terminal/table.ts";
import { find, findPath } from "../cluster/targets.ts";
import {
  count,
  durationText,
  modeText,
  sizeText,
  timeText,
  verifiedText,
  visible,
} from "../terminal/wording.ts";
import { keepsText } from "./administration.ts";

export const stat: Command = {
  spec: {
    name: "stat",
    changes: "nothing",
    group: "Files",
    summary: "Tell all about files, links and directories.",
    arguments: [{ name: "path", summary: "what to look at", repeated: true }],
  },
  completes: ["remote"],
  run: (context) => forEach(context, context.run.words("path"), (word) => statOne(context, word)),
};

async function statOne(context: CommandContext, word: string): Promise<void> {
  const found = await find(context, word, false);
  const one = found.stat;
  if (context.json) return await context.printJson({ ...one, path: found.path });
  const rows: string[][] = [
    ["path", visible(found.path)],
    ["kind", one.kind],
    ...(one.target === undefined ? [] : [["leads to", visible(one.target)]]),
    ...(one.kind === "file"
      ? [["size", `${sizeText(one.sizeBytes)} (${count(one.sizeBytes, "byte")})`]]
      : []),
    ["modified", timeText(one.modifiedMs)],
    ["mode", `${modeText(one.kind, one.mode)} (${one.mode.toString(8).padStart(4, "0")})`],
  ];
  if (one.kind === "file") {
    const chunkSize = one.chunkSizeBytes === undefined ? "" : ` of ${sizeText(one.chunkSizeBytes)}`;
    rows.push(
      ["id", one.versionId ?? "-"],
      ["chunks", `${one.chunkCount}${one.chunkCount === 0 ? "" : chunkSize}`],
      ["manifest", one.manifestDigest ?? "-"],
    );
  }
  if (one.kind !== "link") {
    const least = one.copiesLeast === undefined ? "" : `${one.copiesLeast} of `;
    const verified = one.verifiedMs === undefined
      ? ""
      : `, ${verifiedText(one.verifiedMs, one.nowMs)}`;
    rows.push(["copies", `${least}${one.copiesWanted} wanted${verified}`]);
  }
  if (one.supersededMs !== undefined && one.keptUntilMs !== undefined) {
    const left = durationText(Math.max(0, one.keptUntilMs - one.nowMs));
    rows.push(["earlier", `not current since ${timeText(one.supersededMs)}, kept ${left} more`]);
  }
  if (one.oldVersions !== undefined) rows.push(["versions", earlierText(one.oldVersions)]);
  if (one.keeps !== undefined) rows.push(["versions", keepsText(one.keeps)]);
  await context.print(tableOf(rows, ["left", "left"]));
}

function earlierText(oldVersions: number): string {
  return oldVersions === 0 ? "no earlier one" : `${oldVersions} earlier`;
}

export const du: Command = {
  spec: {
    name: "du",
    changes: "nothing",
    group: "Files",
    summary: "Sum up what trees hold.",
    details: "Sizes as listed: copies count once, equal contents count each time.",
    options: [humanReadable],
    arguments: [{ name: "path", summary: "what to sum up (here)", optional: true, repeated: true }],
  },
  completes: ["remote"],
  run: async (context) => {
    const words = context.run.words("path");
    const rows: string[][] = [];
    await forEach(context, words.length === 0 ? ["."] : words, async (word) => {
      const path = await findPath(context, word);
      const { session } = await context.access();
      const usage = await session.tracker.usage({ path }, { signal: context.signal });
      if (context.json) return await context.printJson({ ...usage, path });
      rows.push([
        sizeText(usage.fileBytes),
        count(usage.files, "file"),
        count(usage.directories, "directory", "directories"),
        count(usage.links, "link"),
        visible(path),
      ]);
    });
    await context.print(tableOf(rows, ["right", "right", "right", "right", "left"]));
  },
};
