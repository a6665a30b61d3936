/** `trash`, `restore`: what was removed, how to get it back, and how to be rid of it. */
import type { TrashEntry } from "../../../protocol/mod.ts";
import { Fault } from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { tableOf } from "../terminal/table.ts";
import { remotePathOf } from "../cluster/targets.ts";
import { shownId, typedTrashId } from "../cluster/typed_ids.ts";
import { count, durationText, sizeText, timeText, visible } from "../terminal/wording.ts";

export const trash: Command = {
  spec: {
    name: "trash",
    changes: "cluster",
    group: "Files",
    summary: "List what was removed, or purge it: trash empty.",
    details: "Removed files can come back with restore until they are purged: by age, when the\n" +
      "trash takes more than its share of the disks (oldest first), or by trash empty.",
    usage: "[empty [ID...]]",
    arguments: [
      { name: "what", summary: "empty, to purge", optional: true },
      { name: "id", summary: "entries to purge (all)", optional: true, repeated: true },
    ],
    examples: ["trash", "trash empty", "trash empty @12 @15"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const what = context.run.word("what");
    if (what === "empty") return await empty(context);
    if (what !== undefined) {
      throw new Fault("usage", `trash knows no "${visible(what)}"`, {
        next: "type: help trash",
      });
    }
    await listAll(context);
  },
};

async function listAll(context: CommandContext): Promise<void> {
  const { session } = await context.access();
  let after: number | undefined;
  const rows: string[][] = [];
  do {
    const request = after === undefined ? {} : { after };
    const page = await session.tracker.trash(request, { signal: context.signal });
    for (const entry of page.entries) {
      if (context.json) await context.printJson(entry);
      const leftMs = Math.max(0, entry.trashedMs + page.keepMs - page.nowMs);
      rows.push([
        shownId(entry.trashId),
        timeText(entry.trashedMs),
        visible(entry.by),
        sizeText(entry.fileBytes),
        whatOf(entry),
        durationText(leftMs),
        visible(entry.path),
      ]);
    }
    after = page.next;
  } while (after !== undefined);
  if (context.json) return;
  if (rows.length === 0) return context.note("the trash is empty");
  const heading = ["ID", "REMOVED", "BY", "SIZE", "WHAT", "LEFT", "PATH"];
  await context.print(
    tableOf([heading, ...rows], ["right", "left", "left", "right", "left", "right", "left"]),
  );
}

function whatOf({ kind, files }: TrashEntry): string {
  return kind === "directory" ? `tree, ${count(files, "file")}` : kind;
}

async function empty(context: CommandContext): Promise<void> {
  const words = context.run.words("id");
  const trashIds = words.map((word) => {
    const trashId = typedTrashId(word);
    if (trashId !== undefined) return trashId;
    throw new Fault("usage", `"${visible(word)}" is no number of an entry`, {
      next: "type the numbers as trash lists them: @12",
    });
  });
  const { session } = await context.access();
  const request = { trashIds: trashIds.length === 0 ? "all" as const : trashIds };
  const gone = await session.tracker.emptyTrash(request, { signal: context.signal });
  if (context.json) return await context.printJson(gone);
  await context.print(
    `purged ${count(gone.entries, "entry", "entries")}: ${count(gone.files, "file")}, ` +
      sizeText(gone.fileBytes),
  );
  if (trashIds.length > gone.entries) {
    throw new Fault("not-found", `${trashIds.length - gone.entries} of them are not in the trash`, {
      next: "list the trash: trash",
    });
  }
}

export const restore: Command = {
  spec: {
    name: "restore",
    changes: "cluster",
    group: "Files",
    summary: "Take a removed file or tree out of the trash.",
    details:
      "By the number that trash lists (@12), or by the path it had: then what was removed\n" +
      "last from there. Missing directories are made; nothing that is there is replaced.",
    arguments: [
      { name: "what", summary: "number or path" },
      { name: "to", summary: "where to (where it was)", optional: true },
    ],
    examples: ["restore /notes.txt", "restore @12", "restore @12 /notes-old.txt"],
  },
  completes: ["remote", "remote"],
  run: async (context) => {
    const word = context.run.word("what") ?? "";
    const trashId = typedTrashId(word);
    const what = trashId === undefined ? { path: remotePathOf(context, word) } : { trashId };
    const to = context.run.word("to");
    const place = to === undefined ? {} : { to: remotePathOf(context, to) };
    const { session } = await context.access();
    const reply = await session.tracker.restore({ what, ...place }, { signal: context.signal });
    if (context.json) return await context.printJson(reply);
    await context.print(`${visible(reply.path)} is back: ${count(reply.entry.files, "file")}`);
  },
};
