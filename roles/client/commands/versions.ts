/** `versions`, `revert`, `undo`: what a file was before, and how to have it so again. */
import {
  asFault,
  Fault,
  type FileVersion,
  type RemotePath,
  type VersionsReply,
} from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { tableOf } from "../terminal/table.ts";
import { shownId, typedId } from "../cluster/typed_ids.ts";
import { find, findPath, remotePathOf, statPath } from "../cluster/targets.ts";
import { count, durationText, sizeText, timeText, visible } from "../terminal/wording.ts";

export const versions: Command = {
  spec: {
    name: "versions",
    changes: "cluster",
    aliases: ["history"],
    group: "Files",
    summary: "List the versions of a file, or give earlier ones up: versions empty.",
    details: "An overwrite keeps what was there, so many and for so long as policy says.\n" +
      "Any version can be read by its id (get, cat) and be current again (revert).\n" +
      "versions empty gives up those of a file or below a directory; of / all there\n" +
      "are, those of files in the trash too.",
    usage: "PATH | empty PATH...",
    arguments: [
      { name: "path", summary: "a file; or empty, to give up", repeated: true },
    ],
    examples: ["versions /notes.txt", "versions empty /notes.txt", "versions empty /"],
  },
  completes: ["remote"],
  run: async (context) => {
    const [first = ".", ...rest] = context.run.words("path");
    if (first === "empty") return await empty(context, rest);
    if (rest.length > 0) {
      throw new Fault("usage", "versions takes one file", { next: "type: help versions" });
    }
    await listAll(context, first);
  },
};

async function listAll(context: CommandContext, word: string): Promise<void> {
  const { target } = await find(context, word);
  const { session } = await context.access();
  const reply = await session.tracker.versions({ target }, { signal: context.signal });
  if (context.json) {
    for (const version of reply.versions) {
      await context.printJson({ ...version, path: reply.path });
    }
    return;
  }
  const rows = reply.versions.map((version) => [
    shownId(version.versionId),
    timeText(version.createdMs),
    sizeText(version.sizeBytes),
    visible(version.by ?? "-"),
    leftText(version, reply.nowMs),
  ]);
  await context.print(
    tableOf(
      [["ID", "WRITTEN", "SIZE", "BY", "KEPT"], ...rows],
      ["left", "left", "right", "left", "left"],
    ),
  );
}

function leftText({ keptUntilMs }: FileVersion, nowMs: number): string {
  if (keptUntilMs === undefined) return "current";
  return `${durationText(Math.max(0, keptUntilMs - nowMs))} more`;
}

async function empty(context: CommandContext, words: readonly string[]): Promise<void> {
  if (words.length === 0) {
    throw new Fault("usage", "versions empty needs to know of what", {
      next: "name a file or a directory; for all there are: versions empty /",
    });
  }
  const { session } = await context.access();
  const sums = { versions: 0, fileBytes: 0 };
  for (const word of words) {
    const path = await findPath(context, word);
    let after: number | undefined;
    do {
      const request = after === undefined ? { path } : { path, after };
      const page = await session.tracker.emptyVersions(request, { signal: context.signal });
      sums.versions += page.versions;
      sums.fileBytes += page.fileBytes;
      after = page.next;
    } while (after !== undefined);
  }
  if (context.json) return await context.printJson(sums);
  await context.print(`gave up ${versionsText(sums.versions)}, ${sizeText(sums.fileBytes)}`);
}

function versionsText(versions: number): string {
  return count(versions, "earlier version");
}

export const revert: Command = {
  spec: {
    name: "revert",
    changes: "cluster",
    group: "Files",
    summary: "Make an earlier version of a file the current one again.",
    details: "By its id as versions lists it, @ and five or more digits; without one, the\n" +
      "version before. No byte is copied, and the present version is kept.",
    arguments: [
      { name: "path", summary: "a file, or the id of an earlier version" },
      { name: "id", summary: "which version (the one before)", optional: true },
    ],
    examples: ["revert /notes.txt", "revert /notes.txt @1a2b3", "revert @1a2b3"],
  },
  completes: ["remote", "version"],
  run: async (context) => {
    const word = context.run.word("path") ?? "";
    const found = await find(context, word);
    const { session } = await context.access();
    const reply = await session.tracker.versions(
      { target: found.target },
      { signal: context.signal },
    );
    const typed = context.run.word("id");
    const id = typed === undefined
      ? "versionId" in found.target ? found.target.versionId : undefined
      : typedId(typed);
    if (typed !== undefined && id === undefined) {
      throw new Fault("usage", `"${visible(typed)}" is no id of a version`, {
        next: `type it as versions lists it, with @ before it: versions ${visible(found.path)}`,
      });
    }
    await revertTo(context, reply, id === undefined ? before(reply) : chosen(reply, id));
  },
};

/** @throws Fault `not-found` */
function before({ path, versions }: VersionsReply): FileVersion {
  const version = versions.find(({ current }) => !current);
  if (version !== undefined) return version;
  throw new Fault("not-found", `no earlier version of ${visible(path)} is kept`, {
    next: `what was removed from there may be in the trash: trash`,
  });
}

/** @throws Fault `not-found`, `ambiguous-id` */
function chosen({ path, versions }: VersionsReply, id: string): FileVersion {
  const matches = versions.filter(({ versionId }) => versionId.startsWith(id));
  const [match, second] = matches;
  if (match === undefined) {
    throw new Fault("not-found", `${visible(path)} has no version @${id}`, {
      next: `list those it has: versions ${visible(path)}`,
    });
  }
  if (second !== undefined) {
    throw new Fault("ambiguous-id", `${count(matches.length, "version")} begin with @${id}`);
  }
  return match;
}

/** Names what is current, so that a request that is sent again never goes back a second time. */
async function revertTo(
  context: CommandContext,
  { path, versions }: VersionsReply,
  to: FileVersion,
): Promise<void> {
  const { session } = await context.access();
  const current = versions.find((version) => version.current)?.versionId;
  const request = { path, versionId: to.versionId };
  const reply = await session.tracker.revertFile(
    current === undefined ? request : { ...request, current },
    { signal: context.signal },
  );
  if (context.json) return await context.printJson({ did: "revert", ...reply });
  const id = shownId(to.versionId);
  const now = `${id} of ${timeText(to.createdMs)}, ${sizeText(to.sizeBytes)}`;
  await context.print(
    current === to.versionId
      ? `${visible(path)} is ${now} already`
      : `${visible(path)} is ${now} again; ${
        current === undefined ? "what it was" : shownId(current)
      } is kept`,
  );
}

export const undo: Command = {
  spec: {
    name: "undo",
    changes: "cluster",
    group: "Files",
    summary: "Take back the last overwrite or removal of a file, and say what was done.",
    details: "Of a file that is there: the version before is current again; undo once more\n" +
      "takes that back. Where nothing is: restores what was removed last from there.\n" +
      "Without a path: takes back your own last change, if it was one of these.",
    arguments: [{ name: "path", summary: "what to undo (your last change)", optional: true }],
    examples: ["undo", "undo /notes.txt"],
  },
  completes: ["remote"],
  run: async (context) => {
    const word = context.run.word("path");
    if (word === undefined) return await undoLast(context);
    const path = remotePathOf(context, word);
    const there = await statPath(context, path, true);
    if (there === undefined) return await restoreFrom(context, { path }, path);
    await undoOverwrite(context, path);
  },
};

async function undoOverwrite(context: CommandContext, path: RemotePath): Promise<void> {
  const { session } = await context.access();
  const reply = await session.tracker.versions({ target: { path } }, { signal: context.signal });
  await revertTo(context, reply, before(reply));
}

async function restoreFrom(
  context: CommandContext,
  what: { path: RemotePath } | { trashId: number },
  path: RemotePath,
): Promise<void> {
  const { session } = await context.access();
  try {
    const reply = await session.tracker.restore({ what }, { signal: context.signal });
    if (context.json) return await context.printJson({ did: "restore", ...reply });
    await context.print(
      `${visible(reply.path)}, removed ${timeText(reply.entry.trashedMs)}, is back: ` +
        count(reply.entry.files, "file"),
    );
  } catch (error) {
    const fault = asFault(error);
    if (fault.code !== "not-found") throw fault;
    throw new Fault(
      "not-found",
      `${visible(path)} is not there, and nothing from there is in ` +
        "the trash",
      { next: "list the trash: trash" },
    );
  }
}

async function undoLast(context: CommandContext): Promise<void> {
  const { session } = await context.access();
  const { change } = await session.tracker.lastChange({}, { signal: context.signal });
  if (change === undefined) {
    throw new Fault("not-found", "you have changed nothing lately", {
      next: "name what to undo: undo PATH",
    });
  }
  if (change.kind === "removal") {
    return await restoreFrom(context, { trashId: change.trashId }, change.path);
  }
  if (change.kind === "overwrite" && change.path !== undefined) {
    return await undoOverwrite(context, change.path);
  }
  const did = change.kind === "other" ? change.operation : "overwriting what is in the trash now";
  throw new Fault("not-found", `your last change (${did}) is none that undo takes back`, {
    next: "name a file that was overwritten or removed: undo PATH",
  });
}
