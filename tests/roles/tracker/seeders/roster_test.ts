/** Liveness as tables. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { limits, SecretKey, SeederId, type SeederState } from "../../../../protocol/mod.ts";
import { Members } from "../../../../roles/tracker/seeders/members.ts";
import {
  attendMs,
  judgedMs,
  stateAt,
  stepRoster,
} from "../../../../roles/tracker/seeders/roster.ts";

const seederId = SeederId.parse("a".repeat(16));
const { yellowAfterMs, redAfterMs } = limits;

Deno.test("stateAt follows the silence since the last report", () => {
  const table: [number | undefined, boolean, number, SeederState][] = [
    [1000, false, 1000, "green"],
    [1000, false, 1000 + yellowAfterMs - 1, "green"],
    [1000, false, 1000 + yellowAfterMs, "yellow"],
    [1000, false, 1000 + redAfterMs - 1, "yellow"],
    [1000, false, 1000 + redAfterMs, "red"],
    [1000, true, 1000, "away"],
    [1000, true, 1000 + redAfterMs, "away"],
    // Not heard since the tracker started at 500.
    [undefined, false, 500, "yellow"],
    [undefined, false, 500 + yellowAfterMs, "yellow"],
    [undefined, false, 500 + redAfterMs - 1, "yellow"],
    [undefined, false, 500 + redAfterMs, "red"],
    [undefined, true, 500, "away"],
  ];
  for (const [heardMs, away, nowMs, state] of table) {
    assert.equal(stateAt({ seederId, heardMs, away }, 500, nowMs), state, `${heardMs} ${nowMs}`);
  }
});

Deno.test("stateAt only gets worse while nothing is heard", () => {
  const order = ["green", "yellow", "red"];
  fc.assert(fc.property(
    fc.option(fc.nat(20_000), { nil: undefined }),
    fc.nat(40_000),
    fc.nat(40_000),
    (heardMs, one, other) => {
      const at = (ms: number) =>
        order.indexOf(stateAt({ seederId, heardMs, away: false }, 0, (heardMs ?? 0) + ms));
      assert(at(Math.min(one, other)) <= at(Math.max(one, other)));
    },
  ));
});

Deno.test("stepRoster tells each change once", () => {
  const presence = { seederId, heardMs: 0, away: false };
  let states: ReadonlyMap<SeederId, SeederState> = new Map();
  const told: string[] = [];
  for (let nowMs = 0; nowMs <= redAfterMs + 2000; nowMs += 1000) {
    const step = stepRoster(states, [presence], 0, nowMs);
    states = step.states;
    for (const { from, to } of step.changes) told.push(`${nowMs} ${from} ${to}`);
  }
  const back = stepRoster(states, [{ ...presence, heardMs: 20_000 }], 0, 20_000);
  for (const { from, to } of back.changes) told.push(`${from} ${to}`);
  assert.deepEqual(told, [
    "0 undefined green",
    `${yellowAfterMs} green yellow`,
    `${redAfterMs} yellow red`,
    "red green",
  ]);
});

Deno.test("judgedMs stands still while the tracker is held up itself", () => {
  assert.equal(judgedMs(undefined, 70_000), 70_000, "nobody looks at the clock");
  assert.equal(judgedMs(10_000, 10_400), 10_400, "a look is not due yet");
  assert.equal(judgedMs(10_000, 25_000), 10_000 + attendMs + 500, "it did not look for 15 s");
});

Deno.test("Members.attend takes a stall of the tracker for nobody's silence", () => {
  const row = {
    seederId: SeederId.parse("00000000000000aa"),
    standing: "member" as const,
    ...{ generation: 1, capacityBytes: 0 },
    name: "seeder-1",
    zone: "z",
    address: "http://10.0.0.1:1",
    joinedMs: 0,
    away: false,
    totalBytes: 0,
    freeBytes: 0,
    usedBytes: 0,
  };
  const members = new Members([row], 0, {
    seederKey: () => SecretKey.parse("1".repeat(64)),
  });
  const [member] = members.all();
  assert(member !== undefined);
  member.heardMs = 1_000;
  assert.equal(members.attend(1_000), 0);
  // Twenty seconds in which neither clock nor reports were looked at.
  assert.equal(members.stateOf(member, 21_000), "green");
  assert.equal(members.attend(21_000), 19_000);
  assert.equal(members.stateOf(member, 21_500), "green");
  // From here on it looks, and the seeder is silent.
  for (let nowMs = 21_500; nowMs <= 31_000; nowMs += attendMs) members.attend(nowMs);
  assert.equal(members.stateOf(member, 31_000), "red");
});
