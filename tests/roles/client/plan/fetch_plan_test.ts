/** The fetch plan: one situation a test, then properties over random histories. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { SeederId } from "../../../../protocol/mod.ts";
import {
  emptyFetchState,
  type FetchEvent,
  type FetchFailure,
  type FetchRequest,
  type FetchSettings,
  planFetch,
} from "../../../../roles/client/plan/fetch_plan.ts";

const settings: FetchSettings = {
  chunksInFlight: 4,
  chunksPerSeeder: 2,
  roundsMost: 2,
  restFirstMs: 1_000,
  restMostMs: 8_000,
  hedgeFactor: 3,
  hedgeAfterMs: 500,
};
const a = id("a"), b = id("b"), c = id("c");

function id(digit: string): SeederId {
  return SeederId.parse(digit.repeat(16));
}

/** Requests of the last event, as short text: "get 0 a", "locate 3 #1". */
function told(requests: readonly FetchRequest[]): string[] {
  return requests.map((one) => {
    const who = "seederId" in one ? ` ${one.seederId[0]}` : "";
    const round = one.kind === "locate" ? ` #${one.round}` : "";
    return `${one.kind} ${one.index}${who}${round}`;
  });
}

class Script {
  #state = emptyFetchState;
  #nowMs = 0;

  constructor(private readonly own: Partial<FetchSettings> = {}) {}

  send(event: FetchEvent): string[] {
    this.#nowMs = event.nowMs;
    const step = planFetch(this.#state, event, { ...settings, ...this.own });
    this.#state = step.state;
    return told(step.requests);
  }
  wanted(index: number, holders: readonly SeederId[], nowMs = this.#nowMs) {
    return this.send({ kind: "wanted", index, sizeBytes: 1000, holders, nowMs });
  }
  located(index: number, holders: readonly SeederId[], nowMs = this.#nowMs) {
    return this.send({ kind: "located", index, holders, nowMs });
  }
  arrived(index: number, seederId: SeederId, nowMs = this.#nowMs) {
    return this.send({ kind: "arrived", index, seederId, nowMs });
  }
  failed(index: number, seederId: SeederId, why: FetchFailure, nowMs = this.#nowMs) {
    return this.send({ kind: "failed", index, seederId, why, nowMs });
  }
  tick(nowMs: number) {
    return this.send({ kind: "tick", nowMs });
  }
}

Deno.test("planFetch spreads chunks over the holders", () => {
  const plan = new Script();
  assert.deepEqual(plan.wanted(0, [a, b]), ["get 0 a"]);
  assert.deepEqual(plan.wanted(1, [a, b]), ["get 1 b"]);
  assert.deepEqual(plan.wanted(2, [a, b]), ["get 2 a"]);
});

Deno.test("planFetch keeps to the window and to the most per seeder", () => {
  const plan = new Script();
  plan.wanted(0, [a]);
  plan.wanted(1, [a]);
  assert.deepEqual(plan.wanted(2, [a]), []);
  assert.deepEqual(plan.wanted(3, [b]), ["get 3 b"]);
  assert.deepEqual(plan.wanted(4, [b]), ["get 4 b"]);
  assert.deepEqual(plan.wanted(5, [c]), []);
  assert.deepEqual(plan.arrived(3, b, 10), ["accept 3 b", "get 5 c"]);
});

Deno.test("planFetch takes the rarest chunk first", () => {
  const plan = new Script({ chunksInFlight: 1 });
  plan.wanted(0, [a]);
  plan.wanted(1, [a, b, c]);
  plan.wanted(2, [b]);
  assert.deepEqual(plan.arrived(0, a, 10), ["accept 0 a", "get 2 b"]);
});

Deno.test("planFetch prefers the seeder that was measured faster", () => {
  const plan = new Script();
  plan.wanted(0, [a], 0);
  plan.arrived(0, a, 1_000);
  plan.wanted(1, [b], 1_000);
  plan.arrived(1, b, 1_010);
  assert.deepEqual(plan.wanted(2, [a, b]), ["get 2 b"]);
  assert.deepEqual(plan.wanted(3, [a, b]), ["get 3 b"]);
});

Deno.test("planFetch reassigns a failed chunk to another holder", () => {
  for (const why of ["absent", "unreachable", "refused", "wrong-bytes"] as const) {
    const plan = new Script();
    plan.wanted(0, [a, b]);
    const report = why === "wrong-bytes" ? ["report 0 a"] : [];
    assert.deepEqual(plan.failed(0, a, why, 5), [...report, "get 0 b"]);
  }
});

Deno.test("planFetch asks the tracker when all holders failed, and gives up in the end", () => {
  const plan = new Script();
  plan.wanted(0, [a]);
  assert.deepEqual(plan.failed(0, a, "absent", 1), ["locate 0 #1"]);
  assert.deepEqual(plan.located(0, [a, b], 2), ["get 0 a"]);
  assert.deepEqual(plan.failed(0, a, "absent", 3), ["get 0 b"]);
  assert.deepEqual(plan.failed(0, b, "absent", 4), ["locate 0 #2"]);
  assert.deepEqual(plan.located(0, [a], 5), ["get 0 a"]);
  assert.deepEqual(plan.failed(0, a, "absent", 6), ["give-up 0"]);
});

Deno.test("planFetch asks at once where nobody is named", () => {
  const plan = new Script();
  assert.deepEqual(plan.wanted(0, []), ["locate 0 #1"]);
  assert.deepEqual(plan.located(0, []), ["locate 0 #2"]);
  assert.deepEqual(plan.located(0, []), ["give-up 0"]);
});

Deno.test("planFetch never goes back to a seeder that sent wrong bytes", () => {
  const plan = new Script();
  plan.wanted(0, [a]);
  assert.deepEqual(plan.failed(0, a, "wrong-bytes", 1), ["report 0 a", "locate 0 #1"]);
  assert.deepEqual(plan.located(0, [a, b], 2), ["get 0 b"]);
  assert.deepEqual(plan.failed(0, b, "absent", 3), ["locate 0 #2"]);
  assert.deepEqual(plan.located(0, [a]), ["give-up 0"]);
});

Deno.test("planFetch asks for fresh leaves once, then passes over who refuses them too", () => {
  const plan = new Script();
  plan.wanted(0, [a, b]);
  assert.deepEqual(plan.failed(0, a, "leave", 1), ["locate 0 #1"]);
  assert.deepEqual(plan.located(0, [a, b], 2), ["get 0 a"]);
  assert.deepEqual(plan.failed(0, a, "leave", 3), ["get 0 b"]);
});

Deno.test("planFetch lets a failing seeder rest while others can serve", () => {
  const plan = new Script();
  plan.wanted(0, [a, b]);
  plan.failed(0, a, "unreachable", 10);
  assert.deepEqual(plan.wanted(1, [a, b], 20), ["get 1 b"]);
  assert.deepEqual(plan.wanted(2, [a], 30), ["get 2 a"], "it is the only one");
  plan.arrived(2, a, 40);
  assert.deepEqual(plan.wanted(3, [a, b], 50), ["get 3 a"], "it works again");
});

Deno.test("planFetch doubles a slow fetch at an idle holder, and the first answer wins", () => {
  const plan = new Script();
  plan.wanted(0, [a, b], 0);
  plan.wanted(1, [c], 0);
  assert.deepEqual(plan.tick(400), []);
  assert.deepEqual(plan.tick(5_000), ["get 0 b"]);
  assert.deepEqual(plan.tick(9_000), [], "twice is enough");
  assert.deepEqual(plan.arrived(0, b, 9_100), ["cancel 0 a", "accept 0 b"]);
  assert.deepEqual(plan.arrived(0, a, 9_200), [], "too late");
});

Deno.test("planFetch doubles earlier when nothing is left to begin", () => {
  const ending = new Script();
  const going = new Script({ chunksInFlight: 3 });
  for (const plan of [ending, going]) {
    plan.wanted(0, [c], 0);
    plan.arrived(0, c, 1_000);
    plan.wanted(1, [a, b], 1_000);
  }
  going.wanted(2, [c], 1_000);
  going.wanted(3, [c], 1_000);
  assert.deepEqual(going.wanted(4, [c], 1_000), []);
  // A thousand bytes take a second here: one time is late at the end, three times before.
  assert.deepEqual(ending.tick(2_100), ["get 1 b"]);
  assert.deepEqual(going.tick(2_100), []);
  assert.deepEqual(going.tick(4_100), ["get 1 b"]);
});

Deno.test("planFetch goes on when the second of two fetches fails", () => {
  const plan = new Script();
  plan.wanted(0, [a, b], 0);
  plan.tick(5_000);
  assert.deepEqual(plan.failed(0, b, "unreachable", 5_100), []);
  assert.deepEqual(plan.arrived(0, a, 5_200), ["accept 0 a"]);
});

Deno.test("planFetch leaves the state it was given alone", () => {
  const before = planFetch(emptyFetchState, {
    kind: "wanted",
    index: 0,
    sizeBytes: 1,
    holders: [a],
    nowMs: 0,
  }, settings).state;
  const copy = structuredClone(before);
  planFetch(before, { kind: "arrived", index: 0, seederId: a, nowMs: 1 }, settings);
  assert.deepEqual(before, copy);
});

const failures = ["wrong-bytes", "absent", "unreachable", "leave", "refused"] as const;

Deno.test("planFetch accepts or gives up every chunk once, whatever the seeders do", () => {
  const seeders = [a, b, c, id("d")];
  fc.assert(fc.property(
    fc.array(fc.subarray(seeders), { minLength: 1, maxLength: 12 }),
    fc.infiniteStream(fc.nat(1_000)),
    (chunks, dice) => {
      const roll = (most: number) => (dice.next().value ?? 0) % most;
      let state = emptyFetchState, nowMs = 0;
      const flying: { index: number; seederId: SeederId }[] = [];
      const locating: number[] = [];
      const ended = new Map<number, string>();
      const outOfRound = new Set<string>(), wrong = new Set<string>();
      const send = (event: FetchEvent) => {
        const step = planFetch(state, event, settings);
        state = step.state;
        for (const request of step.requests) {
          const { index } = request;
          if (request.kind === "get") {
            const key = `${index} ${request.seederId}`;
            assert.ok(!wrong.has(key), "asked again after wrong bytes");
            assert.ok(!outOfRound.has(key), "asked again within the round");
            assert.ok(!flying.some((one) => `${one.index} ${one.seederId}` === key), "asked twice");
            flying.push({ index, seederId: request.seederId });
          } else if (request.kind === "cancel") {
            remove(flying, (one) => one.index === index && one.seederId === request.seederId);
          } else if (request.kind === "locate") locating.push(index);
          else if (request.kind !== "report") {
            assert.ok(!ended.has(index), "ended twice");
            ended.set(index, request.kind);
          }
        }
        const perSeeder = Map.groupBy(flying, (one) => one.seederId);
        for (const some of perSeeder.values()) assert.ok(some.length <= settings.chunksPerSeeder);
      };
      chunks.forEach((holders, index) => {
        send({ kind: "wanted", index, sizeBytes: 1 + roll(1_000), holders, nowMs });
      });
      let steps = 0;
      while (ended.size < chunks.length) {
        assert.ok(++steps < 5_000, "it does not end");
        nowMs += roll(400);
        if (roll(4) === 0) send({ kind: "tick", nowMs });
        else if (locating.length > 0 && (flying.length === 0 || roll(2) === 0)) {
          const index = locating.shift() ?? 0;
          for (const key of [...outOfRound]) {
            if (key.startsWith(`${index} `)) outOfRound.delete(key);
          }
          send({ kind: "located", index, holders: seeders.filter(() => roll(2) === 0), nowMs });
        } else {
          const [one] = flying.splice(roll(Math.max(1, flying.length)), 1);
          if (one === undefined) continue;
          const why = failures[roll(9)];
          if (why === undefined) send({ kind: "arrived", ...one, nowMs });
          else {
            outOfRound.add(`${one.index} ${one.seederId}`);
            if (why === "wrong-bytes") wrong.add(`${one.index} ${one.seederId}`);
            send({ kind: "failed", ...one, why, nowMs });
          }
        }
      }
      assert.equal(flying.length, 0);
      assert.equal(state.chunks.size, 0);
      for (const record of state.seeders.values()) {
        assert.deepEqual([record.chunks, record.bytes], [0, 0], "load is given back");
      }
    },
  ));
});

function remove<T>(items: T[], which: (item: T) => boolean): void {
  const i = items.findIndex(which);
  if (i >= 0) items.splice(i, 1);
}
