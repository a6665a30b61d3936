/** The push plan: one situation a test, then properties over random histories. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { SeederId } from "../../../../protocol/mod.ts";
import {
  emptyPushState,
  planPush,
  type PushEvent,
  type PushRequest,
  type PushSettings,
  type SendFailure,
} from "../../../../roles/client/plan/push_plan.ts";

const settings: PushSettings = {
  chunksInFlight: 2,
  roundsMost: 3,
  restFirstMs: 1_000,
  restMostMs: 8_000,
  sendFirstMs: 30_000,
  sendFactor: 10,
  sendLeastMs: 10_000,
  sendMostMs: 120_000,
};
const a = id("a"), b = id("b"), c = id("c"), d = id("d");

function id(digit: string): SeederId {
  return SeederId.parse(digit.repeat(16));
}

const letters = (ids: readonly SeederId[]) => ids.map((one) => one[0]).join("");

/** "place 0 !a", "send 0 a>b", "settle 0 2". */
function told(request: PushRequest): string {
  const { kind, index } = request;
  if (kind === "place") return `place ${index} !${letters(request.avoid)}`;
  if (kind === "send") return `send ${index} ${letters([request.first, ...request.chain])}`;
  return kind === "settle" ? `settle ${index} ${request.copies}` : `give-up ${index}`;
}

class Script {
  #state = emptyPushState;
  last: readonly PushRequest[] = [];

  send(event: PushEvent): string[] {
    const step = planPush(this.#state, event, settings);
    this.#state = step.state;
    this.last = step.requests;
    return step.requests.map(told);
  }
  hashed(index: number, nowMs = 0) {
    return this.send({ kind: "hashed", index, sizeBytes: 1000, nowMs });
  }
  placed(index: number, held: number, places: readonly SeederId[], nowMs = 0, wanted = 2) {
    return this.send({ kind: "placed", index, held, wanted, places, nowMs });
  }
  unplaced(index: number, nowMs = 0) {
    return this.send({ kind: "unplaced", index, nowMs });
  }
  stored(
    index: number,
    first: SeederId,
    receipts: readonly SeederId[],
    failures: readonly SeederId[] = [],
    nowMs = 0,
  ) {
    return this.send({ kind: "stored", index, first, receipts, failures, nowMs });
  }
  failed(index: number, first: SeederId, why: SendFailure = "failed", nowMs = 0) {
    return this.send({ kind: "failed", index, first, why, nowMs });
  }
}

Deno.test("planPush sends to the first place with the others as chain", () => {
  const plan = new Script();
  assert.deepEqual(plan.hashed(0), ["place 0 !"]);
  assert.deepEqual(plan.placed(0, 0, [a, b, c]), ["send 0 ab"]);
  assert.deepEqual(plan.stored(0, a, [a, b]), ["settle 0 2"]);
});

Deno.test("planPush sends nothing when the copies are there", () => {
  const plan = new Script();
  plan.hashed(0);
  assert.deepEqual(plan.placed(0, 2, []), ["settle 0 2"]);
});

Deno.test("planPush adds only the copies that are missing", () => {
  const plan = new Script();
  plan.hashed(0);
  assert.deepEqual(plan.placed(0, 1, [a, b]), ["send 0 a"]);
  assert.deepEqual(plan.stored(0, a, [a]), ["settle 0 2"]);
});

Deno.test("planPush keeps to the window", () => {
  const plan = new Script();
  for (const index of [0, 1, 2]) plan.hashed(index);
  plan.placed(0, 0, [a, b]);
  plan.placed(1, 0, [a, b]);
  assert.deepEqual(plan.placed(2, 0, [a, b]), []);
  assert.deepEqual(plan.stored(1, a, [a, b]), ["settle 1 2", "send 2 ab"]);
});

Deno.test("planPush uses the spare places when the first fails", () => {
  const plan = new Script();
  plan.hashed(0);
  plan.placed(0, 0, [a, b, c, d]);
  assert.deepEqual(plan.failed(0, a), ["send 0 cd"]);
});

Deno.test("planPush replaces the link of the chain that failed", () => {
  const plan = new Script();
  plan.hashed(0);
  plan.placed(0, 0, [a, b, c]);
  assert.deepEqual(plan.stored(0, a, [a], [b]), ["send 0 c"]);
  assert.deepEqual(plan.stored(0, c, [c]), ["settle 0 2"]);
});

Deno.test("planPush asks for other places when those named are used up", () => {
  const plan = new Script();
  plan.hashed(0);
  plan.placed(0, 0, [a, b]);
  assert.deepEqual(plan.stored(0, a, [a], [b]), ["place 0 !ba"]);
  assert.deepEqual(plan.placed(0, 0, [a, b, c]), ["send 0 c"], "a has it, b failed");
  assert.deepEqual(plan.stored(0, c, [c]), ["settle 0 2"]);
});

Deno.test("planPush does not count its own copies twice when the tracker learnt of them", () => {
  const plan = new Script();
  plan.hashed(0);
  plan.placed(0, 0, [a, b]);
  plan.stored(0, a, [a], [b]);
  assert.deepEqual(plan.placed(0, 1, [c]), ["send 0 c"]);
});

Deno.test("planPush settles with fewer copies where the tracker knows no more places", () => {
  const plan = new Script();
  plan.hashed(0);
  plan.placed(0, 0, [a]);
  assert.deepEqual(plan.stored(0, a, [a]), ["settle 0 1"]);
});

Deno.test("planPush gives up after a bounded number of rounds", () => {
  const plan = new Script();
  plan.hashed(0);
  plan.placed(0, 0, [a]);
  assert.deepEqual(plan.failed(0, a), ["place 0 !a"]);
  plan.placed(0, 0, [b]);
  assert.deepEqual(plan.failed(0, b), ["place 0 !ab"]);
  plan.placed(0, 0, [c]);
  assert.deepEqual(plan.failed(0, c), ["give-up 0"]);
});

Deno.test("planPush gives up where the tracker names nobody", () => {
  const plan = new Script();
  plan.hashed(0);
  assert.deepEqual(plan.unplaced(0), ["give-up 0"]);
});

Deno.test("planPush asks for fresh leaves and holds nothing against the seeder", () => {
  const plan = new Script();
  plan.hashed(0);
  plan.placed(0, 0, [a, b, c]);
  assert.deepEqual(plan.failed(0, a, "leave"), ["place 0 !"]);
  assert.deepEqual(plan.placed(0, 0, [a, b, c]), ["send 0 ab"]);
  assert.deepEqual(plan.failed(0, a, "leave"), ["send 0 c"]);
});

Deno.test("planPush avoids a failed seeder for every chunk, for some seconds", () => {
  const plan = new Script();
  plan.hashed(0);
  plan.placed(0, 0, [a, b, c, d]);
  plan.failed(0, a, "failed", 100);
  assert.deepEqual(plan.hashed(1, 200), ["place 1 !a"]);
  assert.deepEqual(plan.placed(1, 0, [a, b, c], 300), ["send 1 bc"]);
  assert.deepEqual(plan.hashed(2, 2_000), ["place 2 !"]);
});

Deno.test("planPush judges a send by what is usual", () => {
  const plan = new Script();
  const limit = () => plan.last.find((one) => one.kind === "send")?.limitMs;
  plan.hashed(0);
  plan.placed(0, 0, [a, b]);
  assert.equal(limit(), 30_000);
  plan.stored(0, a, [a, b], [], 4_000);
  plan.hashed(1, 4_000);
  plan.placed(1, 0, [a, b], 4_000);
  assert.equal(limit(), 40_000);
});

Deno.test("planPush ends every chunk once and never repeats a failed send", () => {
  const seeders = [a, b, c, d, id("e")];
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 12 }),
    fc.infiniteStream(fc.nat(1_000)),
    (count, dice) => {
      const roll = (most: number) => (dice.next().value ?? 0) % most;
      let state = emptyPushState, nowMs = 0;
      const placing: number[] = [];
      const sending: (PushRequest & { kind: "send" })[] = [];
      const ended = new Map<number, PushRequest>();
      const out = new Set<string>(), receipts = new Map<number, Set<SeederId>>();
      const send = (event: PushEvent) => {
        const step = planPush(state, event, settings);
        state = step.state;
        for (const request of step.requests) {
          if (request.kind === "place") placing.push(request.index);
          else if (request.kind === "send") {
            const to = [request.first, ...request.chain];
            assert.equal(new Set(to).size, to.length, "a chain names a seeder twice");
            for (const seederId of to) {
              assert.ok(!out.has(`${request.index} ${seederId}`), "sent to who failed or has it");
            }
            sending.push(request);
          } else {
            assert.ok(!ended.has(request.index), "ended twice");
            const known = receipts.get(request.index)?.size ?? 0;
            if (request.kind === "settle") assert.ok(request.copies >= Math.max(1, known));
            else assert.equal(known, 0, "gave up a chunk that has a copy");
            ended.set(request.index, request);
          }
        }
        assert.ok(sending.length <= settings.chunksInFlight);
      };
      for (let index = 0; index < count; index++) {
        send({ kind: "hashed", index, sizeBytes: 10, nowMs });
      }
      let steps = 0;
      while (ended.size < count) {
        assert.ok(++steps < 5_000, "it does not end");
        nowMs += roll(500);
        if (placing.length > 0 && (sending.length === 0 || roll(2) === 0)) {
          const index = placing.shift() ?? 0;
          if (roll(8) === 0) send({ kind: "unplaced", index, nowMs });
          else {
            const places = seeders.filter(() => roll(2) === 0);
            send({ kind: "placed", index, held: roll(3), wanted: 1 + roll(3), places, nowMs });
          }
          continue;
        }
        const [one] = sending.splice(roll(Math.max(1, sending.length)), 1);
        if (one === undefined) continue;
        const { index, first, chain } = one;
        if (roll(4) === 0) {
          out.add(`${index} ${first}`);
          send({ kind: "failed", index, first, why: "failed", nowMs });
        } else {
          const good = [first, ...chain].filter(() => roll(4) > 0);
          const bad = [first, ...chain].filter((seederId) => !good.includes(seederId));
          for (const seederId of [first, ...chain]) out.add(`${index} ${seederId}`);
          receipts.set(index, new Set([...receipts.get(index) ?? [], ...good]));
          send({ kind: "stored", index, first, receipts: good, failures: bad, nowMs });
        }
      }
      assert.deepEqual([sending.length, placing.length, state.chunks.size], [0, 0, 0]);
    },
  ));
});
