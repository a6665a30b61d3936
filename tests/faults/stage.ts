/**
 * A cluster under load, on which faults are played: starts all of it, keeps the figures measured,
 * and ends with the comparison of everything acknowledged. A finding of the load or of the checker
 * fails `finish`; so does a load that no longer gets on.
 */
import assert from "node:assert/strict";
import { seededRandom } from "../../roles/kit/random.ts";
import { until } from "../cluster/cluster.ts";
import { check, checkTrash, thinChunks } from "./checker.ts";
import { Journal } from "./journal.ts";
import { LabCluster, type LabClusterOptions } from "./lab_cluster.ts";
import { Load, type LoadParts } from "./load.ts";

export interface StageOptions extends LabClusterOptions {
  readonly seed?: number;
  readonly load?: Partial<Pick<LoadParts, "workers" | "readers" | "pauseMs" | "sizeBytesMost">>;
}

export class Stage implements AsyncDisposable {
  private constructor(
    readonly cluster: LabCluster,
    readonly journal: Journal,
    private readonly journalPath: string,
    readonly load: Load,
    private readonly title: string,
  ) {}

  static async start(title: string, options: StageOptions = {}): Promise<Stage> {
    const cluster = await LabCluster.start(options);
    try {
      // Outside every disk of the cluster.
      const journalPath = `${cluster.lab.directory}/journal`;
      const journal = await Journal.create(journalPath);
      const load = await Load.start({
        client: cluster.client,
        journal,
        directory: `${cluster.lab.directory}/client/load`,
        random: seededRandom(options.seed ?? 1),
        ...options.load,
      });
      return new Stage(cluster, journal, journalPath, load, title);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Prints what was measured; nothing is asserted about it. */
  figure(what: string, value: string): void {
    figure(this.title, what, value);
  }

  /** Compares everything while the cluster goes on. Nothing is written meanwhile. */
  async checkpoint(): Promise<void> {
    await this.load.pause();
    await this.cluster.untilWell();
    const verdict = await check(this.cluster, this.journalPath);
    this.#judge(verdict);
    this.load.resume();
  }

  /** Purges the whole trash, so that a long run does not fill the disk. */
  async emptyTrash(): Promise<void> {
    const { journal, load, cluster } = this;
    await load.pause();
    const ids = [...journal.ledger.trash].map(([trashId, { path }]) =>
      journal.intend({ kind: "purge", path, trashId })
    );
    const { code } = await cluster.client.ask(["trash", "empty"]);
    for (const id of ids) {
      if (code === 0) journal.acknowledge(id);
      else journal.leaveOpen(id);
    }
    load.resume();
  }

  #judge(verdict: Awaited<ReturnType<typeof check>>): void {
    const { files, bytes, doubts, lost, wrong, halfVisible } = verdict;
    this.figure(
      "compared",
      `${this.journal.acknowledged} operations acknowledged; ${files} files, ` +
        `${Math.round(bytes / 2 ** 20)} MiB byte for byte, ${doubts} unanswered; ` +
        `lost ${lost.length}, wrong ${wrong.length}, half-visible ${halfVisible.length}`,
    );
    assert.deepEqual({ lost, wrong, halfVisible }, { lost: [], wrong: [], halfVisible: [] });
    assert.deepEqual(this.load.findings, [], "what readers saw");
    assert(files > 0, "something was compared");
  }

  /** Heals, compares files, trash, tables, and last the bytes on the seeders' own disks. */
  async finish(copies = 2): Promise<void> {
    const { cluster, journalPath, load } = this;
    await load.stop();
    await cluster.untilWell();
    this.#judge(await check(cluster, journalPath));
    this.figure("load", `${load.reads} reads right; failures: ${load.failuresText()}`);
    const trash = await checkTrash(cluster, journalPath);
    assert.deepEqual(trash.lost, [], "what was removed comes back");
    // What is being settled is told, and a difference that stays is a finding.
    let told = "";
    await until("fsck finds nothing", async () => {
      const { code, out, err } = await cluster.operator.ask(["fsck"]);
      told = out + err;
      return code === 0 && !out.includes("passed over");
    }, 180_000).catch((error) => assert.fail(`${error.message}: ${told}`));
    await cluster.stop();
    const { chunks, thin } = await thinChunks(cluster, journalPath, copies);
    assert.deepEqual(thin, [], `chunks on fewer than ${copies} disks`);
    this.figure(
      "on the disks",
      `${chunks} chunks read by hand, each on ${copies} seeders or more; ` +
        `${trash.entries} entries of the trash restored and right`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was under way ends with the processes that were to answer.
    const stopped = this.load.stop();
    stopped.catch(() => {});
    await this.cluster[Symbol.asyncDispose]();
    await stopped;
    this.journal[Symbol.dispose]();
  }
}

/** One line for docs/PROMISES.md. */
export function figure(title: string, what: string, value: string): void {
  console.log(`figure: ${title}: ${what}: ${value}`);
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
