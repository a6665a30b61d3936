/**
 * Changing the namespace: what may be made, linked, moved, removed, and what becomes of the name
 * that was there. Each rule is checked in the transaction that then commits the operation, so two
 * requests never decide from the same state. A batch either happens whole or not at all.
 */
import type * as z from "zod";
import {
  Fault,
  isWithin,
  type MakeDirectoriesRequest,
  type MakeLinksRequest,
  type MoveRequest,
  parentOf,
  type RemotePath,
  type RemoveRequest,
  segmentsOf,
  type SetPolicyRequest,
} from "../../protocol/mod.ts";
import { type CatalogTransaction, type NodeRow, rootNodeId } from "./catalog/catalog.ts";
import { type Core, stampOf } from "./core.ts";
import { commitOperation, nextNodeId, type Removed } from "./operations.ts";
import { copiesIn, walk, walkTo } from "./walk.ts";

/** Makes directories, with missing parents if asked. How many were made. */
export function makeDirectories(
  core: Core,
  input: z.output<typeof MakeDirectoriesRequest>,
  by: string,
): Promise<number> {
  return core.catalog.transaction(async (tx) => {
    const maker = new DirectoryMaker(core, tx, by);
    for (const path of input.paths) {
      if (input.parents) await maker.ensure(path);
      else await maker.make(path);
    }
    return maker.made;
  });
}

class DirectoryMaker {
  made = 0;
  /**
   * Directories met in this batch, so that a tree of a thousand is not walked from the top each
   * time.
   */
  readonly #met = new Map<RemotePath, NodeRow>();

  constructor(
    private readonly core: Core,
    private readonly tx: CatalogTransaction,
    private readonly by: string,
  ) {}

  async make(path: RemotePath): Promise<void> {
    const found = await walk(this.tx, path, false);
    if (found.node !== undefined) {
      throw new Fault("already-exists", `${found.path} is there already`);
    }
    await this.#put(found.directory, found.name);
  }

  async ensure(path: RemotePath): Promise<NodeRow> {
    const met = this.#met.get(path);
    if (met !== undefined) return met;
    const directory = await this.#ensureBelow(path);
    this.#met.set(path, directory);
    return directory;
  }

  async #ensureBelow(path: RemotePath): Promise<NodeRow> {
    if (segmentsOf(path).length === 0) return (await walkTo(this.tx, path, true)).node;
    const parent = await this.ensure(parentOf(path));
    const name = segmentsOf(path).at(-1) ?? "";
    let node = await this.tx.child(parent.nodeId, name);
    if (node?.kind === "link") node = (await walkTo(this.tx, path, true)).node;
    if (node === undefined) return await this.#put(parent, name);
    if (node.kind === "directory") return node;
    throw new Fault("not-a-directory", `${path} is a file`);
  }

  async #put(parent: NodeRow, name: string): Promise<NodeRow> {
    const nodeId = await nextNodeId(this.tx);
    const stamp = stampOf(this.core);
    const place = { nodeId, parentId: parent.nodeId, name, mode: 0o755, modifiedMs: stamp.nowMs };
    await commitOperation(this.tx, stamp, { kind: "make-directory", ...place, by: this.by });
    this.made++;
    return { ...place, kind: "directory", sizeBytes: 0 };
  }
}

/** Makes links; with `replace` in the place of a link that is there. How many were made. */
export function makeLinks(
  core: Core,
  input: z.output<typeof MakeLinksRequest>,
  by: string,
): Promise<number> {
  return core.catalog.transaction(async (tx) => {
    for (const { path, target, modifiedMs, replace } of input.links) {
      if (!target.isWellFormed()) {
        throw new Fault("invalid-name", `the target of link ${path} is not valid Unicode`);
      }
      const { node, directory, name, path: resolved } = await walk(tx, path, false);
      if (node !== undefined && (node.kind !== "link" || !replace)) {
        throw new Fault("already-exists", `${resolved} is there already, a ${node.kind}`);
      }
      const nodeId = node?.nodeId ?? await nextNodeId(tx);
      const place = { nodeId, parentId: directory.nodeId, name };
      await commitOperation(tx, stampOf(core), {
        kind: "make-link",
        ...place,
        target,
        modifiedMs,
        by,
      });
    }
    return input.links.length;
  });
}

/** Removes a file or link, an empty directory, or whatever is there. What went away. */
export function remove(
  core: Core,
  input: z.output<typeof RemoveRequest>,
  by: string,
): Promise<Removed> {
  return core.catalog.transaction(async (tx) => {
    const { node, path } = await walkTo(tx, input.path, false);
    if (node.nodeId === rootNodeId) {
      throw new Fault("forbidden", "the root directory cannot be removed", {
        next: "name what is in it",
      });
    }
    if (input.what === "file" && node.kind === "directory") {
      throw new Fault("is-a-directory", `${path} is a directory`, { next: "use rmdir, or rm -r" });
    }
    if (input.what === "directory") {
      if (node.kind !== "directory") {
        throw new Fault("not-a-directory", `${path} is a ${node.kind}`, { next: "use rm" });
      }
      if ((await tx.children(node.nodeId, undefined, 1)).length > 0) {
        throw new Fault("directory-not-empty", `${path} is not empty`);
      }
    }
    return await commitOperation(tx, stampOf(core), { kind: "remove", nodeId: node.nodeId, by });
  });
}

/** Gives a node another name or directory. The path it has then, links resolved. */
export function move(
  core: Core,
  input: z.output<typeof MoveRequest>,
  by: string,
): Promise<RemotePath> {
  return core.catalog.transaction(async (tx) => {
    const from = await walkTo(tx, input.from, false);
    if (from.node.nodeId === rootNodeId) {
      throw new Fault("forbidden", "the root directory cannot be moved");
    }
    const to = await walk(tx, input.to, false);
    if (to.node?.nodeId === from.node.nodeId) return to.path;
    if (from.node.kind === "directory" && isWithin(to.path, from.path)) {
      throw new Fault("move-into-itself", `${to.path} lies in ${from.path}`);
    }
    if (to.node !== undefined) {
      if (to.node.kind === "directory") {
        throw new Fault("already-exists", `${to.path} is a directory: it is never replaced`);
      }
      if (from.node.kind === "directory") {
        throw new Fault("not-a-directory", `${to.path} is a ${to.node.kind}`);
      }
      if (!input.replace) throw new Fault("already-exists", `${to.path} is there already`);
    }
    await commitOperation(tx, stampOf(core), {
      kind: "move",
      nodeId: from.node.nodeId,
      parentId: to.directory.nodeId,
      name: to.name,
      ...(to.node === undefined ? {} : { replaces: to.node.nodeId }),
      by,
    });
    return to.path;
  });
}

/** Sets or clears the policy of a directory. The copies in force there then. */
export function setPolicy(
  core: Core,
  input: z.output<typeof SetPolicyRequest>,
  by: string,
): Promise<number> {
  return core.catalog.transaction(async (tx) => {
    const { node, path } = await walkTo(tx, input.path, true);
    if (node.kind !== "directory") {
      throw new Fault("not-a-directory", `${path} is a ${node.kind}: a policy is for a directory`);
    }
    const { copies } = input;
    const nodeId = node.nodeId;
    await commitOperation(tx, stampOf(core), { kind: "set-policy", nodeId, copies, by });
    return copies ?? await copiesIn(tx, await tx.node(nodeId) ?? node, core.copiesDefault);
  });
}
