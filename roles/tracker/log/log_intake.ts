/**
 * Records of a log on their way into a catalog that has none: each is checked to be signed by the
 * cluster, to follow from the one before, and to be an operation; what they did is done again. A
 * change that has several records is written in one transaction. Where the records come from,
 * seeders or a file, is not known here; an intake that was broken off goes on where the catalog's
 * log ends.
 */
import {
  Fault,
  followsIn,
  isSigned,
  type LogPosition,
  type LogRecord,
  positionOf,
  type SecretKey,
} from "../../../protocol/mod.ts";
import type { Catalog, LogRow } from "../catalog/catalog.ts";
import { ensureRoot, isPart, replayRows } from "./operations.ts";

export class LogIntake {
  /** Checked, and not yet written: their change is not whole. */
  #open: LogRow[] = [];
  /** The last record that was checked. */
  #checked: LogPosition;

  private constructor(
    private readonly catalog: Catalog,
    private readonly clusterKey: SecretKey,
    private written: LogRow | undefined,
  ) {
    this.#checked = headOf(written);
  }

  static async open(catalog: Catalog, clusterKey: SecretKey): Promise<LogIntake> {
    await catalog.transaction(ensureRoot);
    return new LogIntake(catalog, clusterKey, await catalog.read((view) => view.logHead()));
  }

  /** The last record taken. */
  get position(): LogPosition {
    return this.#checked;
  }

  /** True while the pages of a manifest wait for their file. */
  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  /**
   * Takes the next records; those it has are passed over. @throws Fault `config-corrupt` at the
   * first that is not the next one or not signed; those before it are taken
   */
  async take(records: readonly LogRecord[]): Promise<void> {
    const rows = [...this.#open];
    let checked = this.#checked;
    let wrong: Fault | undefined;
    for (const record of records) {
      const isHead = record.sequence === checked.sequence;
      if (isHead && record.checksum === checked.checksum) continue;
      if (record.sequence < checked.sequence) continue;
      if (!followsIn(checked, record) || !isSigned(this.clusterKey, record)) {
        wrong = new Fault(
          "config-corrupt",
          `record ${record.sequence} of the log is damaged, or does not follow ${checked.sequence}`,
          { next: "take the log from another seeder or another backup" },
        );
        break;
      }
      const { mac: _, ...row } = record;
      rows.push(row);
      checked = positionOf(record);
    }
    const end = rows.findLastIndex((row) => !isPart(row)) + 1;
    const whole = rows.slice(0, end);
    if (whole.length > 0) {
      await this.catalog.transaction((tx) => replayRows(tx, whole, this.written));
      this.written = whole.at(-1);
    }
    this.#open = rows.slice(end);
    this.#checked = checked;
    if (wrong !== undefined) throw wrong;
  }

  /** Gives up records whose change never became whole: they were not acknowledged. */
  forgetOpen(): void {
    this.#open = [];
    this.#checked = headOf(this.written);
  }
}

function headOf(row: LogRow | undefined): LogPosition {
  return positionOf(row && { ...row, mac: "" });
}
