/**
 * What the simulated disk is made of: files, directories, links, paths through them, and changes of
 * names.
 */
import { Fault, limits } from "../../../protocol/mod.ts";
import type { DiskStat } from "../../../roles/kit/disk.ts";
import { SimContent } from "./sim_content.ts";

export interface Inode {
  readonly number: number;
  readonly kind: "file" | "directory" | "link";
  readonly content: SimContent;
  /** Of directories: names as programs see them, and as found after a power cut. */
  readonly names: Map<string, Inode>;
  readonly durableNames: Map<string, Inode>;
  readonly target: string;
  mode: number;
  modifiedMs: number;
  changedMs: number;
}

export interface NameEffect {
  readonly directory: Inode;
  readonly name: string;
  /** Undefined: the name goes. */
  readonly inode: Inode | undefined;
}

export function newInode(
  number: number,
  kind: Inode["kind"],
  modifiedMs: number,
  target = "",
): Inode {
  return {
    number,
    kind,
    content: new SimContent(),
    names: new Map(),
    durableNames: new Map(),
    target,
    mode: kind === "directory" ? 0o755 : kind === "link" ? 0o777 : 0o644,
    modifiedMs,
    changedMs: modifiedMs,
  };
}

/** As a program sees it: one device, one user, one name a file. */
export function statOf(inode: Inode): DiskStat {
  const { kind, mode, modifiedMs, changedMs, number } = inode;
  const sizeBytes = kind === "link" ? inode.target.length : inode.content.sizeBytes;
  const same = { device: 1, links: 1, owner: 0 };
  return { kind, sizeBytes, modifiedMs, changedMs, mode, inode: number, ...same };
}

/**
 * Where `path` leads. Throws `local-not-found`, `not-a-directory` or, for a loop, `disk-failed`.
 */
export function walk(
  root: Inode,
  path: string,
  follow: boolean,
): { inode: Inode; path: string } {
  let trail: { inode: Inode; name: string }[] = [];
  const todo = segmentsOf(path);
  let links = 0;
  while (todo.length > 0) {
    const segment = todo.shift() ?? "";
    const here = trail.at(-1)?.inode ?? root;
    if (here.kind !== "directory") throw new Fault("not-a-directory", path);
    if (segment === "..") trail.pop();
    if (segment === "." || segment === "..") continue;
    const next = here.names.get(segment);
    if (next === undefined) throw new Fault("local-not-found", path);
    if (next.kind === "link" && (follow || todo.length > 0)) {
      if (++links > limits.linkDepthMax) {
        throw new Fault("disk-failed", `${path}: too many links`);
      }
      if (next.target.startsWith("/")) trail = [];
      todo.unshift(...segmentsOf(next.target));
    } else trail.push({ inode: next, name: segment });
  }
  return {
    inode: trail.at(-1)?.inode ?? root,
    path: `/${trail.map((step) => step.name).join("/")}`,
  };
}

/** The same; undefined when there is nothing. */
export function find(root: Inode, path: string, follow: boolean): Inode | undefined {
  try {
    return walk(root, path, follow).inode;
  } catch (error) {
    const code = error instanceof Fault ? error.code : undefined;
    if (code === "local-not-found" || code === "not-a-directory") return undefined;
    throw error;
  }
}

export function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/** Whether `inner` is `outer` or lies below. */
export function holds(outer: Inode, inner: Inode): boolean {
  return outer === inner || outer.names.values().some((child) => holds(child, inner));
}

export function put(names: Map<string, Inode>, name: string, inode: Inode | undefined): void {
  if (inode === undefined) names.delete(name);
  else names.set(name, inode);
}

/** What a power cut now would certainly leave of a tree, as a tree of its own. */
export function durableCopy(inode: Inode, known = new Map<Inode, Inode>()): Inode {
  const there = known.get(inode);
  if (there !== undefined) return there;
  const copy: Inode = {
    ...inode,
    content: inode.content.durableCopy(),
    names: new Map(),
    durableNames: new Map(),
  };
  known.set(inode, copy);
  for (const [name, child] of inode.durableNames) {
    const below = durableCopy(child, known);
    copy.names.set(name, below);
    copy.durableNames.set(name, below);
  }
  return copy;
}

export function highestNumber(inode: Inode): number {
  return Math.max(inode.number, ...inode.durableNames.values().map(highestNumber));
}

export function bytesIn(inode: Inode): number {
  let sum = inode.content.sizeBytes;
  for (const child of inode.names.values()) sum += bytesIn(child);
  return sum;
}

/** Paths and sizes of all files below, in no order. */
export function filesIn(path: string, inode: Inode): { path: string; sizeBytes: number }[] {
  const found = [...inode.names].flatMap(([name, child]) =>
    filesIn(`${path === "/" ? "" : path}/${name}`, child)
  );
  if (inode.kind === "file") found.push({ path, sizeBytes: inode.content.sizeBytes });
  return found;
}
