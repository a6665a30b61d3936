/** From whom a rebuilt tracker takes its log: small clusters, every case there is. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { logOrigin, SeederId } from "../../../../protocol/mod.ts";
import { type LogOffer, planRebuild } from "../../../../roles/tracker/plan/rebuild.ts";

const ids = [1, 2, 3, 4, 5].map((number) => SeederId.parse(String(number).repeat(16)));

function offer(index: number, sequence: number, rest: Partial<LogOffer> = {}, epoch = 1): LogOffer {
  const position = { sequence, epoch, checksum: "0".repeat(64) };
  const all = { after: logOrigin, snapshots: [], copies: 2, seeders: 3 };
  return { seederId: ids[index]!, position, ...all, ...rest };
}

Deno.test("planRebuild waits for all but copies - 1 of the seeders", () => {
  assert.equal(planRebuild([]).kind, "wait");
  const one = planRebuild([offer(0, 9)]);
  assert.ok(one.kind === "wait" && one.needed === 2);
  assert.match(one.why, /1 of 3 seeders are here/);
  const two = planRebuild([offer(0, 8), offer(1, 9)]);
  assert.ok(two.kind === "take" && two.from === ids[1]);
  assert.equal(planRebuild([offer(0, 1, { seeders: 1, copies: 2 })]).kind, "take");
  assert.equal(planRebuild([offer(0, 1, { copies: 1 }), offer(1, 1, { copies: 1 })]).kind, "wait");
});

Deno.test("planRebuild begins with fewer when a person says so, never with none", () => {
  assert.equal(planRebuild([offer(0, 9)], 1).kind, "take");
  assert.equal(planRebuild([], 1).kind, "wait");
});

Deno.test("planRebuild prefers a later epoch to a longer log", () => {
  const plan = planRebuild([offer(0, 90, {}, 1), offer(1, 80, {}, 2), offer(2, 70, {}, 2)]);
  assert.ok(plan.kind === "take" && plan.from === ids[1]);
});

Deno.test("what is on `copies` seeders is in the log that is taken, whoever is missing", () => {
  // Every way to have written a record on `copies` of up to five seeders, every absence allowed.
  for (let seeders = 1; seeders <= 5; seeders++) {
    for (let copies = 1; copies <= seeders; copies++) {
      for (let has = 0; has < 2 ** seeders; has++) {
        const holders = [...Array(seeders).keys()].filter((i) => has >> i & 1);
        if (holders.length < copies) continue;
        for (let here = 1; here < 2 ** seeders; here++) {
          const offers = [...Array(seeders).keys()].filter((i) => here >> i & 1)
            .map((i) => offer(i, holders.includes(i) ? 7 : 6, { seeders, copies }));
          const plan = planRebuild(offers);
          if (plan.kind === "wait") continue;
          const from = offers.find(({ seederId }) => seederId === plan.from);
          assert.equal(from?.position.sequence, 7, `${seeders} ${copies} ${has} ${here}`);
        }
      }
    }
  }
});

Deno.test("planRebuild does not depend on who came first", () => {
  const sequences = fc.array(fc.tuple(fc.nat(5), fc.nat(2)), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(sequences, (sequences) => {
    const offers = sequences.map(([sequence, epoch], i) => offer(i, sequence, {}, epoch));
    assert.deepEqual(planRebuild(offers, 1), planRebuild(offers.toReversed(), 1));
  }));
});
