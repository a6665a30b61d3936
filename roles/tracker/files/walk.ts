/**
 * From a path to a node: walks the namespace segment by segment and resolves links on the way, as
 * path_resolution(7) describes it. Links before the last segment are always followed, the last one
 * when asked for; a link's text is relative to the directory it lies in.
 */
import {
  Fault,
  limits,
  pathProblem,
  RemotePath,
  segmentsOf,
  type Target,
} from "../../../protocol/mod.ts";
import { type CatalogView, type NodeRow, rootNodeId, trashNodeId } from "../catalog/catalog.ts";

/** Where a path leads. Without a `node` the name is free, but its directory is there. */
export interface Found {
  /** Links resolved. */
  readonly path: RemotePath;
  readonly directory: NodeRow;
  readonly name: string;
  readonly node: NodeRow | undefined;
}

/**
 * Where `path` leads. The root is in itself and has an empty name.
 * @throws Fault `not-found` or `not-a-directory` when a directory on the way is missing or is none,
 *   `link-loop`, `invalid-name` when links make the path longer than a path may be
 */
export async function walk(
  view: CatalogView,
  path: RemotePath,
  follow: boolean,
): Promise<Found> {
  const root = await rootOf(view);
  const trail: NodeRow[] = [root];
  const ahead = segmentsOf(path).reverse();
  let linksFollowed = 0;
  for (;;) {
    const here = trail.at(-1) ?? root;
    const segment = ahead.pop();
    if (segment === undefined) {
      const directory = trail.at(-2) ?? root;
      return { path: pathOfTrail(trail), directory, name: here.name, node: here };
    }
    if (segment === "" || segment === ".") continue;
    if (segment === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const isLast = ahead.every((rest) => rest === "");
    const node = await view.child(here.nodeId, segment);
    if (node === undefined && !isLast) {
      throw new Fault("not-found", `${shown(trail, segment)} is not there`);
    }
    if (node?.kind === "link" && (follow || !isLast)) {
      linksFollowed++;
      if (linksFollowed > limits.linkDepthMax) {
        throw new Fault(
          "link-loop",
          `${path} leads through more than ${limits.linkDepthMax} links`,
        );
      }
      const target = node.target ?? "";
      if (target.startsWith("/")) trail.length = 1;
      ahead.push(...target.split("/").reverse());
      continue;
    }
    if (node?.kind === "directory") {
      trail.push(node);
      continue;
    }
    if (!isLast) {
      const kind = node?.kind ?? "file";
      throw new Fault("not-a-directory", `${shown(trail, segment)} is a ${kind}`);
    }
    const found = joined([...trail.slice(1).map((row) => row.name), segment]);
    return { path: found, directory: here, name: segment, node };
  }
}

/** As `walk`, but what the path names must be there: else `not-found`. */
export async function walkTo(
  view: CatalogView,
  path: RemotePath,
  follow: boolean,
): Promise<Found & { node: NodeRow }> {
  const found = await walk(view, path, follow);
  if (found.node === undefined) throw new Fault("not-found", `${found.path} is not there`);
  return { ...found, node: found.node };
}

/** What a target names, by its path or by the id of a version. */
export async function findTarget(
  view: CatalogView,
  target: Target,
  follow: boolean,
): Promise<{ path: RemotePath; node: NodeRow }> {
  if ("path" in target) return await walkTo(view, target.path, follow);
  const version = await view.version(target.versionId);
  const node = version === undefined ? undefined : await view.node(version.nodeId);
  if (node === undefined) {
    throw new Fault("not-found", `no version has the id ${target.versionId}`);
  }
  return { path: await pathOfNode(view, node), node };
}

/** The path of a node, from its parents; in the trash the path it had. */
export async function pathOfNode(view: CatalogView, node: NodeRow): Promise<RemotePath> {
  const names: string[] = [];
  for (let row = node; row.nodeId !== rootNodeId;) {
    if (row.parentId === trashNodeId) {
      const entry = await view.trashed(Number(row.name));
      if (entry === undefined) throw lostParent(row);
      return joined([...segmentsOf(RemotePath.parse(entry.path)), ...names.reverse()]);
    }
    names.push(row.name);
    const parent = await view.node(row.parentId);
    if (parent === undefined) throw lostParent(row);
    row = parent;
  }
  return joined(names.reverse());
}

/** What holds for files written in a directory. */
export interface Policy {
  readonly copies: number;
  /** Earlier versions kept of each file. */
  readonly versions: number;
  readonly versionDays: number;
}

/** Each from the directory's own policy, or that of the nearest one above that has it. */
export async function policyIn(
  view: CatalogView,
  directory: NodeRow,
  copiesDefault: number,
): Promise<Policy> {
  let found: Partial<Policy> = {};
  for (let row = directory;;) {
    const { copies, versions, versionDays } = row;
    found = {
      ...(copies === undefined ? {} : { copies }),
      ...(versions === undefined ? {} : { versions }),
      ...(versionDays === undefined ? {} : { versionDays }),
      // What was found nearer.
      ...found,
    };
    if (row.nodeId === rootNodeId) break;
    const parent = await view.node(row.parentId);
    if (parent === undefined) throw lostParent(row);
    row = parent;
  }
  return {
    copies: copiesDefault,
    versions: limits.versionsDefault,
    versionDays: limits.versionDaysDefault,
    ...found,
  };
}

async function rootOf(view: CatalogView): Promise<NodeRow> {
  const root = await view.node(rootNodeId);
  if (root === undefined) throw new Fault("config-corrupt", "the catalog has no root directory");
  return root;
}

function lostParent(row: NodeRow): Fault {
  return new Fault("config-corrupt", `the catalog has lost the directory of node ${row.nodeId}`);
}

function pathOfTrail(trail: readonly NodeRow[]): RemotePath {
  return joined(trail.slice(1).map((row) => row.name));
}

function joined(names: readonly string[]): RemotePath {
  const path = `/${names.join("/")}`;
  const problem = pathProblem(path);
  if (problem === undefined) return RemotePath.parse(path);
  throw new Fault("invalid-name", `a path with its links resolved is not allowed: ${problem}`);
}

function shown(trail: readonly NodeRow[], segment: string): string {
  return `/${[...trail.slice(1).map((row) => row.name), segment].join("/")}`;
}
