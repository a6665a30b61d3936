/**
 * The journal of the load: a file outside the cluster, synced before an operation is asked for and
 * after it was answered, so that what it says was said even if everything else dies.
 */
import { JournalLine, Ledger, type Operation } from "./ledger.ts";

const encoder = new TextEncoder();

export class Journal implements Disposable {
  readonly ledger = new Ledger();
  #next = 1;
  #count = 0;

  private constructor(private readonly file: Deno.FsFile) {}

  static async create(path: string): Promise<Journal> {
    return new Journal(await Deno.open(path, { createNew: true, write: true, append: true }));
  }

  /** Operations acknowledged so far. */
  get acknowledged(): number {
    return this.#count;
  }

  intend(operation: Operation): number {
    const id = this.#next++;
    this.#write({ word: "intent", id, operation });
    return id;
  }

  acknowledge(id: number, trashId?: number): void {
    this.#write({ word: "done", id, ...(trashId === undefined ? {} : { trashId }) });
    this.#count++;
  }

  /** It failed, or nobody answered. */
  leaveOpen(id: number): void {
    this.#write({ word: "unknown", id });
  }

  #write(line: JournalLine): void {
    const bytes = encoder.encode(`${JSON.stringify(line)}\n`);
    for (let done = 0; done < bytes.length;) done += this.file.writeSync(bytes.subarray(done));
    this.file.syncDataSync();
    this.ledger.apply(line);
  }

  [Symbol.dispose](): void {
    this.file.close();
  }
}

/** What a journal says. A last line that was cut off was never acted on. */
export async function readJournal(path: string): Promise<JournalLine[]> {
  const lines = (await Deno.readTextFile(path)).split("\n");
  return lines.slice(0, -1).map((line) => JournalLine.parse(JSON.parse(line)));
}
