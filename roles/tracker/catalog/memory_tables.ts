/**
 * The tables of the memory engine: ordered maps that write what they change into a journal, so
 * that a transaction is undone by playing the journal backwards and costs nothing but what it
 * touched. `MemoryCatalogData` is what a disk would be: it outlives the engine that was opened on
 * it.
 */
import type { ChunkEntry, ChunkId, SeederId, UploadId, VersionId } from "../../../protocol/mod.ts";
import type {
  AdoptionRow,
  HoldingsSummary,
  LogRow,
  NodeId,
  NodeRow,
  SeederRow,
  Totals,
  TrashRow,
  UploadRow,
  VersionRow,
} from "./catalog.ts";
import type { HoldingRow } from "./holding_rows.ts";

/** What has to be done, last first, to get back to the state before the transaction. */
export class Journal {
  #undo: (() => void)[] = [];

  /** Whether no transaction has written anything that is neither committed nor undone. */
  get isEmpty(): boolean {
    return this.#undo.length === 0;
  }

  note(undo: () => void): void {
    this.#undo.push(undo);
  }

  commit(): void {
    this.#undo = [];
  }

  rollback(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo = [];
  }
}

type Compare<K> = (left: K, right: K) => number;

export const compareNumbers: Compare<number> = (left, right) => left - right;
/** For hex digits and other ASCII, where every order of text is the same. */
export const compareIds: Compare<string> = (left, right) => left < right ? -1 : +(left > right);

/**
 * The order of the UTF-8 bytes, which is that of the code points. JavaScript's own order differs
 * from it where a surrogate (a character above U+FFFF) meets one of U+E000 to U+FFFF, which lies
 * below it.
 */
export const compareNames: Compare<string> = (left, right) => {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i), b = right.charCodeAt(i);
    if (a !== b) return lifted(a) - lifted(b);
  }
  return left.length - right.length;
};

function lifted(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** A map that also hands out its keys in order, from any of them on. */
export class OrderedMap<K, V> {
  readonly #values = new Map<K, V>();
  readonly #keys: K[] = [];

  constructor(private readonly journal: Journal, private readonly compare: Compare<K>) {}

  get size(): number {
    return this.#keys.length;
  }

  get(key: K): V | undefined {
    return this.#values.get(key);
  }

  has(key: K): boolean {
    return this.#values.has(key);
  }

  set(key: K, value: V): void {
    if (this.#values.has(key)) {
      const before = this.#values.get(key) as V;
      this.journal.note(() => void this.#values.set(key, before));
    } else {
      this.#insertKey(key);
      this.journal.note(() => {
        this.#removeKey(key);
        this.#values.delete(key);
      });
    }
    this.#values.set(key, value);
  }

  delete(key: K): boolean {
    if (!this.#values.has(key)) return false;
    const before = this.#values.get(key) as V;
    this.#removeKey(key);
    this.#values.delete(key);
    this.journal.note(() => {
      this.#insertKey(key);
      this.#values.set(key, before);
    });
    return true;
  }

  clear(): void {
    for (const key of this.#keys.toReversed()) this.delete(key);
  }

  /** A copy with a journal of its own. Rows never change, so both share them. */
  imageIn(journal: Journal): OrderedMap<K, V> {
    const image = new OrderedMap<K, V>(journal, this.compare);
    for (const [key, value] of this.entries()) {
      image.#keys.push(key);
      image.#values.set(key, value);
    }
    return image;
  }

  lastKey(): K | undefined {
    return this.#keys.at(-1);
  }

  last(): V | undefined {
    const key = this.#keys.at(-1);
    return key === undefined ? undefined : this.#values.get(key);
  }

  /** All entries in order. The map must not change while they are taken. */
  entries(): Generator<[K, V], undefined> {
    return this.#from(0);
  }

  /** Entries in order from the first whose key is `key` or greater. */
  startingAt(key: K): Generator<[K, V], undefined> {
    return this.#from(this.#position(key));
  }

  /** At most `limit` entries in order, those greater than `after` when it is given. */
  page(after: K | undefined, limit: number): [K, V][] {
    const first = after === undefined ? 0 : this.#position(after) + (this.has(after) ? 1 : 0);
    return this.#from(first).take(limit).toArray();
  }

  *#from(first: number): Generator<[K, V], undefined> {
    for (let i = first; i < this.#keys.length; i++) {
      const key = this.#keys[i] as K;
      yield [key, this.#values.get(key) as V];
    }
  }

  /** Where `key` stands, or would stand. */
  #position(key: K): number {
    let low = 0, high = this.#keys.length;
    // Numbers given out in turn arrive at the end.
    if (high > 0 && this.compare(this.#keys[high - 1] as K, key) < 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(this.#keys[middle] as K, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insertKey(key: K): void {
    this.#keys.splice(this.#position(key), 0, key);
  }

  #removeKey(key: K): void {
    this.#keys.splice(this.#position(key), 1);
  }
}

/** Rows under two keys, in order of the second within the first. */
export class Relation<K1, K2, V> {
  readonly #outer = new Map<K1, OrderedMap<K2, V>>();
  readonly #empty: OrderedMap<K2, V>;

  constructor(private readonly journal: Journal, private readonly compare: Compare<K2>) {
    this.#empty = new OrderedMap(journal, compare);
  }

  /** The rows under `first`, for reading. */
  of(first: K1): OrderedMap<K2, V> {
    return this.#outer.get(first) ?? this.#empty;
  }

  /** Every first key that has rows, with them. */
  groups(): Iterable<[K1, OrderedMap<K2, V>]> {
    return this.#outer;
  }

  set(first: K1, second: K2, value: V): void {
    let inner = this.#outer.get(first);
    if (inner === undefined) {
      inner = new OrderedMap(this.journal, this.compare);
      this.#outer.set(first, inner);
      this.journal.note(() => void this.#outer.delete(first));
    }
    inner.set(second, value);
  }

  delete(first: K1, second: K2): boolean {
    const inner = this.#outer.get(first);
    if (inner === undefined || !inner.delete(second)) return false;
    if (inner.size === 0) {
      this.#outer.delete(first);
      this.journal.note(() => void this.#outer.set(first, inner));
    }
    return true;
  }

  clear(): void {
    for (const first of [...this.#outer.keys()]) this.deleteAll(first);
  }

  /** As `OrderedMap.imageIn`. */
  imageIn(journal: Journal): Relation<K1, K2, V> {
    const image = new Relation<K1, K2, V>(journal, this.compare);
    for (const [first, rows] of this.groups()) image.#outer.set(first, rows.imageIn(journal));
    return image;
  }

  deleteAll(first: K1): void {
    for (const [second] of [...this.of(first).entries()]) this.delete(first, second);
  }
}

export type CounterName = keyof Totals | "highestNodeId" | "oldVersions" | "oldBytes";

/** All rows of one catalog. What was committed to it is there for whoever opens it next. */
export class MemoryCatalogData {
  readonly journal = new Journal();
  /** Raised by every opening: whoever was opened before may write no more. */
  opening = 0;

  readonly settings = this.#map<string, string>(compareNames);
  /** By a number that tells which was put first. */
  readonly answers = this.#map<number, { key: string; text: string }>(compareNumbers);
  readonly answerNumbers = this.#map<string, number>(compareIds);
  readonly counters = this.#map<CounterName, number>(compareIds);
  readonly nodes = this.#map<NodeId, NodeRow>(compareNumbers);
  readonly children = this.#relation<NodeId, string, NodeId>(compareNames);
  readonly trash = this.#map<number, TrashRow>(compareNumbers);
  readonly versions = this.#map<VersionId, VersionRow>(compareIds);
  readonly versionsOfNode = this.#relation<NodeId, VersionId, true>(compareIds);
  /** By their numbers. */
  readonly oldVersions = this.#map<number, VersionId>(compareNumbers);
  readonly manifests = this.#relation<VersionId, number, ChunkEntry>(compareNumbers);
  /** How often each version names the chunk. */
  readonly naming = this.#relation<ChunkId, VersionId, number>(compareIds);
  readonly holdings = this.#relation<SeederId, ChunkId, HoldingRow>(compareIds);
  readonly holders = this.#relation<ChunkId, SeederId, true>(compareIds);
  readonly summaries = this.#map<SeederId, HoldingsSummary>(compareIds);
  readonly uploads = this.#map<UploadId, UploadRow>(compareIds);
  readonly uploadChunks = this.#relation<UploadId, number, ChunkEntry>(compareNumbers);
  /** How many rows of uploads name the chunk. */
  readonly recorded = this.#map<ChunkId, number>(compareIds);
  /** Of chunks that some version names, as the first of them told. */
  readonly chunkSizes = this.#map<ChunkId, number>(compareIds);
  readonly adoptions = this.#relation<SeederId, string, AdoptionRow>(compareNames);
  readonly seeders = this.#map<SeederId, SeederRow>(compareIds);
  readonly log = this.#map<number, LogRow>(compareNumbers);

  clear(): void {
    for (const table of Object.values(this)) {
      if (table instanceof OrderedMap || table instanceof Relation) table.clear();
    }
  }

  /**
   * Another catalog with the same rows, as a copy of a disk has them. Undefined while a transaction
   * has written and not ended.
   */
  image(): MemoryCatalogData | undefined {
    if (!this.journal.isEmpty) return undefined;
    const image = new MemoryCatalogData();
    for (const [name, table] of Object.entries(this)) {
      if (!(table instanceof OrderedMap || table instanceof Relation)) continue;
      Object.assign(image, { [name]: table.imageIn(image.journal) });
    }
    return image;
  }

  #map<K, V>(compare: Compare<K>): OrderedMap<K, V> {
    return new OrderedMap(this.journal, compare);
  }

  #relation<K1, K2, V>(compare: Compare<K2>): Relation<K1, K2, V> {
    return new Relation(this.journal, compare);
  }
}
