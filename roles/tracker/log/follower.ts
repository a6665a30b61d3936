/**
 * A scratch catalog that follows the log: it does again what the log says, from a snapshot or from
 * the beginning, and never looks at the live tables. So it is what the tables should be, at exactly
 * one operation for as long as nobody advances it, and both snapshots and the check of the live
 * tables come from it.
 */
import type { SnapshotFolder } from "../../kit/snapshot_folder.ts";
import type { Log } from "../../kit/log.ts";
import type { SecretKey } from "../../../protocol/mod.ts";
import { Fault } from "../../../protocol/mod.ts";
import type { Catalog, LogRow } from "../catalog/catalog.ts";
import { ensureRoot, isPart, replayRows } from "./operations.ts";
import type { Scratch, ScratchName } from "./scratch.ts";
import { type Pause, restoreSnapshot } from "../snapshots/snapshot_restore.ts";

export interface FollowerParts {
  readonly scratch: Scratch;
  /** `follower` unless it is made for something else. */
  readonly name?: ScratchName;
  readonly live: Catalog;
  readonly folder: SnapshotFolder;
  readonly clusterKey: SecretKey;
  readonly pause: Pause;
  readonly log: Log;
}

const pageRows = 256;

export class Follower {
  #catalog: Catalog | undefined;
  #head: LogRow | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #users = 0;

  constructor(private readonly parts: FollowerParts) {}

  /**
   * Alone with the follower: `work` may advance it and read it. @throws whatever `work` throws;
   * Fault `config-corrupt` when the log is damaged or what was before its beginning is lost
   */
  use<T>(work: (follower: { catalog: Catalog; advance: Advance }) => Promise<T>): Promise<T> {
    this.#users++;
    const result = this.#turn.catch(() => {}).then(async () => {
      const catalog = this.#catalog ??= await this.#open();
      try {
        return await work({ catalog, advance: (upTo) => this.#advance(catalog, upTo) });
      } catch (fault) {
        // It may be in the middle of something: opened and looked at again the next time.
        await this.#shut();
        throw fault;
      }
    }).finally(() => this.#users--);
    this.#turn = result;
    return result;
  }

  /** Somebody is at it, and may be for a while. */
  get isBusy(): boolean {
    return this.#users > 0;
  }

  /** The last operation it has done, as far as is known without opening it. */
  get sequence(): number {
    return this.#head?.sequence ?? 0;
  }

  async close(): Promise<void> {
    await this.#turn.catch(() => {});
    await this.#shut();
  }

  async #shut(): Promise<void> {
    const catalog = this.#catalog;
    this.#catalog = undefined;
    await catalog?.close();
  }

  async #open(): Promise<Catalog> {
    const { scratch, live, name = "follower" } = this.parts;
    const there = await scratch.open(name);
    const head = await there.read((view) => view.logHead());
    if (head !== undefined) {
      const [same] = await live.read((view) => view.logAfter(head.sequence - 1, 1));
      if (same?.sequence === head.sequence && same.checksum === head.checksum) {
        this.#head = head;
        return there;
      }
    }
    await there.close();
    await scratch.remove(name);
    const catalog = await scratch.open(name);
    try {
      this.#head = await this.#begin(catalog);
      return catalog;
    } catch (fault) {
      await catalog.close();
      throw fault;
    }
  }

  /** Where an empty follower begins: the newest snapshot that fits, or operation 1. */
  async #begin(catalog: Catalog): Promise<LogRow | undefined> {
    const { live, folder, clusterKey, pause } = this.parts;
    for (const mark of folder.marks.toReversed()) {
      const [row] = await live.read((view) => view.logAfter(mark.sequence - 1, 1));
      if (row?.sequence !== mark.sequence || row.checksum !== mark.checksum) continue;
      const file = { disk: folder.disk, path: folder.pathOf(mark) };
      return await restoreSnapshot(catalog, file, mark, clusterKey, pause);
    }
    const [first] = await live.read((view) => view.logAfter(0, 1));
    if (first !== undefined && first.sequence > 1) {
      throw new Fault(
        "config-corrupt",
        `the log begins with operation ${first.sequence}, and no snapshot of before is here`,
        { next: "stop this tracker, move its folder away, and start it with --rebuild" },
      );
    }
    await catalog.transaction(ensureRoot);
    return undefined;
  }

  async #advance(catalog: Catalog, upTo = Infinity): Promise<LogRow | undefined> {
    const { live, pause } = this.parts;
    for (;;) {
      const rows: LogRow[] = [];
      do {
        const after = rows.at(-1)?.sequence ?? this.sequence;
        const page = await live.read((view) => view.logAfter(after, pageRows));
        rows.push(...page.filter(({ sequence }) => sequence <= upTo));
        if (page.length === 0) break;
      } while (isPart(rows.at(-1)));
      const last = rows.at(-1);
      if (last === undefined) return this.#head;
      const before = this.#head;
      await catalog.transaction(async (tx) => {
        await replayRows(tx, rows, before);
        await tx.trimLog(last.sequence, rows.length + 1);
      });
      this.#head = last;
      await pause();
    }
  }
}

/** To the end of the log, or to this operation; the operation it then stands at. */
export type Advance = (upTo?: number) => Promise<LogRow | undefined>;
