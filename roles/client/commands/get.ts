/**
 * `get`: copies files and trees out of the cluster, with the manners of `cp`. It decides what goes
 * where; bytes are fetched, verified and put in place by `download.ts`.
 *
 * Whatever the cluster names is suspect: a name that is no plain name is refused, nothing is
 * written through a link that lies in the tree, and links of a tree are made last.
 */
import { asFault, Fault, segmentProblem } from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import type { DownloadWanted } from "../transfer/download.ts";
import { localChildOf, localNameOf, localParentOf } from "../local_paths.ts";
import { find, type Found } from "../cluster/targets.ts";
import { LocalDirectories } from "../transfer/local_directories.ts";
import { specialTarget } from "../transfer/local_names.ts";
import { startTransferReport, type TransferReport } from "../terminal/transfer_report.ts";
import { walkRemote } from "../transfer/tree_walk.ts";
import { visible } from "../terminal/wording.ts";
import { printFile } from "./cat.ts";
import { refuseOneTarget } from "./one_target.ts";
import { newTally, type Tally, tellTally } from "./tally.ts";

interface Job {
  readonly found: Found;
  readonly localPath: string;
  /** The last name of `localPath` comes from the cluster: a link there is not followed. */
  readonly isNamedThere: boolean;
}

export const get: Command = {
  spec: {
    name: "get",
    changes: "local",
    group: "Files",
    summary: "Download files, and whole trees with -r.",
    details: "Several sources, or a local directory that is there, mean: into that directory.\n" +
      "A download that was interrupted goes on where it was; - is standard output.\n" +
      "No device is written to, no link of a tree is followed, and a link where a\n" +
      "directory of the tree is to be is refused, never replaced.\n" +
      "Instead of a path, the id of a version will do: @ and five or more digits.",
    usage: "REMOTE... [LOCAL]",
    arguments: [{
      name: "paths",
      summary: "what to download, and last where to (here, when there is one only)",
      repeated: true,
    }],
    options: [
      { name: "recursive", short: "r", summary: "trees, with empty directories and links" },
      { name: "force", short: "f", summary: "replace local files that are there" },
      {
        name: "preserve",
        short: "p",
        summary: "modes as they are: set-uid and the like too, whatever the umask says",
      },
    ],
    examples: ["get /report.pdf", "get -r /photos ~/restored", "get @1a2b3 old.txt", "get /x -"],
  },
  completes: ["remote", "local"],
  run: async (context) => {
    const words = context.run.words("paths");
    const remotes = words.length === 1 ? words : words.slice(0, -1);
    const last = words.length === 1 ? "." : words.at(-1) ?? ".";
    if (last === "-") return await getToOutput(context, remotes);

    const { session } = await context.access();
    const tally = newTally(context.clock.now());
    const report = startTransferReport(context);
    const preserve = context.run.isSet("preserve");
    const directories = new LocalDirectories(context.disk, preserve);
    try {
      const jobs = await planJobs(context, remotes, last, tally, report);
      const { downloadFiles } = await import("../transfer/download.ts");
      const trees: Job[] = [];
      const results = downloadFiles(
        session,
        wantedOf(jobs, { context, directories, trees, tally, report }),
        {
          force: context.run.isSet("force"),
          preserve,
          signal: context.signal,
          observer: report.observer,
        },
      );
      for await (const result of results) await tally.add(context, report, result);
      context.signal.throwIfAborted();
      for (const tree of trees) await makeLinks(context, tree, tally, report);
    } finally {
      await directories.settle((path, error) =>
        tally.add(context, report, { path, sizeBytes: 0, fault: asFault(error) })
      );
      report.end();
    }
    await tellTally(context, tally, report.state(), "received");
  },
};

async function getToOutput(context: CommandContext, words: readonly string[]): Promise<void> {
  for (const word of words) await printFile(context, await find(context, word));
}

async function planJobs(
  context: CommandContext,
  words: readonly string[],
  last: string,
  tally: Tally,
  report: TransferReport,
): Promise<Job[]> {
  const to = context.localPath(last);
  if (isOpenFile.test(to)) throw specialTarget(to);
  const there = await context.disk.stat(to);
  const kind = there?.kind === "link" ? await kindBehind(context, to) : there?.kind;
  if (kind === "other") throw specialTarget(to);
  const isDirectory = kind === "directory";
  if (!isDirectory && (words.length > 1 || last.endsWith("/"))) {
    const code = kind === undefined ? "local-not-found" : "not-a-directory";
    throw new Fault(code, `${visible(last)} is no local directory`, { next: "make it first" });
  }
  if (!isDirectory) {
    const parent = localParentOf(to);
    if (await context.disk.stat(parent) === undefined) {
      throw new Fault("local-not-found", `there is no local directory ${visible(parent)}`, {
        next: "make it first",
      });
    }
  }
  const jobs: Job[] = [];
  for (const word of words) {
    try {
      const found = await find(context, word);
      if (found.stat.kind === "directory" && !context.run.isSet("recursive")) {
        throw new Fault("is-a-directory", `${visible(word)} is a directory`, {
          next: `type: get -r ${visible(word)}`,
        });
      }
      // The root has no name: its contents go into the directory, as with "cp -r /x/.".
      const isContents = found.name === "" || /(^|\/)\.{1,2}\/*$/.test(word);
      const into = isDirectory && !isContents;
      const localPath = into ? localChildOf(to, safeName(found.name)) : to;
      jobs.push({ found, localPath, isNamedThere: into });
    } catch (error) {
      const fault = asFault(error);
      if (fault.retry === "later" || context.signal.aborted) throw fault;
      await tally.add(context, report, { path: word, sizeBytes: 0, fault });
    }
  }
  refuseOneTarget(jobs.map(({ found, localPath }) => ({ from: found.path, to: localPath })));
  return jobs;
}

/** What this process has open itself: the system has no file there to be replaced. */
const isOpenFile = /^\/(dev\/(stdin|stdout|stderr|tty|fd\/.*)|proc\/self\/fd\/.*)$/;

async function kindBehind(context: CommandContext, path: string) {
  try {
    return (await context.disk.stat(await context.disk.realPath(path)))?.kind;
  } catch {
    // A link that leads nowhere is a name that is taken; the download itself says so.
    return "file";
  }
}

function safeName(name: string): string {
  const problem = segmentProblem(name);
  if (problem !== undefined) throw new Fault("invalid-name", `${visible(name)}: ${problem}`);
  return name;
}

interface Walking {
  readonly context: CommandContext;
  readonly directories: LocalDirectories;
  /** Jobs whose trees hold links. */
  readonly trees: Job[];
  readonly tally: Tally;
  readonly report: TransferReport;
}

async function* wantedOf(
  jobs: readonly Job[],
  { context, directories, trees, tally, report }: Walking,
): AsyncGenerator<DownloadWanted> {
  const failed = (path: string, fault: Fault) =>
    tally.add(context, report, { path, sizeBytes: 0, fault });
  for (const job of jobs) {
    const { found, localPath } = job;
    if (found.stat.kind !== "directory") {
      yield { target: found.target, localPath, name: found.path };
      continue;
    }
    try {
      // A link that the person typed leads where the person means, as with cp.
      const isThere = !job.isNamedThere && await kindBehind(context, localPath) === "directory";
      if (!isThere) await directories.make(localPath, found.stat.mode);
      tally.directories += 1;
    } catch (error) {
      await failed(localPath, asFault(error));
      continue;
    }
    const { session } = await context.access();
    let hasLinks = false;
    // Below one of these nothing is written: a link or a file stands in a directory's place.
    const blocked = new Set<string>();
    for await (const one of walkRemote(session.tracker, found.stat.path, context.signal)) {
      if ("fault" in one) {
        await failed(one.path, one.fault);
        continue;
      }
      const path = one.below.reduce(localChildOf, localPath);
      if (blocked.has(localParentOf(path))) {
        if (one.entry.kind === "directory") blocked.add(path);
        else await failed(path, behindBlocked(path));
      } else if (one.entry.kind === "link") hasLinks = true;
      else if (one.entry.kind === "directory") {
        try {
          await directories.make(path, one.entry.mode);
          tally.directories += 1;
        } catch (error) {
          blocked.add(path);
          await failed(path, asFault(error));
        }
      } else yield { target: { path: one.path }, localPath: path, name: one.path };
    }
    if (hasLinks) trees.push(job);
  }
}

function behindBlocked(path: string): Fault {
  return new Fault("not-a-directory", `${visible(localParentOf(path))} could not be made`);
}

/** A second walk, so that however many links there are none must be remembered. */
async function makeLinks(
  context: CommandContext,
  tree: Job,
  tally: Tally,
  report: TransferReport,
): Promise<void> {
  const { session } = await context.access();
  const top = tree.found.stat.path;
  for await (const one of walkRemote(session.tracker, top, context.signal)) {
    if ("fault" in one || one.entry.kind !== "link") continue;
    const path = one.below.reduce(localChildOf, tree.localPath);
    try {
      await makeLink(context, tree.localPath, path, one.entry.target ?? "");
      tally.links += 1;
    } catch (error) {
      await tally.add(context, report, { path, sizeBytes: 0, fault: asFault(error) });
    }
  }
}

async function makeLink(
  context: CommandContext,
  top: string,
  path: string,
  target: string,
): Promise<void> {
  // A directory that could not be made was reported; a link behind another link must not follow it.
  for (let parent = localParentOf(path); parent.length > top.length;) {
    const stat = await context.disk.stat(parent);
    if (stat?.kind !== "directory") throw behindBlocked(path);
    parent = localParentOf(parent);
  }
  const there = await context.disk.stat(path);
  if (there?.kind === "link") {
    if (await context.disk.readLink(path) === target) return;
    if (context.run.isSet("force")) {
      await context.disk.remove(path);
      return await context.disk.makeLink(path, target);
    }
  }
  if (there !== undefined) {
    throw new Fault("local-exists", `${visible(localNameOf(path))} is there already`, {
      next: "choose another name, or replace it: get --force",
    });
  }
  await context.disk.makeLink(path, target);
}
