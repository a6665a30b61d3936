/**
 * Placement against a dumb oracle, its promises about stability and fairness, and all small
 * clusters.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ChunkId, chunkIdOf, SeederId, type SeederState } from "../../../../protocol/mod.ts";
import { choosePlaces, type PlacementQuestion } from "../../../../roles/tracker/plan/placement.ts";
import type { SeederFacts } from "../../../../roles/tracker/plan/view.ts";

const gib = 2 ** 30;

function seeder(number: number, changes: Partial<SeederFacts> = {}): SeederFacts {
  const hash = chunkIdOf(new TextEncoder().encode(`seeder ${number}`));
  return {
    seederId: SeederId.parse(hash.slice(0, 16)),
    zone: `zone ${number}`,
    state: "green",
    writable: true,
    totalBytes: 100 * gib,
    freeBytes: 50 * gib,
    ...changes,
  };
}

function chunk(number: number): ChunkId {
  return chunkIdOf(new TextEncoder().encode(`chunk ${number}`));
}

function question(changes: Partial<PlacementQuestion> = {}): PlacementQuestion {
  const chunkId = chunk(0);
  return { chunkId, sizeBytes: 1, places: 2, spares: 0, holders: [], avoid: [], ...changes };
}

function ask(seeders: readonly SeederFacts[], changes: Partial<PlacementQuestion> = {}) {
  return choosePlaces({ nowMs: 0, seeders }, question(changes));
}

const facts = fc.record({
  number: fc.nat(1_000_000),
  zone: fc.constantFrom("a", "b", "c", "d"),
  state: fc.constantFrom<SeederState>("green", "green", "green", "yellow", "red", "away"),
  writable: fc.constantFrom(true, true, true, false),
  totalBytes: fc.integer({ min: 0, max: 2 ** 45 }),
  freeBytes: fc.integer({ min: 0, max: 1000 }),
});
const cluster = fc.uniqueArray(facts, { selector: (each) => each.number, maxLength: 12 })
  .map((all) => all.map(({ number, ...rest }) => seeder(number, rest)));

/** Picks one after the other the best that is left, with nothing clever about it. */
function oracle(seeders: readonly SeederFacts[], asked: PlacementQuestion): SeederId[] {
  const order = (only: readonly SeederFacts[]) =>
    choosePlacesOneByOne(only, { ...asked, holders: [], avoid: [] });
  const usable = seeders.filter((each) =>
    each.state === "green" && each.writable && each.freeBytes >= asked.sizeBytes &&
    !asked.holders.includes(each.seederId)
  );
  const zones = new Set(
    seeders.filter((each) => asked.holders.includes(each.seederId)).map((each) => each.zone),
  );
  const result: SeederId[] = [];
  for (const late of [false, true]) {
    const group = usable.filter((each) => asked.avoid.includes(each.seederId) === late);
    const byScore = order(group);
    const zoneOf = (id: SeederId) => group.find((each) => each.seederId === id)?.zone ?? "";
    const firsts = byScore.filter((id) => {
      if (zones.has(zoneOf(id))) return false;
      zones.add(zoneOf(id));
      return true;
    });
    result.push(...firsts, ...byScore.filter((id) => !firsts.includes(id)));
  }
  return result.slice(0, asked.places + asked.spares);
}

/** The order of scores alone: a tournament in which every pair is asked for by itself. */
function choosePlacesOneByOne(
  seeders: readonly SeederFacts[],
  asked: PlacementQuestion,
): SeederId[] {
  const wins = (a: SeederFacts) =>
    seeders.filter((b) =>
      a !== b &&
      choosePlaces(
          { nowMs: 0, seeders: [{ ...a, zone: "1" }, { ...b, zone: "2" }] },
          { ...asked, places: 1, spares: 0 },
        )[0] === a.seederId
    ).length;
  return seeders.toSorted((a, b) => wins(b) - wins(a)).map((each) => each.seederId);
}

Deno.test("choosePlaces agrees with a dumb oracle", () => {
  fc.assert(fc.property(
    cluster,
    fc.nat(1000),
    fc.integer({ min: 0, max: 5 }),
    fc.nat(3),
    fc.array(fc.nat(11), { maxLength: 3 }),
    fc.array(fc.nat(11), { maxLength: 3 }),
    (seeders, number, places, spares, holding, avoiding) => {
      const some = (indexes: number[]) => indexes.flatMap((i) => seeders[i]?.seederId ?? []);
      const asked = question({
        chunkId: chunk(number),
        sizeBytes: 500,
        places,
        spares,
        holders: some(holding),
        avoid: some(avoiding),
      });
      assert.deepEqual(choosePlaces({ nowMs: 0, seeders }, asked), oracle(seeders, asked));
    },
  ));
});

Deno.test("choosePlaces does not depend on the order of the seeders", () => {
  fc.assert(
    fc.property(
      cluster.chain((all) =>
        fc.tuple(
          fc.constant(all),
          fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
        )
      ),
      fc.nat(1000),
      ([seeders, mixed], number) => {
        const changes = { chunkId: chunk(number), spares: 2 };
        assert.deepEqual(ask(mixed, changes), ask(seeders, changes));
      },
    ),
  );
});

Deno.test("choosePlaces gives a joining seeder its share and moves nothing else", () => {
  fc.assert(fc.property(
    cluster,
    facts.map(({ number, ...rest }) => seeder(number + 2_000_000, rest)),
    fc.nat(1000),
    fc.integer({ min: 1, max: 4 }),
    (seeders, joining, number, places) => {
      const changes = { chunkId: chunk(number), places, sizeBytes: 0 };
      const before = new Set(ask(seeders, changes));
      const after = ask([...seeders, joining], changes);
      const moved = after.filter((id) => !before.has(id));
      assert(moved.length === 0 || (moved.length === 1 && moved[0] === joining.seederId));
    },
  ));
});

Deno.test("choosePlaces moves about the fair share when a seeder joins or leaves", () => {
  const count = 4000;
  const seeders = Array.from({ length: 9 }, (_, i) => seeder(i));
  let moved = 0;
  for (let i = 0; i < count; i++) {
    const changes = { chunkId: chunk(i) };
    const before = new Set(ask(seeders, changes));
    moved += ask([...seeders, seeder(9)], changes).filter((id) => !before.has(id)).length;
  }
  const fair = count * 2 / 10;
  assert(Math.abs(moved - fair) < fair * 0.15, `${moved} copies moved, ${fair} are fair`);
});

Deno.test("choosePlaces fills seeders in proportion to their capacity", () => {
  const weights = [1, 2, 4, 8, 1];
  const seeders = weights.map((weight, i) => seeder(i, { totalBytes: weight * gib }));
  const count = 16_000;
  const won = new Map<SeederId, number>();
  for (let i = 0; i < count; i++) {
    const [first] = ask(seeders, { chunkId: chunk(i), places: 1 });
    if (first !== undefined) won.set(first, (won.get(first) ?? 0) + 1);
  }
  for (const [i, weight] of weights.entries()) {
    const due = count * weight / 16;
    const got = won.get(seeders[i]?.seederId as SeederId) ?? 0;
    assert(Math.abs(got - due) < due * 0.12, `seeder ${i} got ${got}, due ${due}`);
  }
});

Deno.test("choosePlaces is right in every cluster of up to four seeders", () => {
  const kinds: Partial<SeederFacts>[] = [
    {},
    { zone: "shared" },
    { state: "yellow" },
    { writable: false },
    { freeBytes: 0 },
  ];
  let clusters = 0;
  for (let size = 0; size <= 4; size++) {
    for (let code = 0; code < kinds.length ** size; code++) {
      const seeders = Array.from(
        { length: size },
        (_, i) => seeder(i, kinds[Math.floor(code / kinds.length ** i) % kinds.length]),
      );
      for (let holding = -1; holding < size; holding++) {
        const holders = holding < 0 ? [] : [seeders[holding]?.seederId as SeederId];
        check(seeders, holders);
        clusters++;
      }
    }
  }
  assert.equal(clusters, 1 + 5 * 2 + 25 * 3 + 125 * 4 + 625 * 5);
});

function check(seeders: readonly SeederFacts[], holders: readonly SeederId[]): void {
  const found = ask(seeders, { holders, sizeBytes: 1 });
  const usable = seeders.filter((each) =>
    each.state === "green" && each.writable && each.freeBytes > 0 &&
    !holders.includes(each.seederId)
  );
  assert.equal(found.length, Math.min(2, usable.length));
  assert.equal(new Set(found).size, found.length);
  for (const id of found) assert(usable.some((each) => each.seederId === id));
  const zoneOf = (id: SeederId) => seeders.find((each) => each.seederId === id)?.zone;
  const used = new Set(holders.map(zoneOf));
  const freeZones = new Set(usable.map((each) => each.zone).filter((zone) => !used.has(zone)));
  const zones = new Set(found.map(zoneOf).filter((zone) => !used.has(zone)));
  assert.equal(zones.size, Math.min(2, freeZones.size), "no zone twice before every zone once");
}
