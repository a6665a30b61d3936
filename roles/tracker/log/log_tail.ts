/**
 * The end of the tracker's log, signed: the latest records at hand, those before from the catalog.
 * What is at hand is bounded in records and in characters.
 */
import {
  isSamePosition,
  limits,
  type LogMark,
  type LogPosition,
  type LogRecord,
  positionOf,
  type SecretKey,
  signRecord,
} from "../../../protocol/mod.ts";
import type { Catalog, LogRow } from "../catalog/catalog.ts";

const tailRecords = 1024;
const tailCharsMax = 8 * 2 ** 20;

export class LogTail {
  #records: LogRecord[] = [];
  #chars = 0;
  #head: LogPosition;

  constructor(
    private readonly catalog: Catalog,
    private readonly clusterKey: SecretKey,
    begun: LogMark,
  ) {
    this.#head = begun;
  }

  /** The end of the log. */
  get head(): LogPosition {
    return this.#head;
  }

  /** Takes a row that was committed; false when it has it. */
  committed(row: LogRow): boolean {
    if (row.sequence <= this.#head.sequence) return false;
    const last = this.#records.at(-1)?.sequence ?? row.sequence - 1;
    if (last !== row.sequence - 1) this.#records = [];
    const record = signRecord(this.clusterKey, row);
    this.#records.push(record);
    this.#chars += record.text.length;
    this.#head = positionOf(record);
    if (this.#records.length > 2 * tailRecords || this.#chars > 2 * tailCharsMax) this.#cut();
    return true;
  }

  #cut(): void {
    let chars = 0;
    const tooLong = ({ text }: LogRecord) => (chars += text.length) > tailCharsMax;
    const first = this.#records.findLastIndex(tooLong) + 1;
    this.#records = this.#records.slice(Math.max(first, this.#records.length - tailRecords));
    this.#chars = this.#records.reduce((sum, { text }) => sum + text.length, 0);
  }

  /** As many as fit a message. */
  async after(sequence: number): Promise<LogRecord[]> {
    const first = this.#records[0]?.sequence ?? Infinity;
    if (sequence + 1 >= first) {
      return page(this.#records.slice(sequence + 1 - first, sequence + 1 - first + pageRows));
    }
    const rows = await this.catalog.read((view) => view.logAfter(sequence, pageRows));
    return page(rows.map((row) => signRecord(this.clusterKey, row)));
  }

  /** Whether this log has that record. */
  async has(position: LogPosition): Promise<boolean> {
    if (position.sequence === 0) return true;
    const [row] = await this.catalog.read((view) => view.logAfter(position.sequence - 1, 1));
    return row !== undefined && isSamePosition(row, position);
  }
}

const pageRows = limits.logPageRecordsMax;

/** As many of the records as fit into one message, one at least. */
function page(records: readonly LogRecord[]): LogRecord[] {
  let bytes = 0;
  const end = records.findIndex(({ text }) => (bytes += text.length) >= limits.logPageBytesMax);
  return records.slice(0, end === -1 ? records.length : end + 1);
}
