/**
 * What must be in the cluster, by the word of a journal: each operation is written down before it
 * is asked for and again when it was answered. An acknowledged one has happened. One that failed,
 * or whose client died, may have happened or not, but never half: its paths are left alone from
 * then on, and the end must be one of the two. Pure; the journal on disk is `journal.ts`.
 */
import * as z from "zod";
import { Content } from "./content.ts";

const Path = z.string().startsWith("/");

export const Operation = z.discriminatedUnion("kind", [
  /** A new file, or other content for one that is there. */
  z.strictObject({ kind: z.literal("put"), path: Path, content: Content }),
  /** What is at `to` goes to the trash. */
  z.strictObject({ kind: z.literal("move"), from: Path, to: Path }),
  z.strictObject({ kind: z.literal("remove"), path: Path, now: z.boolean() }),
  /** Back to where it was removed from, where nothing is now. */
  z.strictObject({ kind: z.literal("restore"), path: Path, trashId: z.int() }),
  z.strictObject({ kind: z.literal("purge"), path: Path, trashId: z.int() }),
]);
export type Operation = z.output<typeof Operation>;

export const JournalLine = z.discriminatedUnion("word", [
  z.strictObject({ word: z.literal("intent"), id: z.int(), operation: Operation }),
  /** `trashId`: where what was removed lies now. */
  z.strictObject({ word: z.literal("done"), id: z.int(), trashId: z.int().optional() }),
  z.strictObject({ word: z.literal("unknown"), id: z.int() }),
]);
export type JournalLine = z.output<typeof JournalLine>;

/** Undefined: nothing is there. */
export type There = Content | undefined;

export interface Trashed {
  readonly path: string;
  readonly content: Content;
}

/** An operation nobody knows the outcome of; each path as it was and as it would be. */
export interface Doubt {
  readonly before: ReadonlyMap<string, There>;
  readonly after: ReadonlyMap<string, There>;
}

export class Ledger {
  readonly #files = new Map<string, Content>();
  readonly #trash = new Map<number, Trashed>();
  readonly #pending = new Map<number, Operation>();
  readonly #doubts: Doubt[] = [];
  readonly #doubted = new Set<string>();

  /** What is there for certain, but for paths an operation is under way on or in doubt. */
  get files(): ReadonlyMap<string, Content> {
    return this.#files;
  }

  get trash(): ReadonlyMap<number, Trashed> {
    return this.#trash;
  }

  /** With those that were never answered. */
  doubts(): Doubt[] {
    return [...this.#doubts, ...[...this.#pending.values()].map((one) => this.#effect(one))];
  }

  /** What a reader of the path may find now. */
  possible(path: string): There[] {
    const found: There[] = [this.#files.get(path)];
    for (const doubt of this.doubts()) {
      if (doubt.after.has(path)) found.push(doubt.before.get(path), doubt.after.get(path));
    }
    return found;
  }

  /** The paths an operation changes, and what would be there. */
  effectOf(operation: Operation): ReadonlyMap<string, There> {
    return this.#effect(operation).after;
  }

  isDoubted(path: string): boolean {
    return this.#doubted.has(path);
  }

  apply(line: JournalLine): void {
    if (line.word === "intent") {
      this.#pending.set(line.id, line.operation);
      return;
    }
    const operation = this.#pending.get(line.id);
    if (operation === undefined) {
      throw new Error(`line for operation ${line.id} without its intent`);
    }
    this.#pending.delete(line.id);
    if (line.word === "done") this.#done(operation, line.trashId);
    else this.#doubt(operation);
  }

  #effect(operation: Operation): Doubt {
    const after = new Map<string, There>();
    if (operation.kind === "put") after.set(operation.path, operation.content);
    else if (operation.kind === "remove") after.set(operation.path, undefined);
    else if (operation.kind === "move") {
      after.set(operation.to, this.#files.get(operation.from));
      after.set(operation.from, undefined);
    } else if (operation.kind === "restore") {
      after.set(operation.path, this.#trash.get(operation.trashId)?.content);
    }
    const before = new Map([...after.keys()].map((path) => [path, this.#files.get(path)]));
    return { before, after };
  }

  #done(operation: Operation, trashId: number | undefined): void {
    const { after } = this.#effect(operation);
    if (operation.kind === "remove") {
      const content = this.#files.get(operation.path);
      if (trashId !== undefined && content !== undefined) {
        this.#trash.set(trashId, { path: operation.path, content });
      }
    } else if (operation.kind === "restore" || operation.kind === "purge") {
      this.#trash.delete(operation.trashId);
    }
    for (const [path, content] of after) {
      if (content === undefined) this.#files.delete(path);
      else this.#files.set(path, content);
    }
  }

  #doubt(operation: Operation): void {
    const doubt = this.#effect(operation);
    this.#doubts.push(doubt);
    for (const path of doubt.after.keys()) {
      this.#doubted.add(path);
      this.#files.delete(path);
    }
    // What lies in the trash then is not known either, and not looked for.
    if (operation.kind === "restore" || operation.kind === "purge") {
      this.#trash.delete(operation.trashId);
    }
  }
}

export function ledgerOf(lines: Iterable<JournalLine>): Ledger {
  const ledger = new Ledger();
  for (const line of lines) ledger.apply(line);
  return ledger;
}
