/** From whom a rebuilt tracker takes its log: small clusters, every case there is. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type LogKeepers,
  logOrigin,
  SeederId,
  type SnapshotMark,
} from "../../../../protocol/mod.ts";
import { type LogOffer, planRebuild } from "../../../../roles/tracker/plan/rebuild.ts";

const ids = [1, 2, 3, 4, 5].map((number) => SeederId.parse(String(number).repeat(16)));

const named = (count: number, rest: Partial<LogKeepers> = {}): LogKeepers => ({
  ...{ epoch: 1, sequence: 2, seederIds: ids.slice(0, count) },
  ...rest,
});

function offer(index: number, sequence: number, rest: Partial<LogOffer> = {}, epoch = 1): LogOffer {
  const position = { sequence, epoch, checksum: "0".repeat(64) };
  const all = { after: logOrigin, snapshots: [], keepers: named(3) };
  return { seederId: ids[index]!, position, ...all, ...rest };
}

Deno.test("planRebuild waits for a majority of the keepers, of both sets while they change", () => {
  assert.equal(planRebuild([]).kind, "wait");
  const one = planRebuild([offer(0, 9), offer(3, 9), offer(4, 9)]);
  assert.ok(one.kind === "wait");
  assert.match(one.why, /1 of the 3 keepers of the log/);
  const two = planRebuild([offer(0, 8), offer(1, 9)]);
  assert.ok(two.kind === "take" && two.from === ids[1]);
  const five = { keepers: named(5) };
  assert.equal(planRebuild([0, 1].map((i) => offer(i, 9, five))).kind, "wait");
  assert.equal(planRebuild([0, 1, 4].map((i) => offer(i, 9, five))).kind, "take", "two are off");
  const [, , , four, last] = ids;
  const changing = { keepers: named(3, { sequence: 5, before: [ids[0]!, four!, last!] }) };
  assert.equal(planRebuild([offer(0, 9), offer(1, 9, changing)]).kind, "wait");
  assert.equal(planRebuild([offer(0, 9), offer(1, 9, changing), offer(3, 9)]).kind, "take");
});

Deno.test("planRebuild goes by the latest card: by epoch, then by operation", () => {
  const old = { keepers: named(1, { epoch: 1, sequence: 9 }) };
  const later = { keepers: named(3, { epoch: 2, sequence: 4 }) };
  assert.equal(planRebuild([offer(0, 9, old)]).kind, "take");
  assert.equal(planRebuild([offer(0, 9, old), offer(4, 1, later)]).kind, "wait");
});

Deno.test("planRebuild begins with fewer when a person says so, never with none", () => {
  assert.equal(planRebuild([offer(0, 9)], 1).kind, "take");
  assert.equal(planRebuild([], 1).kind, "wait");
});

Deno.test("planRebuild prefers a later epoch to a longer log", () => {
  const plan = planRebuild([offer(0, 90, {}, 1), offer(1, 80, {}, 2), offer(2, 70, {}, 2)]);
  assert.ok(plan.kind === "take" && plan.from === ids[1]);
});

Deno.test("what is on a majority of the keepers is in the log that is taken, whoever is missing", () => {
  for (let count = 1; count <= 5; count++) {
    const all = [...Array(count).keys()];
    for (let has = 0; has < 2 ** count; has++) {
      const holders = all.filter((i) => has >> i & 1);
      if (holders.length <= count / 2) continue;
      for (let here = 1; here < 2 ** count; here++) {
        const offers = all.filter((i) => here >> i & 1)
          .map((i) => offer(i, holders.includes(i) ? 7 : 6, { keepers: named(count) }));
        const plan = planRebuild(offers);
        assert.equal(plan.kind, offers.length > count / 2 ? "take" : "wait");
        if (plan.kind === "wait") continue;
        const from = offers.find(({ seederId }) => seederId === plan.from);
        assert.equal(from?.position.sequence, 7, `${count} ${has} ${here}`);
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

const hex = (number: number) => number.toString(16).padStart(64, "0");
/** Operation `sequence` of history `branch`, which has nothing in common with another. */
const at = (sequence: number, branch = 0, epoch = 1) => ({
  ...{ sequence, epoch },
  checksum: sequence === 0 ? logOrigin.checksum : hex(1000 * branch + sequence),
});
const snapshotAt = (sequence: number, branch = 0): SnapshotMark => ({
  ...{ sequence, checksum: at(sequence, branch).checksum, digest: hex(sequence), sizeBytes: 9 },
});

Deno.test("planRebuild begins after the newest snapshot that lies on the log it takes", () => {
  const log = { position: at(90), after: at(40) };
  const others = { position: at(80), after: at(0) };
  const plan = (snapshots: SnapshotMark[], theirs: SnapshotMark[] = []) => {
    const offers = [
      offer(0, 90, { ...log, snapshots }),
      offer(1, 80, { ...others, snapshots: theirs }),
    ];
    const plan = planRebuild(offers);
    assert.ok(plan.kind === "take");
    return [plan.from, plan.base?.seederId, plan.base?.mark.sequence];
  };
  assert.deepEqual(plan([snapshotAt(40), snapshotAt(60)]), [ids[0], ids[0], 60]);
  assert.deepEqual(plan([snapshotAt(40)], [snapshotAt(60)]), [ids[0], ids[1], 60]);
  assert.deepEqual(plan([], [snapshotAt(40), snapshotAt(39)]), [ids[0], ids[1], 40]);
  assert.deepEqual(plan([snapshotAt(60)], [snapshotAt(60)]), [ids[0], ids[0], 60], "its own first");
  assert.deepEqual(plan([snapshotAt(90)]), [ids[0], ids[0], 90]);
  assert.deepEqual(plan([snapshotAt(60), snapshotAt(90, 1)]), [ids[0], ids[0], 60]);
  assert.deepEqual(plan([snapshotAt(60), snapshotAt(91)]), [ids[0], ids[0], 60]);
});

Deno.test("planRebuild passes over a log whose beginning nobody has, and counts it as missing", () => {
  const useless = offer(0, 90, { position: at(90), after: at(40), snapshots: [snapshotAt(39)] });
  const whole = offer(1, 80, { position: at(80) });
  const third = offer(2, 70, { position: at(70) });
  const waits = planRebuild([useless, whole]);
  assert.ok(waits.kind === "wait");
  assert.match(waits.why, /lack a good snapshot/);
  const taken = planRebuild([useless, whole, third]);
  assert.ok(taken.kind === "take" && taken.from === ids[1]);
  assert.equal(taken.base?.mark.sequence, 39, "which lies on the other log");
});

Deno.test("planRebuild goes on with what was taken only where it is a part of the log", () => {
  const resumes = (taken: ReturnType<typeof at>, rest: Partial<LogOffer> = {}) => {
    const snapshots = [snapshotAt(40)];
    const one = offer(0, 90, { position: at(90), after: at(40), snapshots, ...rest });
    const plan = planRebuild([one], 1, taken);
    assert.ok(plan.kind === "take" && plan.resume === (plan.base === undefined));
    return plan.resume;
  };
  assert.equal(resumes(at(0)), false);
  assert.equal(resumes(at(39)), false, "it ends before the log begins");
  assert.equal(resumes(at(40)), true);
  assert.equal(resumes(at(40, 1)), false);
  assert.equal(resumes(at(70)), true);
  assert.equal(resumes(at(90)), true);
  assert.equal(resumes(at(90, 1)), false);
  assert.equal(resumes(at(95)), true, "one that is away now had more");
  assert.equal(resumes(at(95), { position: at(90, 0, 2) }), false, "a later epoch knew better");
});

Deno.test("with logs cut after snapshots, what was acknowledged is in what is taken", () => {
  // Seeders with logs of any length, cut anywhere, with any snapshots of theirs or of others.
  const seeder = fc.record({
    behind: fc.nat(3),
    cut: fc.nat(9),
    snapshots: fc.subarray([1, 2, 3, 4, 5, 6, 7, 8, 9]),
  });
  const all = fc.array(seeder, { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(all, (seeders) => {
    const keepers = named(seeders.length);
    const offers = seeders.map(({ behind, cut, snapshots }, i) => {
      const end = 9 - behind;
      const after = at(Math.min(cut, end));
      const marks = snapshots.filter((sequence) => sequence <= end).map((one) => snapshotAt(one));
      return offer(i, end, { position: at(end), after, snapshots: marks, keepers });
    });
    const acknowledged = offers.map(({ position }) => position.sequence)
      .toSorted((a, b) => b - a)[Math.floor(seeders.length / 2)] ?? 0;
    const plan = planRebuild(offers);
    if (plan.kind === "wait") return;
    const from = offers.find(({ seederId }) => seederId === plan.from);
    assert.ok(from !== undefined && from.position.sequence >= acknowledged);
    if (plan.base === undefined) assert.equal(from.after.sequence, 0);
    else {
      assert.ok(plan.base.mark.sequence >= from.after.sequence);
      assert.ok(plan.base.mark.sequence <= from.position.sequence);
    }
  }));
});
