/**
 * The engine for tests and for the simulator: rows in memory, works one after another, nothing that
 * depends on time or chance. A transaction writes in place and is undone by its journal.
 *
 * A tracker that crashes in the simulator leaves its engine as it is. Opening another on the same
 * `MemoryCatalogData` undoes the work that had not ended, as a journal on a disk would be, and
 * whatever is left of the crashed tracker can do nothing to the data any more.
 */
import { Fault } from "../../../protocol/mod.ts";
import type { Catalog, CatalogTransaction, CatalogView } from "./catalog.ts";
import { MemoryCatalogData } from "./memory_tables.ts";
import { MemoryWrites } from "./memory_writes.ts";
import { promisedTransaction, promisedView } from "./synchronous.ts";

export { MemoryCatalogData };

/** A catalog over `data`, which from now on belongs to it alone. */
export function openMemoryCatalog(data: MemoryCatalogData = new MemoryCatalogData()): Catalog {
  data.journal.rollback();
  data.opening++;
  return new MemoryCatalog(data);
}

interface Job {
  readonly run: () => Promise<void>;
  readonly refuse: (reason: Fault) => void;
}

class MemoryCatalog implements Catalog {
  readonly #opening: number;
  readonly #tables: MemoryWrites;
  readonly #waiting: Job[] = [];
  #running: Job | undefined;
  #closed = false;

  constructor(private readonly data: MemoryCatalogData) {
    this.#opening = data.opening;
    this.#tables = new MemoryWrites(data);
  }

  transaction<T>(work: (transaction: CatalogTransaction) => Promise<T>): Promise<T> {
    return this.#queued(async () => {
      const session = new Session(() => this.#check());
      try {
        const result = await work(promisedTransaction(this.#tables, () => session.check()));
        this.#check();
        this.data.journal.commit();
        return result;
      } catch (error) {
        if (this.#isOpen()) this.data.journal.rollback();
        throw error;
      } finally {
        session.ended = true;
      }
    });
  }

  /** Waits its turn among the transactions, so that it never sees half of one. */
  read<T>(work: (view: CatalogView) => Promise<T>): Promise<T> {
    return this.#queued(async () => {
      const session = new Session(() => this.#check());
      try {
        return await work(promisedView(this.#tables, () => session.check()));
      } finally {
        session.ended = true;
      }
    });
  }

  close(): Promise<void> {
    if (this.#isOpen()) this.data.journal.rollback();
    this.#closed = true;
    const reason = closedFault();
    this.#running?.refuse(reason);
    for (const job of this.#waiting.splice(0)) job.refuse(reason);
    return Promise.resolve();
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen()) return reject(closedFault());
      this.#waiting.push({ run: () => work().then(resolve, reject), refuse: reject });
      if (this.#running === undefined) this.#runNext();
    });
  }

  #runNext(): void {
    this.#running = this.#waiting.shift();
    this.#running?.run().then(() => this.#runNext());
  }

  #isOpen(): boolean {
    return !this.#closed && this.data.opening === this.#opening;
  }

  #check(): void {
    if (!this.#isOpen()) throw closedFault();
  }
}

/** The time during which a work may use what it was given. */
class Session {
  ended = false;

  constructor(private readonly checkCatalog: () => void) {}

  check(): void {
    this.checkCatalog();
    if (this.ended) throw new Fault("internal", "this transaction has ended");
  }
}

function closedFault(): Fault {
  return new Fault("unavailable", "the catalog is closed", {
    next: "wait until the tracker runs again",
  });
}
