/**
 * `put`: copies files, trees or standard input into the cluster, with the manners of `cp`. It
 * decides what goes where and makes directories and links; the bytes are moved by `upload.ts`.
 */
import {
  asFault,
  childOf,
  type Condition,
  Fault,
  nameOf,
  type RemotePath,
  segmentProblem,
} from "../../../protocol/mod.ts";
import { type Command, type CommandContext } from "../command.ts";
import { localNameOf } from "../local_paths.ts";
import type { Session } from "../cluster/session.ts";
import { remotePathOf, statPath } from "../cluster/targets.ts";
import { startTransferReport, type TransferReport } from "../terminal/transfer_report.ts";
import { walkLocal } from "../transfer/tree_walk.ts";
import type { UploadSource } from "../transfer/upload.ts";
import { visible } from "../terminal/wording.ts";
import { refuseOneTarget } from "./one_target.ts";
import { newTally, type Tally, tellTally } from "./tally.ts";

/** One thing named on the command line and where it goes. */
interface Source {
  /** Links followed. Undefined is standard input. */
  readonly localPath: string | undefined;
  readonly to: RemotePath;
}

/** Entries of a walk that are handled together: directories first, then links, then files. */
const batchEntries = 500;

export const put: Command = {
  spec: {
    name: "put",
    changes: "cluster",
    aliases: ["upload"],
    group: "Files",
    summary: "Upload files, and whole trees with -r.",
    details: "Several sources, or a directory that is there, mean: into that directory.\n" +
      "A file that is there is replaced when the new one is whole, and stays as an\n" +
      "earlier version (see versions, undo); - is standard input.\n" +
      "Run again after an interruption, it sends only what is missing.",
    usage: "LOCAL... [REMOTE]",
    arguments: [{
      name: "paths",
      summary: "what to upload, and last where to (here, when there is one only)",
      repeated: true,
    }],
    options: [
      { name: "recursive", short: "r", summary: "trees, with empty directories and links" },
      { name: "no-clobber", short: "n", summary: "refuse to replace a file that is there" },
    ],
    examples: ["put report.pdf", "put -r ~/photos /photos", "tar c . | offshore put - /all.tar"],
  },
  completes: ["local", "remote"],
  run: async (context) => {
    const { session } = await context.access();
    const tally = newTally(context.clock.now());
    const report = startTransferReport(context);
    try {
      const sources = await planSources(context, tally, report);
      const { uploadFiles } = await import("../transfer/upload.ts");
      const condition: Condition = { kind: clobbers(context) ? "replace" : "create" };
      const results = uploadFiles(session, sourcesOf(context, session, sources, tally, report), {
        condition,
        signal: context.signal,
        observer: report.observer,
      });
      for await (const result of results) await tally.add(context, report, result);
      context.signal.throwIfAborted();
    } finally {
      report.end();
    }
    await tellTally(context, tally, report.state(), "sent");
  },
};

function clobbers(context: CommandContext): boolean {
  return !context.run.isSet("no-clobber");
}

/** Where each source goes. A source that is not there is reported, and the rest goes on. */
async function planSources(
  context: CommandContext,
  tally: Tally,
  report: TransferReport,
): Promise<Source[]> {
  const words = context.run.words("paths");
  const locals = words.length === 1 ? words : words.slice(0, -1);
  const last = words.length === 1 ? "." : words.at(-1) ?? ".";
  const to = remotePathOf(context, last);
  const there = await statPath(context, to, true);
  const isDirectory = there?.kind === "directory";
  if (!isDirectory && locals.length > 1) {
    throw new Fault("not-a-directory", `${visible(to)} is no directory to put several things into`);
  }
  if (!isDirectory && /(^|\/)\.{0,2}$/.test(last)) {
    const code = there === undefined ? "not-found" : "not-a-directory";
    throw new Fault(code, `${visible(to)} is no directory`, { next: `type: mkdir ${last}` });
  }
  const sources: Source[] = [];
  for (const word of locals) {
    try {
      sources.push(await planSource(context, word, to, isDirectory));
    } catch (error) {
      await tally.add(context, report, { path: word, sizeBytes: 0, fault: asFault(error) });
    }
  }
  refuseOneTarget(sources.map(({ localPath, to }) => ({ from: localPath ?? "-", to })));
  return sources;
}

async function planSource(
  context: CommandContext,
  word: string,
  to: RemotePath,
  isDirectory: boolean,
): Promise<Source> {
  if (word === "-") {
    if (!context.inputIsFree) {
      throw new Fault("usage", "standard input carries the commands of this shell", {
        next: "from outside: offshore put - REMOTE",
      });
    }
    if (isDirectory) {
      throw new Fault("is-a-directory", `${visible(to)} is a directory`, {
        next: "name the file that standard input becomes",
      });
    }
    return { localPath: undefined, to };
  }
  const typed = context.localPath(word);
  const localPath = await context.disk.realPath(typed);
  const stat = await context.disk.stat(localPath);
  if (stat?.kind === "directory" && !context.run.isSet("recursive")) {
    throw new Fault("is-a-directory", `${visible(word)} is a directory`, {
      next: `type: put -r ${visible(word)}`,
    });
  }
  if (stat?.kind === "other") throw special(word);
  // Like cp: "." means what is in it, and a trailing slash changes nothing.
  const isContents = /(^|\/)\.{1,2}\/*$/.test(word) || typed === "/";
  return {
    localPath,
    to: isDirectory && !isContents ? childOfChecked(to, localNameOf(typed)) : to,
  };
}

function childOfChecked(directory: RemotePath, name: string): RemotePath {
  const problem = segmentProblem(name);
  if (problem !== undefined) throw new Fault("invalid-name", `${visible(name)}: ${problem}`);
  try {
    return childOf(directory, name);
  } catch (cause) {
    throw new Fault("invalid-name", `${visible(directory)}/${visible(name)} is too long`, {
      cause,
    });
  }
}

function special(path: string): Fault {
  return new Fault("local-failed", `${visible(path)} is neither file, directory nor link`, {
    next: "sockets, pipes and devices are left out",
  });
}

interface Pending {
  readonly directories: { path: RemotePath; from: string; mode: number }[];
  readonly links: { path: RemotePath; from: string; modifiedMs: number }[];
  readonly files: UploadSource[];
}

async function* sourcesOf(
  context: CommandContext,
  session: Session,
  sources: readonly Source[],
  tally: Tally,
  report: TransferReport,
): AsyncGenerator<UploadSource> {
  let pending: Pending = { directories: [], links: [], files: [] };
  const flush = async () => {
    const batch = pending;
    pending = { directories: [], links: [], files: [] };
    await makeDirectories(context, session, batch, tally, report);
    await makeLinks(context, session, batch, tally, report);
    return batch.files;
  };
  for (const source of sources) {
    if (source.localPath === undefined) {
      pending.files.push(inputSource(context, source.to));
      continue;
    }
    for await (const found of entriesOf(context, source.localPath)) {
      context.signal.throwIfAborted();
      if ("fault" in found) {
        await tally.add(context, report, { path: found.path, sizeBytes: 0, fault: found.fault });
        continue;
      }
      try {
        sort(pending, found.path, toRemote(source.to, found.below), found.stat);
      } catch (error) {
        const failed = { path: found.path, sizeBytes: 0, fault: asFault(error) };
        await tally.add(context, report, failed);
      }
      const count = pending.directories.length + pending.links.length + pending.files.length;
      if (count >= batchEntries) yield* await flush();
    }
  }
  yield* await flush();
}

/** The source itself, and everything below it. */
async function* entriesOf(context: CommandContext, localPath: string) {
  const stat = await context.disk.stat(localPath);
  if (stat === undefined) {
    yield {
      path: localPath,
      fault: new Fault("local-not-found", `${visible(localPath)} is gone`),
    };
    return;
  }
  yield { path: localPath, below: [], stat };
  if (stat.kind !== "directory") return;
  try {
    yield* walkLocal(context.disk, localPath);
  } catch (error) {
    yield { path: localPath, fault: asFault(error) };
  }
}

function toRemote(top: RemotePath, below: readonly string[]): RemotePath {
  return below.reduce<RemotePath>((path, name) => childOfChecked(path, name), top);
}

function sort(
  pending: Pending,
  from: string,
  path: RemotePath,
  stat: { kind: string; sizeBytes: number; modifiedMs: number; mode: number },
): void {
  const { modifiedMs, mode, sizeBytes } = stat;
  if (stat.kind === "directory") pending.directories.push({ path, from, mode });
  else if (stat.kind === "link") pending.links.push({ path, from, modifiedMs });
  else if (stat.kind === "file") {
    const content = { kind: "file" as const, localPath: from, sizeBytes };
    pending.files.push({ path, content, modifiedMs: Math.floor(modifiedMs), mode });
  } else throw special(from);
}

function inputSource(context: CommandContext, path: RemotePath): UploadSource {
  const content = { kind: "stream" as const, stream: context.terminal.input() };
  return { path, content, modifiedMs: context.clock.now(), mode: 0o644 };
}

/**
 * All in one call. When that is refused, one by one, so that one bad name spoils no other; a file
 * in a directory that could not be made fails by itself later.
 */
async function makeDirectories(
  context: CommandContext,
  session: Session,
  batch: Pending,
  tally: Tally,
  report: TransferReport,
): Promise<void> {
  const make = async (some: Pending["directories"]) => {
    const paths = some.map((one) => one.path), modes = some.map((one) => one.mode);
    const request = { paths, modes, parents: true };
    await session.tracker.makeDirectories(request, { signal: context.signal });
    tally.directories += paths.length;
  };
  await eachIfNotAll(
    batch.directories,
    make,
    (one, fault) => tally.add(context, report, { path: one.path, sizeBytes: 0, fault }),
  );
}

async function makeLinks(
  context: CommandContext,
  session: Session,
  batch: Pending,
  tally: Tally,
  report: TransferReport,
): Promise<void> {
  const failed = (path: string, fault: Fault) =>
    tally.add(context, report, { path, sizeBytes: 0, fault });
  const links: { path: RemotePath; target: string; modifiedMs: number; replace: boolean }[] = [];
  for (const { path, from, modifiedMs } of batch.links) {
    try {
      const target = await context.disk.readLink(from);
      links.push({ path, target, modifiedMs: Math.floor(modifiedMs), replace: clobbers(context) });
    } catch (error) {
      await failed(from, asFault(error));
    }
  }
  const make = async (some: typeof links) => {
    await session.tracker.makeLinks({ links: some }, { signal: context.signal });
    tally.links += some.length;
  };
  await eachIfNotAll(links, make, (one, fault) => failed(`${nameOf(one.path)} (link)`, fault));
}

async function eachIfNotAll<T>(
  items: readonly T[],
  work: (items: T[]) => Promise<void>,
  failed: (item: T, fault: Fault) => Promise<void>,
): Promise<void> {
  if (items.length === 0) return;
  try {
    return await work([...items]);
  } catch (error) {
    if (asFault(error).retry === "later") throw error;
  }
  for (const item of items) {
    try {
      await work([item]);
    } catch (error) {
      const fault = asFault(error);
      if (fault.retry === "later" || fault.code === "interrupted") throw fault;
      await failed(item, fault);
    }
  }
}
