/**
 * Changing the namespace: what may be made, linked, moved, removed, and what becomes of the name
 * that was there. Each rule is checked in the transaction that then commits the operation, so two
 * requests never decide from the same state. A batch either happens whole or not at all.
 */
import type * as z from "zod";
import {
  Fault,
  isWithin,
  type MakeDirectoriesReply,
  type MakeDirectoriesRequest,
  type MakeLinksReply,
  type MakeLinksRequest,
  type MoveReply,
  type MoveRequest,
  type RemoveReply,
  type RemoveRequest,
  type SetPolicyReply,
  type SetPolicyRequest,
} from "../../../protocol/mod.ts";
import { type Asked, once } from "../asked.ts";
import { rootNodeId } from "../catalog/catalog.ts";
import { type Ground, stampOf } from "../ground.ts";
import { DirectoryMaker } from "./directories.ts";
import { commitGivingUp, commitOperation, nextNodeId } from "../log/operations.ts";
import { keptMs, moveToTrash, type TrashNeeds } from "./trash.ts";
import { policyIn, walk, walkTo } from "./walk.ts";

/** Makes directories, with missing parents if asked. How many were made. */
export function makeDirectories(
  core: Ground,
  input: z.output<typeof MakeDirectoriesRequest>,
  asked: Asked<typeof MakeDirectoriesReply>,
): Promise<z.input<typeof MakeDirectoriesReply>> {
  return once(core, asked, async (tx) => {
    const maker = new DirectoryMaker(core, tx, asked.by);
    for (const [i, path] of input.paths.entries()) {
      const mode = input.modes?.[i];
      if (input.parents) await maker.ensure(path, mode);
      else await maker.make(path, mode);
    }
    return { made: maker.made };
  });
}

/** Makes links; with `replace` in the place of a link that is there. How many were made. */
export function makeLinks(
  core: Ground,
  input: z.output<typeof MakeLinksRequest>,
  asked: Asked<typeof MakeLinksReply>,
): Promise<z.input<typeof MakeLinksReply>> {
  const { by } = asked;
  return once(core, asked, async (tx) => {
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
    return { made: input.links.length };
  });
}

/**
 * Removes a file or link, an empty directory, or whatever is there: into the trash, or for good.
 * What went away.
 */
export function remove(
  core: TrashNeeds,
  input: z.output<typeof RemoveRequest>,
  asked: Asked<typeof RemoveReply>,
): Promise<z.input<typeof RemoveReply>> {
  const { by } = asked;
  return once(core, asked, async (tx) => {
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
    // What is empty is as easily made again.
    if (input.now || input.what === "directory") {
      const instead = input.now ? "leave out --now, and it goes into the trash" : "use rm -r";
      const permit = core.authority.demandGiveUp(instead);
      const { nodeId } = node;
      return await commitGivingUp(permit, tx, stampOf(core), { kind: "remove", nodeId, by });
    }
    const { files, directories, links, trashId } = await moveToTrash(core, tx, node, path, by);
    return { files, directories, links, trashId, keptMs: keptMs(core) };
  });
}

/**
 * Gives a node another name or directory. The path it has then, links resolved; what was there goes
 * into the trash.
 */
export function move(
  core: TrashNeeds,
  input: z.output<typeof MoveRequest>,
  asked: Asked<typeof MoveReply>,
): Promise<z.input<typeof MoveReply>> {
  const { by } = asked;
  return once(core, asked, async (tx) => {
    const from = await walkTo(tx, input.from, false);
    if (from.node.nodeId === rootNodeId) {
      throw new Fault("forbidden", "the root directory cannot be moved");
    }
    const to = await walk(tx, input.to, false);
    if (to.node?.nodeId === from.node.nodeId) return { path: to.path };
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
    const replaced = to.node && await moveToTrash(core, tx, to.node, to.path, by);
    await commitOperation(tx, stampOf(core), {
      kind: "move",
      nodeId: from.node.nodeId,
      parentId: to.directory.nodeId,
      name: to.name,
      by,
    });
    return { path: to.path, ...(replaced && { trashId: replaced.trashId }) };
  });
}

/** Sets or clears parts of the policy of a directory. What is in force there then. */
export function setPolicy(
  core: Ground,
  input: z.output<typeof SetPolicyRequest>,
  asked: Asked<typeof SetPolicyReply>,
): Promise<z.input<typeof SetPolicyReply>> {
  const { by } = asked;
  return once(core, asked, async (tx) => {
    const { node, path } = await walkTo(tx, input.path, true);
    if (node.kind !== "directory") {
      throw new Fault("not-a-directory", `${path} is a ${node.kind}: a policy is for a directory`);
    }
    const { path: _, ...parts } = input;
    const { nodeId } = node;
    await commitOperation(tx, stampOf(core), { kind: "set-policy", nodeId, ...parts, by });
    return await policyIn(tx, await tx.node(nodeId) ?? node, core.copiesDefault);
  });
}
