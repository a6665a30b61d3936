/**
 * A storm for every seed: draws a cluster, a workload and troubles from the seed, lets them loose
 * on the real roles (safety), then mends everything and demands that all comes to a good end
 * (liveness). The same seed tells the same story.
 *
 * `deno run -A tests/simulation/swarm.ts --seed N --runs N` runs seeds and prints one line for each
 * that fails; one seed alone prints its whole story with `--trace`.
 */
import { parseArgs } from "node:util";
import { limits } from "../../protocol/mod.ts";
import { randomInt, seededRandom, shuffled } from "../../roles/kit/random.ts";
import { Actor } from "./actor.ts";
import { Belief } from "./belief.ts";
import { nothingHalfSeen, nothingLost, versionsKept } from "./checkers.ts";
import { Cluster, type Wrappers } from "./cluster.ts";
import { type TroubleKind, troubleKinds, Troubles } from "./troubles.ts";

export interface SwarmOptions {
  readonly seed: number;
  readonly seeders: number;
  readonly clients: number;
  readonly copies: number;
  readonly engine: "memory" | "sqlite";
  readonly stepsPerClient: number;
  readonly bytesMost: number;
  readonly troubles: readonly TroubleKind[];
  readonly pauseMs: number;
  /** At the end every machine loses its power once. */
  readonly lastPowerCut: boolean;
}

export interface SwarmResult {
  readonly options: SwarmOptions;
  readonly failures: readonly string[];
  readonly trace: readonly string[];
  readonly traceHash: string;
  /** Files the clients were told are safe. */
  readonly acknowledged: number;
}

export function drawOptions(seed: number): SwarmOptions {
  const random = seededRandom(seed ^ 0x5eed);
  const seeders = randomInt(random, 3, 4);
  const copies = random.unit() < 0.85 ? 2 : randomInt(random, 1, 3);
  // With one copy nothing may be destroyed; each seed has its own few kinds of trouble.
  const kinds = shuffled(random, troubleKinds).filter((kind) => kind !== "victim" || copies > 1);
  return {
    seed,
    seeders,
    clients: 2,
    copies,
    engine: seed % 4 === 0 ? "sqlite" : "memory",
    stepsPerClient: randomInt(random, 2, 5),
    bytesMost: 2 ** randomInt(random, 10, random.unit() < 0.3 ? 21 : 16),
    troubles: kinds.slice(0, randomInt(random, 0, 6)),
    pauseMs: 2 ** randomInt(random, 6, 11),
    lastPowerCut: random.unit() < 0.5,
  };
}

/** How long everything may take to come to a good end once the troubles are over. */
const settleMs = 10 * 60_000;

export async function runSeed(seed: number, wrappers: Wrappers = {}): Promise<SwarmResult> {
  return await runOptions(drawOptions(seed), wrappers);
}

export async function runOptions(
  options: SwarmOptions,
  wrappers: Wrappers = {},
): Promise<SwarmResult> {
  const cluster = new Cluster({ ...options, wrappers });
  const { world } = cluster;
  const belief = new Belief();
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    world.fail(`unhandled rejection: ${event.reason?.stack ?? event.reason}`);
  };
  globalThis.addEventListener("unhandledrejection", onUnhandled);
  try {
    await storm(cluster, belief, options);
  } catch (error) {
    world.fail(error instanceof Error ? error.stack ?? error.message : String(error));
  } finally {
    for (const machine of world.machines) machine.kill();
    globalThis.removeEventListener("unhandledrejection", onUnhandled);
  }
  return {
    options,
    failures: world.failures,
    trace: world.trace,
    traceHash: world.traceHash(),
    acknowledged: belief.acknowledgements,
  };
}

async function storm(cluster: Cluster, belief: Belief, options: SwarmOptions): Promise<void> {
  const { world } = cluster;
  const { timeline } = world;
  await cluster.begin();
  const actors = cluster.clients.map((client, i) =>
    new Actor(cluster, client, belief, seededRandom(options.seed * 10 + i), options.bytesMost)
  );
  const troubles = new Troubles(cluster, world.random, options.troubles, options.pauseMs);
  const onGivenUp = world.onGivenUp;
  world.onGivenUp = (machine) => timeline.after(1000, () => machine.start());

  let living = actors.length;
  const lives = actors.map((actor) => actor.live(options.stepsPerClient).finally(() => living--));
  const startedMs = timeline.elapsedMs;
  await timeline.run(troubles.run(() => living === 0 || timeline.elapsedMs - startedMs > 30_000));
  troubles.calm();
  await timeline.run(Promise.all(lives), settleMs);
  world.onGivenUp = onGivenUp;

  await settled(cluster);
  const [actor] = actors;
  if (actor !== undefined) await uploadsWork(cluster, actor);
  if (options.lastPowerCut) {
    for (const machine of world.machines) machine.cutPower();
    await timeline.pass(100);
    for (const machine of world.machines) machine.start();
    await settled(cluster);
  }
  await look(cluster, belief, options.lastPowerCut ? "after the power cut" : "in the end");
  for (const seeder of cluster.seeders) seeder.kill();
  const copies = troubles.destroyed > 0 ? 1 : options.copies;
  for (const problem of await timeline.run(nothingLost(cluster, belief, copies))) {
    world.fail(`lost: ${problem}`);
  }
}

async function settled(cluster: Cluster): Promise<void> {
  const { world } = cluster;
  const ready = await world.until(() => world.machines.every((one) => one.ready), settleMs);
  if (!ready) world.fail("not every machine came back");
  // What went wrong last is told with the next heartbeat, and may take its time to mend.
  await world.timeline.pass(2 * limits.heartbeatIntervalMs);
  if (!await cluster.allGreen(60_000)) world.fail("the seeders did not become green again");
  // Two heartbeats more, and the tracker knows the space on every disk.
  await world.timeline.pass(2 * limits.heartbeatIntervalMs);
}

async function look(cluster: Cluster, belief: Belief, when: string): Promise<void> {
  const { world } = cluster;
  for (const client of cluster.clients.slice(0, 1)) {
    const problems = await world.timeline.run(nothingHalfSeen(client, belief), settleMs);
    problems.push(...await world.timeline.run(versionsKept(client, belief), settleMs));
    for (const problem of problems) world.fail(`${when}: ${problem}`);
  }
}

/** In fair weather everything is taken, at once and in full copies. */
async function uploadsWork(cluster: Cluster, actor: Actor): Promise<void> {
  const { world } = cluster;
  const wanted = actor.someFiles(2);
  const results = await world.timeline.run(actor.upload(wanted), settleMs);
  for (const path of wanted.keys()) {
    const result = results.get(path);
    if (result === undefined) world.fail(`${path} was never reported`);
    else if (result.fault !== undefined) {
      world.fail(`${path} failed in fair weather: ${result.fault.code}: ${result.fault.message}`);
    }
  }
}

/** What to say about a seed that failed. */
export function worded(result: SwarmResult): string {
  const { options, failures } = result;
  return `seed ${options.seed} failed: ${failures.join("; ")}\n  ${JSON.stringify(options)}\n` +
    `  again: deno run -A tests/simulation/swarm.ts --seed ${options.seed} --trace`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      runs: { type: "string", default: "1" },
      trace: { type: "boolean", default: false },
    },
  });
  const first = Number(values.seed), runs = Number(values.runs);
  let failed = 0;
  for (let seed = first; seed < first + runs; seed++) {
    const result = await runSeed(seed);
    if (values.trace) console.log(result.trace.join("\n"));
    if (result.failures.length === 0) continue;
    failed++;
    console.log(worded(result));
  }
  console.log(`${runs - failed} seeds passed, ${failed} failed`);
  if (failed > 0) Deno.exit(1);
}
