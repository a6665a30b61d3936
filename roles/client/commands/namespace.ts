/** `mkdir`, `rmdir`, `rm`, `mv`: changes of names, each one request to the tracker. */
import {
  asFault,
  childOf,
  Fault,
  type Input,
  nameOf,
  type RemotePath,
  type trackerRoutes,
} from "../../../protocol/mod.ts";
import { type Command, type CommandContext, forEach } from "../command.ts";
import { findPath, remotePathOf, statPath } from "../cluster/targets.ts";
import { shownId } from "../cluster/typed_ids.ts";
import { durationText, visible } from "../terminal/wording.ts";
import { refuseOneTarget } from "./one_target.ts";

async function done(context: CommandContext, value: unknown): Promise<void> {
  if (context.json) await context.printJson(value);
}

export const mkdir: Command = {
  spec: {
    name: "mkdir",
    changes: "cluster",
    group: "Files",
    summary: "Make directories.",
    arguments: [{ name: "path", summary: "what to make", repeated: true }],
    options: [{
      name: "parents",
      short: "p",
      summary: "make missing parents, and accept what is there",
    }],
    examples: ["mkdir -p /photos/2026/spring"],
  },
  completes: ["remote"],
  run: (context) =>
    forEach(context, context.run.words("path"), async (word) => {
      const path = remotePathOf(context, word);
      const { session } = await context.access();
      const parents = context.run.isSet("parents");
      const request = { paths: [path], parents };
      const reply = await session.tracker.makeDirectories(request, { signal: context.signal })
        .catch((error) => {
          const { code, message } = asFault(error);
          if (code !== "not-found" || parents) throw error;
          const next = `with the directories above it: mkdir -p ${visible(word)}`;
          throw new Fault(code, message, { cause: error, next });
        });
      await done(context, { path, ...reply });
    }),
};

/**
 * Throws `usage` for `.`, `..`, `DIR/..` and `/`: whoever types that means what is in it, or
 * another directory than the words say, or stands in what would go.
 */
function refuseDots(word: string): void {
  if (word === "" || !/^\/+$|(^|\/)\.\.?\/*$/.test(word)) return;
  throw new Fault("usage", `${visible(word)} is not removed: that is no name`, {
    next: "name the directory by its path, or what is in it",
  });
}

function remover(how: (context: CommandContext) => Omit<Removal, "path">) {
  return (context: CommandContext) =>
    forEach(context, context.run.words("path"), async (word) => {
      refuseDots(word);
      const path = await findPath(context, word);
      const { session } = await context.access();
      const request = { path, ...how(context) };
      const reply = await session.tracker.remove(request, { signal: context.signal });
      await done(context, { path, ...reply });
      if (context.json || reply.trashId === undefined) return;
      const { keptMs = 0 } = reply;
      context.note(
        `${visible(path)} is in the trash${
          keptMs > 0 ? ` for at least ${durationText(keptMs)}` : ""
        }; ` +
          `to have it back: restore ${shownId(reply.trashId)}`,
      );
    });
}
type Removal = Input<typeof trackerRoutes.remove>;

export const rmdir: Command = {
  spec: {
    name: "rmdir",
    changes: "cluster",
    group: "Files",
    summary: "Remove empty directories.",
    arguments: [{ name: "path", summary: "what to remove", repeated: true }],
  },
  completes: ["remote"],
  run: remover(() => ({ what: "directory" })),
};

export const rm: Command = {
  spec: {
    name: "rm",
    changes: "cluster",
    group: "Files",
    summary: "Remove files and links, and whole trees with -r, into the trash.",
    arguments: [{ name: "path", summary: "what to remove", repeated: true }],
    options: [
      { name: "recursive", short: "r", summary: "directories with all that is in them" },
      { name: "now", summary: "for good, past the trash" },
    ],
    examples: ["rm /notes.txt", "rm -r /photos/2019", "rm --now /secret.txt"],
  },
  completes: ["remote"],
  run: remover((context) => ({
    what: context.run.isSet("recursive") ? "tree" : "file",
    ...(context.run.isSet("now") ? { now: true } : {}),
  })),
};

export const mv: Command = {
  spec: {
    name: "mv",
    changes: "cluster",
    group: "Files",
    summary: "Rename or move files, links and directories.",
    details: "Several sources, or a directory that is there, mean: into that directory.\n" +
      "A file that is there is replaced and goes into the trash, a directory never.",
    usage: "FROM... TO",
    arguments: [
      { name: "from", summary: "what to move" },
      { name: "to", summary: "more to move, and last where to", repeated: true },
    ],
    options: [{ name: "no-clobber", short: "n", summary: "refuse to replace a file" }],
    examples: ["mv a.txt b.txt", "mv a.txt b.txt /archive"],
  },
  completes: ["remote"],
  run: async (context) => {
    const words = [...context.run.words("from"), ...context.run.words("to")];
    const last = words.pop() ?? ".";
    const to = remotePathOf(context, last);
    const there = await statPath(context, to, true);
    const isDirectory = there?.kind === "directory";
    if (!isDirectory && (words.length > 1 || last.endsWith("/") && there !== undefined)) {
      throw new Fault("not-a-directory", `${visible(to)} is no directory to move things into`);
    }
    const { session } = await context.access();
    const moves: { from: RemotePath; to: RemotePath }[] = [];
    await forEach(context, words, async (word) => {
      const from = await findPath(context, word);
      moves.push({ from, to: isDirectory ? childOf(to, nameOf(from)) : to });
    });
    refuseOneTarget(moves);
    await forEach(context, moves, async ({ from, to: target }) => {
      const replace = !context.run.isSet("no-clobber");
      const request = { from, to: target, replace };
      const reply = await session.tracker.move(request, { signal: context.signal });
      const { path, trashId } = reply;
      await done(context, { from, to: path, ...(trashId === undefined ? {} : { trashId }) });
      if (context.json || trashId === undefined || !context.terminal.errorIsTerminal) return;
      const back = `restore ${shownId(trashId)} ${visible(path)}.restored`;
      context.note(`what was at ${visible(path)} is in the trash; to have it back: ${back}`);
    });
  },
};
