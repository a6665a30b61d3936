/** What the simulated disk is made of: files, directories and links, and changes of names. */
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
  };
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
