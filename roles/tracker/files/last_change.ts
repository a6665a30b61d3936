/**
 * What somebody did last to the namespace, as the log tells it, so that a client can offer to take
 * it back. It only looks: taking back is a revert or a restore like any other.
 */
import type * as z from "zod";
import type { LastChangeReply } from "../../../protocol/mod.ts";
import { RemotePath } from "../../../protocol/mod.ts";
import { type CatalogView, trashNodeId } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import { Operation } from "../log/operation.ts";
import { pathOfNode } from "./walk.ts";

type Change = z.input<typeof LastChangeReply>["change"];

/** Operations looked at, latest first: with many writers the last own one may be some way back. */
const lookedAtMax = 2_000;
const pageOperations = 100;

/** Nothing when the caller did nothing among the latest operations. */
export function lastChange(
  core: Pick<Ground, "catalog">,
  user: string,
): Promise<z.input<typeof LastChangeReply>> {
  return core.catalog.read(async (view) => {
    const head = (await view.logHead())?.sequence ?? 0;
    for (let to = head; to > Math.max(0, head - lookedAtMax); to -= pageOperations) {
      const from = Math.max(0, to - pageOperations);
      for (const row of (await view.logAfter(from, to - from)).toReversed()) {
        const operation = Operation.parse(JSON.parse(row.text));
        if (!("by" in operation) || operation.by !== user) continue;
        const change = await changeOf(view, operation, row.sequence);
        return change === undefined ? {} : { change };
      }
    }
    return {};
  });
}

async function changeOf(
  view: CatalogView,
  operation: Operation,
  sequence: number,
): Promise<Change> {
  if (operation.kind === "trash") {
    const { trashId, path } = operation;
    if (await view.trashed(trashId) !== undefined) {
      return { kind: "removal", trashId, path: RemotePath.parse(path) };
    }
  }
  if (operation.kind === "write-file" || operation.kind === "revert-file") {
    const { nodeId, versionId } = operation;
    const old = await view.oldVersionsOf(nodeId);
    const before = old.find((row) => row.old.number === sequence)?.versionId;
    const node = await view.node(nodeId);
    if (before !== undefined && node !== undefined && node.versionId === versionId) {
      const path = await isInTrash(view, nodeId) ? {} : { path: await pathOfNode(view, node) };
      return { kind: "overwrite", ...path, versionId, before };
    }
  }
  return { kind: "other", operation: operation.kind };
}

async function isInTrash(view: CatalogView, nodeId: number): Promise<boolean> {
  for (let at = nodeId;;) {
    const parentId = (await view.node(at))?.parentId ?? at;
    if (parentId === trashNodeId) return true;
    if (parentId === at) return false;
    at = parentId;
  }
}
