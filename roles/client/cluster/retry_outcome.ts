/**
 * The calls that are not idempotent. When the reply to a first try was lost, a second try may be
 * refused because the first one worked: the name to remove is gone, the name to make is there. The
 * refusal counts as success when the tracker now shows exactly what was asked for. What it cannot
 * tell is who did it: a name that somebody else removed at that moment also counts as removed.
 */
import { Fault, type RemotePath, type StatReply, trackerRoutes } from "../../../protocol/mod.ts";

/** What the tracker shows at a path, a last link not followed; undefined when that is not known. */
export type Look = (path: RemotePath) => Promise<StatReply | undefined>;

/**
 * What a move is about to take away, asked before the first try: only with that in hand can what is
 * found at the target afterwards be told from what was there all along.
 */
export async function whatMoves(
  look: Look,
  name: string,
  input: unknown,
): Promise<StatReply | undefined> {
  const request = name === "move" ? trackerRoutes.move.input.safeParse(input) : undefined;
  return request?.data === undefined ? undefined : await look(request.data.from);
}

function isSame(before: StatReply | undefined, after: StatReply | undefined): boolean {
  return before !== undefined && after !== undefined && before.kind === after.kind &&
    before.versionId === after.versionId && before.target === after.target &&
    before.modifiedMs === after.modifiedMs;
}

/**
 * The reply to give instead of `fault`, which answered a second try of route `name`; throws `fault`
 * when it does not prove that the first try worked.
 */
export async function settleRetry(
  look: Look,
  before: StatReply | undefined,
  name: string,
  input: unknown,
  fault: Fault,
): Promise<unknown> {
  if (name === "remove" && fault.code === "not-found") {
    return { files: 0, directories: 0, links: 0 };
  }
  if (name === "move" && fault.code === "not-found") {
    const request = trackerRoutes.move.input.parse(input);
    const there = await look(request.to);
    if (there !== undefined && isSame(before, there)) return { path: there.path };
  }
  if (name === "makeDirectories" && fault.code === "already-exists") {
    const request = trackerRoutes.makeDirectories.input.parse(input);
    const there = await Promise.all(request.paths.map(look));
    if (there.every((entry) => entry?.kind === "directory")) return { made: there.length };
  }
  if (name === "makeLinks" && fault.code === "already-exists") {
    const request = trackerRoutes.makeLinks.input.parse(input);
    const there = await Promise.all(request.links.map((link) => look(link.path)));
    if (there.every((entry, i) => entry?.target === request.links[i]?.target)) {
      return { made: there.length };
    }
  }
  throw fault;
}
