/**
 * The calls that are not idempotent. When the reply to a first try was lost, a second try may be
 * refused because the first one worked: the name to remove is gone, the name to make is there. The
 * refusal counts as success when the tracker now shows exactly what was asked for. What it cannot
 * tell is who did it: a name that somebody else removed at that moment also counts as removed.
 */
import { type Connection, Fault, type RemotePath, trackerRoutes } from "../../protocol/mod.ts";

type Tracker = Connection<typeof trackerRoutes>;

/**
 * The reply to give instead of `fault`, which answered a second try of route `name`; throws `fault`
 * when it does not prove that the first try worked.
 */
export async function settleRetry(
  tracker: Tracker,
  name: string,
  input: unknown,
  fault: Fault,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const look = async (path: RemotePath) => {
    const options = signal === undefined ? {} : { signal };
    return await tracker.stat({ target: { path }, follow: false }, options).catch(() => undefined);
  };
  if (name === "remove" && fault.code === "not-found") {
    return { files: 0, directories: 0, links: 0 };
  }
  if (name === "move" && fault.code === "not-found") {
    const request = trackerRoutes.move.input.parse(input);
    const there = await look(request.to);
    if (there !== undefined) return { path: there.path };
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
