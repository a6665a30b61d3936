/**
 * One connection to a catalog file: statements prepared once, errors as faults, columns read with
 * their type checked. It knows nothing of what the tables mean.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { Fault } from "../../../protocol/mod.ts";
import { sqliteFault } from "./sqlite_faults.ts";

export class SqliteConnection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #begun = false;
  #failure: Fault | undefined;

  /** Throws `disk-unusable` when the file cannot be opened or made. */
  constructor(readonly path: string, readOnly: boolean) {
    try {
      // Another process has the file only for as long as someone looks into it by hand.
      this.#database = new DatabaseSync(path, { readOnly, timeout: 2_000 });
    } catch (error) {
      throw sqliteFault(error, path);
    }
  }

  get(sql: string, ...input: SQLInputValue[]): SqliteRow | undefined {
    return this.guarded(() => {
      const row = this.#prepared(sql).get(...input);
      return row === undefined ? undefined : new SqliteRow(row, this.path);
    });
  }

  all(sql: string, ...input: SQLInputValue[]): SqliteRow[] {
    return this.guarded(() =>
      this.#prepared(sql).all(...input).map((row) => new SqliteRow(row, this.path))
    );
  }

  /** How many rows were changed. */
  run(sql: string, ...input: SQLInputValue[]): number {
    return this.guarded(() => Number(this.#prepared(sql).run(...input).changes));
  }

  /**
   * Inserts one row; its key. (`RETURNING` would tell it too, but makes SQLite keep an undo record
   * for the statement, at ten times the price.)
   */
  insert(sql: string, ...input: SQLInputValue[]): number {
    return this.guarded(() => Number(this.#prepared(sql).run(...input).lastInsertRowid));
  }

  /** Several statements without input. */
  script(sql: string): void {
    this.guarded(() => this.#database.exec(sql));
  }

  /** Begins a transaction; what an earlier one may have left behind is given up. */
  begin(how: "DEFERRED" | "IMMEDIATE"): void {
    this.rollback();
    this.#failure = undefined;
    this.run(`BEGIN ${how}`);
    this.#begun = true;
  }

  commit(): void {
    this.run("COMMIT");
    this.#begun = false;
  }

  /** Ends the transaction, if there is one, without its writes. */
  rollback(): void {
    this.#begun = false;
    if (this.#database.isOpen && this.#database.isTransaction) this.run("ROLLBACK");
  }

  /** True after a failure at which SQLite gave up the whole transaction by itself. */
  get lost(): boolean {
    return this.#begun && !this.#database.isTransaction;
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /**
   * SQLite ends the whole transaction by itself after some failures, a full disk among them
   * (lang_transaction.html, part 3). A statement after that would be a transaction of its own, so
   * everything until the next `begin` fails with the same fault.
   */
  protected guarded<T>(call: () => T): T {
    if (this.lost) {
      throw this.#failure ?? new Fault("internal", `the catalog ${this.path}: transaction lost`);
    }
    try {
      return call();
    } catch (error) {
      this.#failure = sqliteFault(error, this.path);
      throw this.#failure;
    }
  }
}

/** One row as read. The tables are STRICT, so a column of another type means a damaged file. */
export class SqliteRow {
  constructor(
    private readonly columns: Readonly<Record<string, unknown>>,
    private readonly path: string,
  ) {}

  integer(name: string): number {
    const value = this.columns[name];
    return typeof value === "number" ? value : this.#damaged(name);
  }

  text(name: string): string {
    const value = this.columns[name];
    return typeof value === "string" ? value : this.#damaged(name);
  }

  /** Bytes as lower-case hex digits. */
  hex(name: string): string {
    const value = this.columns[name];
    return value instanceof Uint8Array ? value.toHex() : this.#damaged(name);
  }

  has(name: string): boolean {
    return this.columns[name] !== null;
  }

  #damaged(name: string): never {
    throw new Fault("config-corrupt", `the catalog ${this.path}: column ${name} has another type`);
  }
}

/** Hex digits as the bytes they are stored as. */
export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex);
}
