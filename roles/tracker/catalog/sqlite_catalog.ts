/**
 * The engine on disk: SQLite with a write-ahead log, synced at every commit. Works that wait
 * together share one commit and so one sync, each inside a savepoint of its own, and hear of their
 * success only after it. Readers have a connection of their own and see what was committed; an
 * engine in memory has one connection, and there reads wait their turn.
 */
import { setImmediate } from "node:timers/promises";
import { Fault } from "../../../protocol/mod.ts";
import type { Catalog, CatalogTransaction, CatalogView } from "./catalog.ts";
import { SqliteConnection } from "./sqlite_connection.ts";
import { prepareSchema } from "./sqlite_schema.ts";
import { SqliteView } from "./sqlite_view.ts";
import { SqliteWrites } from "./sqlite_writes.ts";
import { promisedTransaction, promisedView } from "./synchronous.ts";

/** More works gain nothing from sharing a sync, and would keep the readers waiting. */
const groupWorksMax = 128;

/**
 * The catalog in the file `path`, made when it is not there, or ":memory:". Throws `config-corrupt`
 * when the file is damaged, another program's or a newer version's; `disk-unusable` when it cannot
 * be opened or written; `disk-locked` when another process writes to it.
 */
// A promise, as engines that lie across a network will need one.
export function openSqliteCatalog(path: string): Promise<Catalog> {
  return new Promise((resolve) => {
    const writer = new SqliteConnection(path, false);
    try {
      prepareSchema(writer);
      const reader = path === ":memory:" ? writer : new SqliteConnection(path, true);
      resolve(new SqliteCatalog(writer, reader));
    } catch (error) {
      writer.close();
      throw error;
    }
  });
}

interface Job {
  readonly kind: "transaction" | "read";
  /** What the work came to, told later by `settle`; rejects when the work throws. */
  readonly run: (check: () => void) => Promise<() => void>;
  readonly refuse: (reason: unknown) => void;
}

export class SqliteCatalog implements Catalog {
  readonly #writes: JobQueue;
  readonly #reads: JobQueue;
  readonly #tables: SqliteWrites;
  readonly #view: SqliteView;

  /** @param reader may be the same connection as `writer` */
  constructor(
    private readonly writer: SqliteConnection,
    private readonly reader: SqliteConnection,
  ) {
    this.#writes = new JobQueue(writer);
    this.#reads = reader === writer ? this.#writes : new JobQueue(reader);
    this.#tables = new SqliteWrites(writer);
    this.#view = new SqliteView(reader);
  }

  transaction<T>(work: (transaction: CatalogTransaction) => Promise<T>): Promise<T> {
    return this.#writes.add(
      "transaction",
      (check) => work(promisedTransaction(this.#tables, check)),
    );
  }

  read<T>(work: (view: CatalogView) => Promise<T>): Promise<T> {
    return this.#reads.add("read", (check) => work(promisedView(this.#view, check)));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#reads.close();
      this.#writes.close();
      this.reader.close();
      this.writer.close();
      resolve();
    });
  }
}

/** The works that wait for one connection, carried out in the order they came. */
class JobQueue {
  readonly #waiting: Job[] = [];
  #running: readonly Job[] = [];
  #draining = false;
  #closed = false;

  constructor(private readonly connection: SqliteConnection) {}

  add<T>(kind: Job["kind"], work: (check: () => void) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(closedFault());
      const run = async (check: () => void) => {
        const result = await work(check);
        return () => resolve(result);
      };
      this.#waiting.push({ kind, run, refuse: reject });
      if (!this.#draining) this.#drain();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const reason = closedFault();
    for (const job of [...this.#running, ...this.#waiting.splice(0)]) job.refuse(reason);
    this.connection.rollback();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#waiting.length > 0) {
      if (this.#waiting[0]?.kind === "read") {
        await this.#runRead(this.#waiting.splice(0, 1));
        continue;
      }
      // Requests that arrived during the last sync get to the queue now, and into this group.
      await setImmediate();
      const firstRead = this.#waiting.findIndex((job) => job.kind === "read");
      const writes = firstRead === -1 ? this.#waiting.length : firstRead;
      await this.#runGroup(this.#waiting.splice(0, Math.min(writes, groupWorksMax)));
    }
    this.#draining = false;
  }

  async #runRead(jobs: readonly Job[]): Promise<void> {
    await this.#inTransaction(jobs, "DEFERRED", (job) => this.#outcome(job));
  }

  async #runGroup(jobs: readonly Job[]): Promise<void> {
    // A work that is alone needs no savepoint: what it throws takes the whole transaction back.
    if (jobs.length === 1) {
      return await this.#inTransaction(jobs, "IMMEDIATE", (job) => this.#settled(job));
    }
    await this.#inTransaction(jobs, "IMMEDIATE", async (job) => {
      this.connection.run("SAVEPOINT work");
      try {
        const settle = await this.#settled(job);
        if (!this.#closed) this.connection.run("RELEASE work");
        return settle;
      } catch (error) {
        if (this.#closed || this.connection.lost) throw error;
        this.connection.run("ROLLBACK TO work");
        this.connection.run("RELEASE work");
        return () => job.refuse(error);
      }
    });
  }

  /**
   * All jobs in one transaction. What they came to is told after the commit, and not without it.
   */
  async #inTransaction(
    jobs: readonly Job[],
    how: "DEFERRED" | "IMMEDIATE",
    run: (job: Job) => Promise<() => void>,
  ): Promise<void> {
    this.#running = jobs;
    try {
      this.connection.begin(how);
      const outcomes: (() => void)[] = [];
      for (const job of jobs) {
        outcomes.push(await run(job));
        if (this.#closed) return;
      }
      this.connection.commit();
      for (const tell of outcomes) tell();
    } catch (error) {
      for (const job of jobs) job.refuse(error);
      if (!this.#closed) this.#rollback();
    } finally {
      this.#running = [];
    }
  }

  /**
   * A rollback that fails leaves nothing to undo: the next `begin` tells whether SQLite recovered.
   */
  #rollback(): void {
    try {
      this.connection.rollback();
    } catch {
      // Told to the jobs already, with the failure that led here.
    }
  }

  /** Runs the work; its transaction or view is shut when it has ended. */
  async #settled(job: Job): Promise<() => void> {
    let ended = false;
    try {
      return await job.run(() => {
        if (this.#closed) throw closedFault();
        if (ended) throw new Fault("internal", "this transaction has ended");
      });
    } finally {
      ended = true;
    }
  }

  async #outcome(job: Job): Promise<() => void> {
    try {
      return await this.#settled(job);
    } catch (error) {
      return () => job.refuse(error);
    }
  }
}

function closedFault(): Fault {
  return new Fault("unavailable", "the catalog is closed", {
    next: "wait until the tracker runs again",
  });
}
