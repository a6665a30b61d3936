/**
 * Who is counted when something is acknowledged, and whether a rebuild can miss it: a model of a
 * tracker and up to six seeders, of which any may hear nothing, come back, or be forgotten.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type LogKeepers, logOrigin, SeederId } from "../../../../protocol/mod.ts";
import {
  copiesPromised,
  countedNow,
  electorateOf,
  isAsLate,
  latestKeepers,
  toldIn,
  withKeeper,
  withoutKeepers,
} from "../../../../roles/tracker/plan/log_keepers.ts";
import { type LogOffer, planRebuild } from "../../../../roles/tracker/plan/rebuild.ts";

const ids = [1, 2, 3, 4, 5, 6].map((number) => SeederId.parse(String(number).repeat(16)));
const copies = 2;

interface Kept {
  card: LogKeepers | undefined;
  sequence: number;
  epoch: number;
}

class Model {
  readonly seeders = new Map<SeederId, Kept>();
  readonly #gone = new Set<SeederId>();
  #epoch = 1;
  #sequence = 0;
  #acknowledged = { epoch: 0, sequence: 0 };
  #electorate = electorateOf({ epoch: 0, version: 0, seederIds: [], counted: 0 });
  #told = new Map<SeederId, LogKeepers>();
  acknowledgements = 0;

  /** @param early a broken build: a seeder is counted as soon as it is a keeper */
  constructor(private readonly early: boolean) {}

  /** A question of a seeder, which joins with its first; the answer may get lost. */
  pull(seederId: SeederId, isLost: boolean): void {
    if (this.#gone.has(seederId)) return;
    const kept = this.seeders.get(seederId) ?? { card: undefined, sequence: 0, epoch: 0 };
    this.seeders.set(seederId, kept);
    if (kept.card !== undefined) {
      this.#told.set(seederId, kept.card);
      this.#count();
      if (!this.#electorate.keepers.some((one) => one.seederId === seederId)) {
        this.#electorate = withKeeper(this.#electorate, seederId, this.#epoch);
      }
      this.#count();
    }
    if (!isLost) kept.card = toldIn(this.#electorate);
  }

  #count(): void {
    const { keepers } = this.#electorate;
    const counted = this.early ? keepers.length : countedNow(this.#electorate, this.#told, copies);
    this.#electorate = { ...this.#electorate, counted };
  }

  /** An operation that these get; whether it is acknowledged. */
  write(who: readonly SeederId[]): boolean {
    this.#sequence++;
    const have = who.filter((seederId) =>
      this.seeders.get(seederId)?.card !== undefined && !this.#gone.has(seederId)
    );
    for (const seederId of have) {
      Object.assign(this.seeders.get(seederId)!, { sequence: this.#sequence, epoch: this.#epoch });
    }
    const counted = this.#electorate.keepers.slice(0, this.#electorate.counted);
    if (counted.filter(({ seederId }) => have.includes(seederId)).length < copies) return false;
    this.#acknowledged = { epoch: this.#epoch, sequence: this.#sequence };
    this.acknowledgements++;
    return true;
  }

  /** It may still come back, and show what it has. */
  forget(seederId: SeederId, who: readonly SeederId[]): void {
    const isKeeper = this.#electorate.keepers.some((one) => one.seederId === seederId);
    if (!isKeeper || this.#electorate.keepers.length <= copies) return;
    if (!this.write(who.filter((one) => one !== seederId))) return;
    this.#gone.add(seederId);
    this.#electorate = withoutKeepers(this.#electorate, new Set([seederId]), this.#epoch);
  }

  offers(who: readonly SeederId[]): LogOffer[] {
    return who.flatMap((seederId): LogOffer[] => {
      const { card, sequence, epoch } = this.seeders.get(seederId) ?? {};
      if (card === undefined || sequence === undefined || epoch === undefined) return [];
      const position = { sequence, epoch, checksum: "0".repeat(64) };
      const rest = { after: logOrigin, snapshots: [], copies, seeders: 6, keepers: card };
      return [{ seederId, position, ...rest }];
    });
  }

  /** The tracker's disk is lost, and it begins anew with what these have, if they are enough. */
  rebuild(who: readonly SeederId[]): void {
    const offers = this.offers(who);
    const plan = planRebuild(offers);
    if (plan.kind === "wait") return;
    const from = this.seeders.get(plan.from)!;
    const keepers = latestKeepers(offers);
    if (keepers !== undefined) this.#electorate = electorateOf(keepers);
    this.#sequence = from.sequence;
    this.#epoch++;
    this.#told.clear();
  }

  /** Every set of seeders that a rebuild would be content with has what was acknowledged. */
  check(): void {
    const { epoch, sequence } = this.#acknowledged;
    for (let here = 1; here < 2 ** ids.length; here++) {
      const offers = this.offers(ids.filter((_, i) => here >> i & 1));
      const plan = planRebuild(offers);
      if (plan.kind === "wait") continue;
      const { position } = offers.find(({ seederId }) => seederId === plan.from)!;
      const has = position.epoch > epoch ||
        (position.epoch === epoch && position.sequence >= sequence);
      assert(has, `${here.toString(2)} take ${position.epoch}.${position.sequence}`);
    }
  }
}

const anId = fc.constantFrom(...ids);
const some = fc.subarray(ids);
const events = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant("pull" as const), anId, fc.boolean()) },
    { weight: 4, arbitrary: fc.tuple(fc.constant("write" as const), some) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("forget" as const), anId, some) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("rebuild" as const), some) },
  ),
  { minLength: 30, maxLength: 60 },
);

function play(early: boolean, runs: number): number {
  let acknowledgements = 0;
  const property = fc.property(events, (events) => {
    const model = new Model(early);
    for (const seederId of [...ids.slice(0, 3), ...ids.slice(0, 3), ...ids.slice(0, 3)]) {
      model.pull(seederId, false);
    }
    for (const event of events) {
      if (event[0] === "pull") model.pull(event[1], event[2]);
      else if (event[0] === "write") model.write(event[1]);
      else if (event[0] === "forget") model.forget(event[1], event[2]);
      else model.rebuild(event[1]);
      model.check();
    }
    acknowledgements += model.acknowledgements;
  });
  fc.assert(property, { numRuns: runs });
  return acknowledgements;
}

Deno.test("what keepers acknowledge no rebuild misses, whoever joins, is away or forgotten", () => {
  const acknowledgements = play(false, 300);
  assert(acknowledgements > 300, `${acknowledgements} operations were acknowledged`);
});

Deno.test("a rebuild would miss it if keepers were counted as soon as they come", () => {
  assert.throws(() => play(true, 1000), /100 take|Property failed/);
});

Deno.test("isAsLate and latestKeepers go by epoch, then by version", () => {
  assert(isAsLate({ epoch: 2, version: 1 }, { epoch: 1, version: 9 }));
  assert(isAsLate({ epoch: 2, version: 1 }, { epoch: 2, version: 1 }));
  assert(!isAsLate({ epoch: 2, version: 1 }, { epoch: 2, version: 2 }));
  const keepers = (epoch: number, version: number) => ({
    keepers: { epoch, version, seederIds: [], counted: 0 },
  });
  const cards = [{}, keepers(1, 9), keepers(2, 1), keepers(2, 0)];
  assert.deepEqual(latestKeepers(cards), keepers(2, 1).keepers);
  assert.equal(latestKeepers([{}]), undefined);
});

Deno.test("copiesPromised is what auto never goes below while two seeders live", () => {
  assert.deepEqual([1, 2, 3].map((copies) => copiesPromised("auto", copies)), [1, 2, 2]);
  assert.deepEqual([1, 2, 3].map((copies) => copiesPromised("seeders", copies)), [1, 2, 3]);
});
