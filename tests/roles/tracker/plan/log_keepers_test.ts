/**
 * Who keeps the log, what counts as acknowledged, and whether a rebuild can miss it: every small
 * cluster there is, and a model in which keepers change, are away, forgotten and rebuilt from.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type LogKeepers, logOrigin, SeederId } from "../../../../protocol/mod.ts";
import {
  confirmationsNeeded,
  confirmedBy,
  isMajority,
  isSameSet,
  type KeeperFacts,
  majorityOf,
  type NamedKeepers,
  planKeepers,
} from "../../../../roles/tracker/plan/log_keepers.ts";
import { type LogOffer, planRebuild } from "../../../../roles/tracker/plan/rebuild.ts";

const ids = [1, 2, 3, 4, 5, 6].map((number) => SeederId.parse(String(number).repeat(16)));
const everyone = () => true;

function subsets(of: readonly SeederId[]): SeederId[][] {
  return [...Array(2 ** of.length).keys()].map((bits) => of.filter((_, i) => bits >> i & 1));
}

Deno.test("of every two majorities, of one set or of two that overlap in a change, each meets the other", () => {
  for (const before of subsets(ids.slice(0, 4))) {
    for (const after of subsets(ids.slice(0, 5))) {
      if (before.length === 0 || after.length === 0) continue;
      const change: NamedKeepers = { seederIds: after, before };
      for (const here of subsets(ids.slice(0, 5))) {
        const who = new Set(here);
        if (!isMajority(change, who)) continue;
        for (const stage of [before, after]) {
          assert(here.filter((id) => stage.includes(id)).length >= majorityOf(stage.length));
        }
        const rest = new Set(ids.filter((id) => !who.has(id)));
        assert(!isMajority({ seederIds: before }, rest) && !isMajority({ seederIds: after }, rest));
      }
    }
  }
});

Deno.test("what is confirmed is the lesser of what both sets have", () => {
  const reached = new Map(ids.map((id, i) => [id, 10 * (i + 1)]));
  const [one, two, three, four, five] = ids as [SeederId, SeederId, SeederId, SeederId, SeederId];
  const sure = (keepers: NamedKeepers) => confirmedBy(keepers, reached, everyone, "majority");
  assert.equal(sure({ seederIds: [one, two, three] }), 20);
  assert.equal(sure({ seederIds: [three, four, five], before: [one, two, three] }), 20);
  assert.equal(sure({ seederIds: [] }), Infinity, "before anybody was named");
  const heard = new Map([[one, 7]]);
  assert.equal(confirmedBy({ seederIds: [one, two, three] }, heard, everyone, "majority"), 0);
});

Deno.test("with three keepers or more nothing goes below a majority; with two to one; of one to none", () => {
  const needed = (count: number, sureness: "majority" | "least") =>
    confirmationsNeeded(ids.slice(0, count), everyone, sureness);
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((n) => needed(n, "majority")), [0, 1, 2, 2, 3, 3]);
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((n) => needed(n, "least")), [0, 0, 1, 2, 3, 3]);
  // Who was forgotten can confirm nothing: those who are left are enough, by a person's word.
  const left = (count: number) =>
    confirmationsNeeded(ids.slice(0, 3), (id) => ids.indexOf(id) < count, "majority");
  assert.deepEqual([3, 2, 1, 0].map(left), [2, 2, 1, 0]);
});

function facts(
  index: number,
  { zone = `zone-${index}`, leaving = false, asks = true, absent = false } = {},
): KeeperFacts {
  return { seederId: ids[index]!, zone, leaving, asks, absent };
}

Deno.test("planKeepers names one, two, three, or five, whoever is there", () => {
  const all = ids.map((_, i) => facts(i));
  const counts = [0, 1, 2, 3, 4, 5, 6].map((count) => planKeepers([], all.slice(0, count)).length);
  assert.deepEqual(counts, [0, 1, 2, 3, 3, 5, 5]);
});

Deno.test("planKeepers changes nothing for a short absence, and replaces who is away for long", () => {
  const three = ids.slice(0, 3);
  const silent = [facts(0), facts(1), facts(2, { asks: false }), facts(3)];
  assert(isSameSet(planKeepers(three, silent), three));
  const away = [facts(0), facts(1), facts(2, { asks: false, absent: true })];
  assert(isSameSet(planKeepers(three, away), three), "there is no other");
  assert(isSameSet(planKeepers(three, [...away, facts(3)]), [ids[0]!, ids[1]!, ids[3]!]));
  const mute = [...away, facts(3, { asks: false })];
  assert(isSameSet(planKeepers(three, mute), three), "one that does not ask takes no log");
});

Deno.test("planKeepers lets go of who was forgotten or is drained, and of the log never", () => {
  const three = ids.slice(0, 3);
  assert(isSameSet(planKeepers(three, [facts(0), facts(1)]), ids.slice(0, 2)));
  const drained = [facts(0), facts(1), facts(2, { leaving: true }), facts(3)];
  assert(isSameSet(planKeepers(three, drained), [ids[0]!, ids[1]!, ids[3]!]));
  assert(isSameSet(planKeepers(three, [facts(2, { leaving: true })]), three));
});

Deno.test("planKeepers spreads over zones, also when one comes later", () => {
  const crowded = [0, 1, 2, 3].map((i) => facts(i, { zone: i < 3 ? "a" : "b" }));
  const planned = planKeepers([], [...crowded, facts(4, { zone: "c" })].slice(0, 4));
  assert(planned.includes(ids[3]!), "the only one of zone b");
  const later = planKeepers(planned, [...crowded, facts(5, { zone: "c" })]);
  assert(later.includes(ids[3]!) && later.includes(ids[5]!));
});

Deno.test("planKeepers is at rest with what it planned", () => {
  const fact = fc.record({
    zone: fc.constantFrom("a", "b", "c"),
    leaving: fc.boolean(),
    asks: fc.boolean(),
    absent: fc.boolean(),
  });
  const all = fc.array(fact, { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(all, fc.subarray(ids), (all, now) => {
    const members = all.map((one, i) => facts(i, { ...one, absent: one.absent && !one.asks }));
    const once = planKeepers(now, members);
    assert(isSameSet(planKeepers(once, members), once));
    assert.deepEqual(planKeepers(now, members.toReversed()), once);
  }));
});

interface Disk {
  card: LogKeepers | undefined;
  /** It set its log aside, and shows none before it has all of the one that took its place. */
  owes: number;
  /** Of the operation that named the keepers when each record was written, in order. */
  log: { epoch: number; named: (NamedKeepers & { sequence: number }) | undefined }[];
}

/** A tracker and six seeders, of which any may hear nothing, come back, or be rebuilt from. */
class Model {
  readonly #disks = new Map<SeederId, Disk>();
  #epoch = 1;
  #log: Disk["log"] = [];
  #named: NamedKeepers & { sequence: number } = { sequence: 0, seederIds: [] };
  #acknowledged = { epoch: 0, sequence: 0 };
  acknowledgements = 0;

  /**
   * Broken builds. `abrupt`: the later set stands alone as soon as it is named. `hasty`: who has
   * set its log aside shows what it has at once.
   */
  constructor(private readonly abrupt: boolean, private readonly hasty: boolean) {
    for (const id of ids) this.#disks.set(id, { card: undefined, owes: 0, log: [] });
  }

  #write(named?: NamedKeepers): void {
    const sequence = this.#log.length + 1;
    if (named !== undefined) this.#named = { ...named, sequence };
    this.#log = [...this.#log, { epoch: this.#epoch, named: named && this.#named }];
  }

  /** The card first, then the records, or neither. */
  pull(seederId: SeederId, isCut: boolean): void {
    const disk = this.#disks.get(seederId)!;
    const { seederIds, before, sequence } = this.#named;
    const old = before === undefined ? {} : { before: [...before] };
    disk.card = { epoch: this.#epoch, sequence, seederIds: [...seederIds], ...old };
    const isKeeper = seederIds.includes(seederId) || before?.includes(seederId) === true;
    if (!isCut && isKeeper) disk.log = this.#log;
    this.#settle();
  }

  write(): void {
    this.#write();
  }

  #reached(): Map<SeederId, number> {
    return new Map([...this.#disks].map(([id, { log }]) => [
      id,
      log.length <= this.#log.length && log.at(-1)?.epoch === this.#log[log.length - 1]?.epoch
        ? log.length
        : 0,
    ]));
  }

  #confirmed(): number {
    if (this.#named.seederIds.length === 0) return 0;
    return confirmedBy(this.#named, this.#reached(), everyone, "majority");
  }

  #settle(): void {
    const confirmed = this.#confirmed();
    const { epoch, sequence } = this.#acknowledged;
    const reached = this.#log[confirmed - 1];
    if (reached === undefined || (reached.epoch === epoch && confirmed <= sequence)) return;
    if (reached.epoch < epoch) return;
    this.#acknowledged = { epoch: reached.epoch, sequence: confirmed };
    this.acknowledgements++;
  }

  /** Another set; or, where a change is on a majority of both, the later one alone. */
  name(seederIds: readonly SeederId[]): void {
    if (seederIds.length === 0) return;
    const { before, sequence } = this.#named;
    const isDone = this.#confirmed() >= sequence;
    if (this.#named.seederIds.length === 0 || this.abrupt) return this.#write({ seederIds });
    if (before !== undefined && isDone) return this.#write({ seederIds: this.#named.seederIds });
    if (before === undefined && !isDone) return;
    this.#write({ seederIds, before: before ?? this.#named.seederIds });
  }

  offers(who: readonly SeederId[]): LogOffer[] {
    return who.flatMap((seederId): LogOffer[] => {
      const { card, log, owes } = this.#disks.get(seederId)!;
      if (card === undefined || (log.length < owes && !this.hasty)) return [];
      const sequence = log.length, epoch = log.at(-1)?.epoch ?? 0;
      const position = { sequence, epoch, checksum: "0".repeat(64) };
      return [{ seederId, position, after: logOrigin, snapshots: [], keepers: card }];
    });
  }

  /** The tracker's disk is lost, and it begins anew with what these have, if they are enough. */
  rebuild(who: readonly SeederId[]): void {
    const plan = planRebuild(this.offers(who));
    if (plan.kind === "wait") return;
    this.#log = this.#disks.get(plan.from)!.log;
    this.#named = this.#log.findLast(({ named }) => named !== undefined)?.named ??
      { sequence: 0, seederIds: [] };
    this.#epoch++;
    this.#write();
    for (const disk of this.#disks.values()) {
      if (this.#log.slice(0, disk.log.length).every((one, i) => one === disk.log[i])) continue;
      disk.log = [];
      disk.owes = this.#log.length;
    }
  }

  /** Every set of seeders that a rebuild would be content with has what was acknowledged. */
  check(): void {
    const { epoch, sequence } = this.#acknowledged;
    if (sequence === 0) return;
    for (const here of subsets(ids)) {
      const offers = this.offers(here);
      const plan = planRebuild(offers);
      if (plan.kind === "wait") continue;
      const { position } = offers.find(({ seederId }) => seederId === plan.from)!;
      const has = position.epoch > epoch ||
        (position.epoch === epoch && position.sequence >= sequence);
      assert(has, `${here.length} take ${position.epoch}.${position.sequence}`);
    }
  }
}

const anId = fc.constantFrom(...ids);
const some = fc.subarray(ids, { minLength: 1, maxLength: 3 });
const events = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constant("pull" as const), anId, fc.boolean()) },
    { weight: 3, arbitrary: fc.constant(["write"] as const) },
    { weight: 3, arbitrary: fc.tuple(fc.constant("name" as const), some) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("rebuild" as const), fc.subarray(ids)) },
  ),
  { minLength: 30, maxLength: 60 },
);

function play(runs: number, { abrupt = false, hasty = false } = {}): number {
  let acknowledgements = 0;
  const property = fc.property(events, (events) => {
    const model = new Model(abrupt, hasty);
    model.name(ids.slice(0, 3));
    for (const id of ids.slice(0, 3)) model.pull(id, false);
    for (const event of events) {
      if (event[0] === "pull") model.pull(event[1], event[2]);
      else if (event[0] === "write") model.write();
      else if (event[0] === "name") model.name(event[1]);
      else model.rebuild(event[1]);
      model.check();
    }
    acknowledgements += model.acknowledgements;
  });
  fc.assert(property, { numRuns: runs });
  return acknowledgements;
}

Deno.test("what keepers acknowledge no rebuild misses, whoever is named, away, or rebuilt from", () => {
  const acknowledgements = play(300);
  assert(acknowledgements > 300, `${acknowledgements} operations were acknowledged`);
});

Deno.test("a rebuild would miss it if the later set stood alone at once", () => {
  assert.throws(() => play(1000, { abrupt: true }), /Property failed/);
});

Deno.test("a rebuild would miss it if a log that was set aside, and is not here again, counted", () => {
  assert.throws(() => play(2000, { hasty: true }), /Property failed/);
});
