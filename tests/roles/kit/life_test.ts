/** Slow work is waited for as long as the peer answers questions, and no longer. */
import assert from "node:assert/strict";
import { Fault, limits } from "../../../protocol/mod.ts";
import { whileAlive } from "../../../roles/kit/life.ts";
import { SimClock, Timeline } from "../../simulation/machine/sim_clock.ts";

/** The longest time in which somebody silent is given up. */
const givenUpMs = limits.lifeQuestionsMax * (limits.lifeQuietMs + limits.lifeAnswerMs);

/** Never answers, but lets go when told to. */
function silent(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

function world(ask: (nth: number, signal: AbortSignal) => Promise<unknown>) {
  const timeline = new Timeline();
  const clock = new SimClock(timeline);
  let asked = 0;
  const parts = { clock, name: "s1", ask: (signal: AbortSignal) => ask(asked++, signal) };
  return { timeline, clock, parts, asked: () => asked };
}

Deno.test("whileAlive waits for slow work at a peer that answers", async () => {
  const { timeline, clock, parts, asked } = world(() => Promise.resolve());
  const work = () => clock.sleep(100_000).then(() => "done");
  assert.equal(await timeline.run(whileAlive(parts, work)), "done");
  assert(asked() > 50);
});

Deno.test("whileAlive takes a refusal for a sign of life", async () => {
  const { timeline, clock, parts } = world(() => Promise.reject(new Fault("unavailable", "busy")));
  const work = () => clock.sleep(20_000).then(() => "done");
  assert.equal(await timeline.run(whileAlive(parts, work)), "done");
});

for (
  const [how, ask] of [
    ["is silent", (_: number, signal: AbortSignal) => silent(signal)],
    ["is unreachable", () => Promise.reject(new Fault("tracker-unreachable", "no route"))],
  ] as const
) {
  Deno.test(`whileAlive gives up a peer that ${how}`, async () => {
    const { timeline, parts } = world(ask);
    let heeded = false;
    const work = (signal: AbortSignal) => silent(signal).finally(() => heeded = true);
    await assert.rejects(timeline.run(whileAlive(parts, work)), { code: "seeder-unreachable" });
    assert(timeline.elapsedMs <= givenUpMs, `${timeline.elapsedMs} ms`);
    assert(heeded, "the work was told");
  });
}

Deno.test("whileAlive forgives single questions that get lost", async () => {
  const { timeline, clock, parts } = world((nth, signal) =>
    nth % limits.lifeQuestionsMax === 0 ? silent(signal) : Promise.resolve()
  );
  const work = () => clock.sleep(60_000).then(() => "done");
  assert.equal(await timeline.run(whileAlive(parts, work)), "done");
});

Deno.test("whileAlive asks nobody when the work is quick, and ends with the caller's signal", async () => {
  const { timeline, parts, asked } = world(() => Promise.resolve());
  assert.equal(await timeline.run(whileAlive(parts, () => Promise.resolve(7))), 7);
  assert.equal(asked(), 0);
  const stop = new AbortController();
  const working = whileAlive({ ...parts, signal: stop.signal }, silent);
  stop.abort(new Fault("interrupted", "enough"));
  await assert.rejects(working, { code: "interrupted" });
});
