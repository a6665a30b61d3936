/** The scrub's schedule, run over weeks of made-up time: nothing stays unread, whatever happens. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ChunkId, chunkIdOf, limits, shelfOf } from "../../../../protocol/mod.ts";
import {
  beforeShelf,
  nextStep,
  paceOf,
  type ScrubFacts,
  type ScrubState,
  shelvesDone,
  withoutFuture,
} from "../../../../roles/seeder/plan/scrub.ts";

const hourMs = 60 * 60_000;
const dayMs = 24 * hourMs;
const startMs = 1_000 * dayMs;
const all = (ms: number) => new Array<number>(limits.scrubShelfCount).fill(ms);
const chunk = (number: number) => chunkIdOf(new TextEncoder().encode(`chunk ${number}`));
const chunkBytes = 4 * 2 ** 20;

interface Trace {
  /** When each chunk was read. */
  readonly read: Map<ChunkId, number[]>;
  state: ScrubState;
  steps: number;
}

interface Life {
  /** Chunks there at this time. */
  readonly chunks: (nowMs: number) => readonly ChunkId[];
  /** Until when there are transfers without a pause; undefined when there are none now. */
  readonly busyUntil?: (nowMs: number) => number | undefined;
  /** Switched off from, to: what was not kept is lost, as `scrub.ts` keeps it. */
  readonly off?: readonly [number, number];
}

/** Does what the plan says from `fromMs` to `untilMs`. */
function live(state: ScrubState, life: Life, fromMs: number, untilMs: number): Trace {
  const trace: Trace = { read: new Map(), state, steps: 0 };
  let last: ScrubFacts["last"];
  let wasOff = false;
  for (let nowMs = fromMs; nowMs < untilMs; trace.steps++) {
    assert(trace.steps < 200_000, "it rests in between");
    if (life.off !== undefined && !wasOff && nowMs >= life.off[0]) {
      wasOff = true;
      nowMs = Math.max(nowMs, life.off[1]);
      last = undefined;
      continue;
    }
    const here = life.chunks(nowMs).toSorted();
    const busyUntilMs = life.busyUntil?.(nowMs);
    const facts = { nowMs, storeBytes: here.length * chunkBytes, busy: busyUntilMs !== undefined };
    const step = nextStep(trace.state, { ...facts, ...(last === undefined ? {} : { last }) });
    if (step.kind === "rest") {
      assert(step.ms > 0, "a rest takes time");
      nowMs = step.yielding && busyUntilMs !== undefined
        ? Math.max(nowMs + step.ms, Math.min(busyUntilMs, nowMs + hourMs))
        : nowMs + step.ms;
      continue;
    }
    if (step.kind === "begin") {
      const current = { shelf: step.shelf, begunMs: nowMs, unreadable: 0 };
      trace.state = { ...trace.state, current };
      last = undefined;
      continue;
    }
    const after = step.after ?? beforeShelf(step.shelf) ?? "";
    const next = here.find((chunkId) => chunkId > after && shelfOf(chunkId) === step.shelf);
    const { current } = trace.state;
    assert(current !== undefined);
    if (next === undefined) {
      const passedMs = trace.state.passedMs.with(step.shelf, current.begunMs);
      trace.state = { passedMs, askedMs: trace.state.askedMs };
      continue;
    }
    trace.read.set(next, [...trace.read.get(next) ?? [], nowMs]);
    trace.state = { ...trace.state, current: { ...current, after: next } };
    nowMs += 40;
    last = { bytes: chunkBytes, tookMs: 40, endedMs: nowMs };
  }
  return trace;
}

/** The longest time a chunk that was there all along went unread. */
function longestUnread(trace: Trace, chunks: readonly ChunkId[], fromMs: number, untilMs: number) {
  return Math.max(
    0,
    ...chunks.map((chunkId) => {
      const times = [fromMs, ...trace.read.get(chunkId) ?? [], untilMs];
      return Math.max(...times.slice(1).map((ms, i) => ms - (times[i] ?? 0)));
    }),
  );
}

const many = Array.from({ length: 300 }, (_, i) => chunk(i));
const fresh: ScrubState = { passedMs: all(startMs), askedMs: 0 };

Deno.test("nextStep reads everything once in a round, spread over it", () => {
  const untilMs = startMs + 45 * dayMs;
  const trace = live(fresh, { chunks: () => many }, startMs, untilMs);
  assert(longestUnread(trace, many, startMs, untilMs) < 1.1 * limits.scrubRoundMs);
  const reads = [...trace.read.values()].flat().sort((a, b) => a - b);
  assert(reads.length < 4 * many.length, "and not much more often");
  const firstHalf = reads.filter((ms) => ms < startMs + limits.scrubRoundMs / 2).length;
  assert(firstHalf > 90 && firstHalf < 210, `${firstHalf} of 300 in the first half of the round`);
});

Deno.test("nextStep keeps the promise under any load, through a stop, with chunks coming and going", () => {
  const random = fc.record({
    /** Hours of transfers and of quiet in turn. */
    busyHours: fc.integer({ min: 0, max: 400 }),
    quietHours: fc.integer({ min: 0, max: 48 }),
    offDay: fc.integer({ min: 0, max: 30 }),
    offHours: fc.integer({ min: 0, max: 48 }),
    changing: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(random, ({ busyHours, quietHours, offDay, offHours, changing }) => {
      const steady = many.slice(0, 150);
      const others = many.slice(150);
      const cycleMs = (busyHours + quietHours) * hourMs;
      const life: Life = {
        chunks: (nowMs) => {
          const from = Math.floor(nowMs / hourMs) * changing % others.length;
          return [...steady, ...others.slice(from, from + changing)];
        },
        busyUntil: (nowMs) => {
          if (busyHours === 0) return undefined;
          const at = cycleMs === 0 ? 0 : nowMs % cycleMs;
          return at < busyHours * hourMs ? nowMs - at + busyHours * hourMs : undefined;
        },
        off: [startMs + offDay * dayMs, startMs + offDay * dayMs + offHours * hourMs],
      };
      const untilMs = startMs + 50 * dayMs;
      const trace = live(fresh, life, startMs, untilMs);
      const unreadMs = longestUnread(trace, steady, startMs, untilMs);
      assert(unreadMs < limits.scrubAgeMaxMs, `${unreadMs / dayMs} days`);
    }),
    { numRuns: 12 },
  );
});

Deno.test("nextStep goes on in the middle of a shelf", () => {
  const ofShelf = many.filter((one) => shelfOf(one) === shelfOf(many[0] ?? "")).toSorted();
  const shelf = shelfOf(many[0] ?? "");
  const current = { shelf, begunMs: startMs, after: ofShelf[0], unreadable: 0 };
  const step = nextStep({ ...fresh, current }, { nowMs: startMs, storeBytes: 1, busy: false });
  assert.deepEqual(step, { kind: "read", shelf, after: ofShelf[0] });
});

Deno.test("nextStep waits for transfers when it is on time, and shares the disk when asked", () => {
  const current = { shelf: 3, begunMs: startMs, unreadable: 0 };
  const facts = { nowMs: startMs, storeBytes: 2 ** 40, busy: true };
  const calm = nextStep({ ...fresh, current }, facts);
  assert(calm.kind === "rest" && calm.yielding);
  const asked = { ...fresh, current, askedMs: startMs + 1 };
  const last = { bytes: chunkBytes, tookMs: 40, endedMs: startMs };
  assert.deepEqual(nextStep(asked, { ...facts, last }), { kind: "rest", ms: 40, yielding: false });
  assert.equal(nextStep(asked, { ...facts, last, busy: false }).kind, "read");
});

Deno.test("what was asked for is done at once, also on an empty store, and then it rests", () => {
  const asked: ScrubState = { ...fresh, askedMs: startMs + 1 };
  for (const chunks of [many, []]) {
    const trace = live(asked, { chunks: () => chunks }, startMs + 2, startMs + hourMs);
    assert.equal(trace.read.size, chunks.length);
    assert.notEqual(paceOf(trace.state, startMs + hourMs), "asked");
    assert.equal(shelvesDone(trace.state, startMs + hourMs), limits.scrubShelfCount);
  }
});

Deno.test("paceOf hurries by age, and takes the unknown for late", () => {
  const at = (days: number, passedMs = all(startMs)) =>
    paceOf({ passedMs, askedMs: 0 }, startMs + days * dayMs);
  assert.deepEqual([1, 14, 18, 28].map((days) => at(days)), ["calm", "calm", "late", "overdue"]);
  assert.equal(at(0, all(startMs).with(7, 0)), "late");
});

Deno.test("withoutFuture forgets times of a clock that was ahead", () => {
  assert.deepEqual(withoutFuture([5, 1e6, 60_005], 5), [5, 0, 60_005]);
  const times = [1, 2];
  assert.equal(withoutFuture(times, 5), times);
});
