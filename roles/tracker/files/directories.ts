/** Makes directories inside a transaction, one operation each, with missing parents if asked. */
import { Fault, parentOf, type RemotePath, segmentsOf } from "../../../protocol/mod.ts";
import type { CatalogTransaction, NodeRow } from "../catalog/catalog.ts";
import { type Ground, stampOf } from "../ground.ts";
import { commitOperation, nextNodeId } from "../log/operations.ts";
import { walk, walkTo } from "./walk.ts";

export class DirectoryMaker {
  made = 0;
  /**
   * Directories met in this batch, so that a tree of a thousand is not walked from the top each
   * time.
   */
  readonly #met = new Map<RemotePath, NodeRow>();

  constructor(
    private readonly core: Ground,
    private readonly tx: CatalogTransaction,
    private readonly by: string,
  ) {}

  async make(path: RemotePath, mode?: number): Promise<void> {
    const found = await walk(this.tx, path, false);
    if (found.node !== undefined) {
      throw new Fault("already-exists", `${found.path} is there already`);
    }
    await this.#put(found.directory, found.name, mode);
  }

  /** @param mode of the last one, where it is made */
  async ensure(path: RemotePath, mode?: number): Promise<NodeRow> {
    const met = this.#met.get(path);
    if (met !== undefined) return met;
    const directory = await this.#ensureBelow(path, mode);
    this.#met.set(path, directory);
    return directory;
  }

  async #ensureBelow(path: RemotePath, mode: number | undefined): Promise<NodeRow> {
    if (segmentsOf(path).length === 0) return (await walkTo(this.tx, path, true)).node;
    const parent = await this.ensure(parentOf(path));
    const name = segmentsOf(path).at(-1) ?? "";
    let node = await this.tx.child(parent.nodeId, name);
    if (node?.kind === "link") node = (await walkTo(this.tx, path, true)).node;
    if (node === undefined) return await this.#put(parent, name, mode);
    if (node.kind === "directory") return node;
    throw new Fault("not-a-directory", `${path} is a file`);
  }

  async #put(parent: NodeRow, name: string, mode = 0o755): Promise<NodeRow> {
    const nodeId = await nextNodeId(this.tx);
    const stamp = stampOf(this.core);
    const place = { nodeId, parentId: parent.nodeId, name, mode, modifiedMs: stamp.nowMs };
    await commitOperation(this.tx, stamp, { kind: "make-directory", ...place, by: this.by });
    this.made++;
    return { ...place, kind: "directory", sizeBytes: 0 };
  }
}
