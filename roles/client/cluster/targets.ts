/**
 * What a typed word means in the namespace: a path against the current directory, or, where no such
 * path exists, the id of a version by five or more of its first hex digits.
 */
import {
  asFault,
  Fault,
  nameOf,
  type Output,
  RemotePath,
  resolvePath,
  type Target,
  type trackerRoutes,
  VersionPrefix,
} from "../../../protocol/mod.ts";
import type { CommandContext } from "../command.ts";
import { sizeText, visible } from "../terminal/wording.ts";

export type StatReply = Output<typeof trackerRoutes.stat>;

export interface Found {
  readonly target: Target;
  /** As typed and made absolute; for an id, the path of the file it is a version of. */
  readonly path: RemotePath;
  readonly name: string;
  readonly stat: StatReply;
}

/** The word as a path, whether or not anything is there. Throws `invalid-name`. */
export function remotePathOf(context: CommandContext, word: string): RemotePath {
  return resolvedPath(context.place.remote, word);
}

export function resolvedPath(directory: RemotePath, word: string): RemotePath {
  if (word === "") throw new Fault("invalid-name", "the path is empty");
  try {
    return resolvePath(directory, word);
  } catch (cause) {
    const problem = asRemotePathProblem(cause);
    throw new Fault("invalid-name", `${visible(word).slice(0, 200)}: ${problem}`, { cause });
  }
}

function asRemotePathProblem(cause: unknown): string {
  const issues = cause instanceof Error && "issues" in cause && Array.isArray(cause.issues)
    ? cause.issues
    : [];
  return issues.map((issue) => String(issue.message)).join("; ") || "not a path";
}

/** What is at the path, or undefined when there is nothing. */
export async function statPath(
  context: CommandContext,
  path: RemotePath,
  follow: boolean,
): Promise<StatReply | undefined> {
  const { session } = await context.access();
  try {
    return await session.tracker.stat({ target: { path }, follow }, { signal: context.signal });
  } catch (error) {
    if (asFault(error).code === "not-found") return undefined;
    throw error;
  }
}

/**
 * What a word names that must exist.
 * @throws Fault `not-found`, `ambiguous-id` with the matches
 */
export async function find(
  context: CommandContext,
  word: string,
  follow = true,
): Promise<Found> {
  const path = remotePathOf(context, word);
  const { session } = await context.access();
  const options = { signal: context.signal };
  try {
    const stat = await session.tracker.stat({ target: { path }, follow }, options);
    return { target: { path }, path, name: nameOf(path), stat };
  } catch (error) {
    const fault = asFault(error);
    const prefix = VersionPrefix.safeParse(word.toLowerCase());
    if (fault.code !== "not-found" || !prefix.success) throw fault;
    const { matches } = await session.tracker.resolvePrefix({ prefix: prefix.data }, options);
    const [match] = matches;
    if (match === undefined) throw fault;
    if (matches.length > 1) throw ambiguous(word, matches);
    const target = { versionId: match.versionId };
    const stat = await session.tracker.stat({ target, follow }, options);
    return { target, path: match.path, name: nameOf(match.path), stat };
  }
}

function ambiguous(
  word: string,
  matches: readonly { versionId: string; path: string; sizeBytes: number }[],
): Fault {
  const lines = matches.map((match) =>
    `\n  ${match.versionId}  ${sizeText(match.sizeBytes)}  ${visible(match.path)}`
  );
  return new Fault(
    "ambiguous-id",
    `${word} begins ${matches.length === 10 ? "ten or more" : matches.length} ids:${
      lines.join("")
    }`,
  );
}

/** The path of an existing name, for commands that need a path and not a version. */
export async function findPath(
  context: CommandContext,
  word: string,
): Promise<RemotePath> {
  // A path that could be no id is left to the command itself, which answers with its own fault.
  const path = remotePathOf(context, word);
  if (!VersionPrefix.safeParse(word.toLowerCase()).success) return path;
  const found = await find(context, word, false);
  if (found.stat.supersededMs === undefined) return found.path;
  throw new Fault(
    "usage",
    `${word} is an earlier version of ${visible(found.path)}, not the file as it is now`,
    { next: `name the file: ${visible(found.path)}` },
  );
}
