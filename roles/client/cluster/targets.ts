/**
 * What a typed word means in the namespace: the id of a version where it has the form of one
 * (`typed_ids.ts`), else a path against the current directory. Only for a command that changes
 * nothing it may also be five or more first digits of an id without the sign, where no such path
 * exists: in all others a name that is not there is not there.
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
import { refuseId, typedId } from "./typed_ids.ts";

export type StatReply = Output<typeof trackerRoutes.stat>;

export interface Found {
  readonly target: Target;
  /** As typed and made absolute; for an id, the path of the file it is a version of. */
  readonly path: RemotePath;
  readonly name: string;
  readonly stat: StatReply;
}

/** The word as a path, whether or not anything is there. Throws `invalid-name`; `usage` for ids. */
export function remotePathOf(context: CommandContext, word: string): RemotePath {
  refuseId(word, "a path");
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
  const id = typedId(word);
  if (id !== undefined) {
    const found = await findVersion(context, word, id, follow);
    if (found !== undefined) return found;
    throw new Fault("not-found", `no version has an id that begins ${visible(word).slice(1)}`, {
      next: "list the versions of a file: versions PATH",
    });
  }
  const path = remotePathOf(context, word);
  const { session } = await context.access();
  try {
    const options = { signal: context.signal };
    const stat = await session.tracker.stat({ target: { path }, follow }, options);
    return { target: { path }, path, name: nameOf(path), stat };
  } catch (error) {
    const fault = asFault(error);
    if (fault.code !== "not-found" || context.changes === "cluster") throw fault;
    const found = await findVersion(context, word, word.toLowerCase(), follow);
    if (found === undefined) throw fault;
    return found;
  }
}

/** The version whose id begins so; undefined where there is none or that is no beginning of one. */
async function findVersion(
  context: CommandContext,
  word: string,
  digits: string,
  follow: boolean,
): Promise<Found | undefined> {
  const prefix = VersionPrefix.safeParse(digits);
  if (!prefix.success) return undefined;
  const { session } = await context.access();
  const options = { signal: context.signal };
  const { matches } = await session.tracker.resolvePrefix({ prefix: prefix.data }, options);
  const [match] = matches;
  if (match === undefined) return undefined;
  if (matches.length > 1) throw ambiguous(word, matches);
  const target = { versionId: match.versionId };
  const stat = await session.tracker.stat({ target, follow }, options);
  return { target, path: match.path, name: nameOf(match.path), stat };
}

function ambiguous(
  word: string,
  matches: readonly { versionId: string; path: string; sizeBytes: number }[],
): Fault {
  const lines = matches.map((match) =>
    `\n  @${match.versionId}  ${sizeText(match.sizeBytes)}  ${visible(match.path)}`
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
  // What can be no id is left to the command itself, which answers with its own fault.
  const isId = typedId(word) !== undefined || context.changes !== "cluster" &&
      VersionPrefix.safeParse(word.toLowerCase()).success;
  if (!isId) return remotePathOf(context, word);
  const found = await find(context, word, false);
  if (found.stat.supersededMs === undefined) return found.path;
  throw new Fault(
    "usage",
    `${word} is an earlier version of ${visible(found.path)}, not the file as it is now`,
    { next: `name the file: ${visible(found.path)}` },
  );
}
