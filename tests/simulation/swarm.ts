/**
 * A storm for every seed: draws a cluster, a workload and troubles from the seed, lets them loose
 * on the real roles (safety), then mends everything and demands that all comes to a good end
 * (liveness): nothing lost, nothing half-seen, no copy given up that was needed, a catalog that
 * tells the truth, rest, and nothing left lying about. The same seed tells the same story.
 *
 * `deno task sim --seed N --runs N` runs seeds and prints a line for each that fails; one seed
 * alone tells its whole story with `--trace`.
 */
import { limits } from "../../protocol/mod.ts";
import { randomInt, seededRandom, shuffled } from "../../roles/kit/random.ts";
import { Actor } from "./people/actor.ts";
import { offered, unlooked, untouched } from "./checkers/adopted_checks.ts";
import { Belief } from "./people/belief.ts";
import { noMoreVersions, nothingHalfSeen, nothingLost, versionsKept } from "./checkers/checkers.ts";
import { leftovers } from "./checkers/cleans.ts";
import { Cluster, stateOf, type Wrappers } from "./machine/cluster.ts";
import { chunksOf } from "./people/contents.ts";
import { watchDrops } from "./checkers/never_below.ts";
import { People } from "./people/people.ts";
import { Liars } from "./troubles/liar.ts";
import { Orders, unsettled } from "./checkers/settles.ts";
import { type TroubleKind, troubleKinds, Troubles } from "./troubles/troubles.ts";
import { catalogTellsTheTruth } from "./checkers/truth.ts";

export interface SwarmOptions {
  readonly seed: number;
  readonly seeders: number;
  readonly clients: number;
  readonly copies: number;
  readonly engine: "memory" | "sqlite";
  /** Transactions of the tracker take their time, are aborted and run again. */
  readonly restless?: boolean;
  readonly stepsPerClient: number;
  readonly bytesMost: number;
  readonly troubles: readonly TroubleKind[];
  readonly pauseMs: number;
  /** Snapshots after a few operations, so that logs are cut to what comes after them. */
  readonly snapshots?: boolean;
  /** Seeders join with files of people, who change them behind the seeders' backs. */
  readonly adopted?: boolean;
  /** Directories get policies of their own, with these numbers of copies. */
  readonly policyCopies?: readonly number[];
  /** So many seeders join that claim all chunks and have none. */
  readonly liars?: number;
  /** Trash and earlier versions have little room: what fits stays, and the rest is told. */
  readonly tight?: boolean;
  /** At the end every machine loses its power once. */
  readonly lastPowerCut: boolean;
  /** And the tracker's disk is lost once more. */
  readonly lastRebuild?: boolean;
  /** Two seeders lose their disks at once, which no promise covers. */
  readonly reckless?: boolean;
}

export interface SwarmResult {
  readonly options: SwarmOptions;
  readonly failures: readonly string[];
  readonly trace: readonly string[];
  readonly traceHash: string;
  /** Files the clients were told are safe. */
  readonly acknowledged: number;
  /** Copies given up on disks. */
  readonly drops: number;
  /** How long the world took to come to rest, of its own time. */
  readonly settledMs: number;
}

export function drawOptions(seed: number): SwarmOptions {
  const random = seededRandom(seed ^ 0x5eed);
  const seeders = randomInt(random, 3, 4);
  const copies = random.unit() < 0.85 ? 2 : randomInt(random, 1, 3);
  // With one copy nothing may be destroyed; each seed has its own few kinds of trouble.
  const kinds: TroubleKind[] = shuffled(random, troubleKinds).filter((kind) =>
    kind !== "victim" || copies > 1
  )
    .slice(0, randomInt(random, 0, 7));
  // Drawn apart, so that a new kind of seed leaves the others as they were.
  const more = seededRandom(seed ^ 0x304e);
  const snapshots = more.unit() < 0.2;
  const adopted = more.unit() < 0.25;
  for (const kind of ["rebuild", "away"] as const) {
    if (snapshots && more.unit() < 0.6 && !kinds.includes(kind)) kinds.push(kind);
  }
  // With one copy, or files of people, the brake may stay: tests/README.md names the seed.
  const whole = copies > 1 && !adopted;
  if (whole && seededRandom(seed ^ 0xd15c).unit() < 0.15) kinds.push("vanish");
  // As often as two others.
  if (adopted) kinds.push("hand", "hand");
  if (seededRandom(seed ^ 0x1b05).unit() < 0.15) kinds.push("impostor");
  const rebuilt = kinds.includes("rebuild");
  const lying = seededRandom(seed ^ 0x11a4);
  // Not where the tracker's disk is lost: who is a liar is known to that tracker only.
  const alone = !rebuilt && kinds.every((kind) => kind === "impostor");
  const liars = alone && lying.unit() < 0.5 ? randomInt(lying, 1, 2) : 0;
  const restless = seededRandom(seed ^ 0xab07).unit() < 0.3 && seed % 4 !== 0;
  // Who looks at an adopted name is not told what became of the version before.
  const tightly = seededRandom(seed ^ 0x7195);
  const tight = tightly.unit() < 0.3 && !adopted;
  return {
    seed,
    seeders,
    clients: 2,
    copies,
    engine: seed % 4 === 0 ? "sqlite" : "memory",
    ...restless ? { restless } : {},
    stepsPerClient: randomInt(random, 2, 5),
    bytesMost: 2 ** randomInt(random, 10, random.unit() < 0.3 ? 21 : 16),
    // With as many copies as seeders a lost one stops acknowledgements until it is forgotten.
    troubles: kinds.filter((kind) =>
      !rebuilt || copies < seeders || (kind !== "victim" && kind !== "forget")
    ),
    pauseMs: 2 ** randomInt(random, 6, 11),
    lastPowerCut: random.unit() < 0.5,
    ...rebuilt ? { lastRebuild: more.unit() < 0.5 } : {},
    // Many small operations: logs are cut while a seeder is away.
    ...snapshots ? { snapshots, stepsPerClient: randomInt(more, 6, 14), bytesMost: 2 ** 13 } : {},
    ...adopted ? { adopted } : {},
    ...liars > 0 ? { liars } : {},
    ...tight ? { tight, stepsPerClient: randomInt(tightly, 6, 14), bytesMost: 2 ** 11 } : {},
    // Of what has one copy nothing may be destroyed.
    ...more.unit() < 0.3 ? { policyCopies: kinds.includes("victim") ? [2, 3] : [1, 2, 3] } : {},
  };
}

/** What there is for the trash, and for earlier versions, where both are tight: some files. */
const roomBytes = 2 ** 12;
const diskBytes = 2 ** 33;
const snapshotsOften = { everyOperations: 3, everyMs: 5_000, share: 0, keepOperations: 0 };
/** How long everything may take to come to a good end once the troubles are over. */
const settleMs = 10 * 60_000;
/** Longer than leases, graces, and the pause between two looks for a better balance. */
const ageMs = limits.garbageGraceMs + 60_000;
/** Rest means that nothing is ordered for so long: longer than between two looks for garbage. */
const quietMs = 12_000;
/** First what is under way ends, then what the uploads left is seen. */
const firstLooksMs = [6_000, 4_000];
/** So often the tracker may sleep until all is at rest. */
const agesMost = 8;
/** It sleeps after so many looks also while something is ordered. */
const looksMost = 4;

export async function runSeed(seed: number, wrappers: Wrappers = {}): Promise<SwarmResult> {
  return await runOptions(drawOptions(seed), wrappers);
}

export async function runOptions(
  options: SwarmOptions,
  wrappers: Wrappers = {},
): Promise<SwarmResult> {
  const logSync = options.troubles.includes("rebuild") ? "seeders" : "auto";
  const snapshots = options.snapshots === true ? { snapshots: snapshotsOften } : {};
  const { seed, seeders, clients, copies, engine, restless } = options;
  const cluster = new Cluster({
    ...{ seed, seeders, clients, copies, engine, logSync, wrappers },
    ...snapshots,
    ...restless === undefined ? {} : { restless },
    ...options.tight === true ? { share: roomBytes * copies / (seeders * diskBytes) } : {},
  });
  const { world } = cluster;
  const belief = new Belief(copies);
  const troubles = new Troubles(cluster, world.random, options.troubles, options.pauseMs);
  const people = options.adopted === true
    ? peopleOf(cluster, belief, troubles, options)
    : undefined;
  troubles.caretaker.copiesMost = Math.max(copies, ...options.policyCopies ?? []);
  const drops = watchDrops(cluster, {
    takenLately: (chunkId) => people?.takenLately(chunkId) ?? 0,
    destroyedMs: () => troubles.destroyedMs,
    victim: cluster.seeders[0],
    isAtRisk: (chunkId) =>
      [...belief.atRisk].some((content) =>
        chunksOf(content).some((chunk) => chunk.chunkId === chunkId)
      ),
  }, (problem) => world.fail(`below: ${problem}`));
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    world.fail(`unhandled rejection: ${event.reason?.stack ?? event.reason}`);
  };
  globalThis.addEventListener("unhandledrejection", onUnhandled);
  let settledMs = NaN;
  try {
    const liars = new Liars(cluster);
    const run = { cluster, belief, troubles, people, liars, options };
    const actors = await storm(run);
    settledMs = await end(run, actors);
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
    drops: drops(),
    settledMs,
  };
}

/** One seed while it runs. */
interface Run {
  readonly cluster: Cluster;
  readonly belief: Belief;
  readonly troubles: Troubles;
  readonly people: People | undefined;
  readonly liars: Liars;
  readonly options: SwarmOptions;
}

/** People leave their files before the seeders start, and their hands are one of the troubles. */
function peopleOf(
  cluster: Cluster,
  belief: Belief,
  troubles: Troubles,
  options: SwarmOptions,
): People {
  const people = new People(cluster, seededRandom(options.seed ^ 0xa0d), belief, {
    victim: options.troubles.includes("victim") ? cluster.seeders[0] : undefined,
    destroyedMs: () => troubles.destroyedMs,
  });
  for (const machine of cluster.seeders.slice(1)) people.furnish(machine);
  cluster.onBought = (machine) => people.furnish(machine);
  cluster.onDiskReplaced = (machine) => void people.replaced(machine);
  troubles.hand = (machine) => people.act(machine);
  troubles.caretaker.lossAllowed = () => people.chunksMayBeLost().size;
  return people;
}

async function storm(run: Run): Promise<Actor[]> {
  const { cluster, belief, troubles, people, liars, options } = run;
  const { world } = cluster;
  const { timeline } = world;
  await cluster.begin();
  for (let i = 0; i < (options.liars ?? 0); i++) liars.join();
  const { policyCopies } = options;
  const policies = policyCopies === undefined ? undefined : { copies: policyCopies };
  const actors = cluster.clients.map((client, i) => {
    const random = seededRandom(options.seed * 10 + i);
    return new Actor(cluster, client, belief, random, options.bytesMost, { policies, people });
  });
  const onGivenUp = world.onGivenUp;
  world.onGivenUp = (machine) => timeline.after(1000, () => machine.start());
  let living = actors.length;
  const lives = actors.map((actor) => actor.live(options.stepsPerClient).finally(() => living--));
  const startedMs = timeline.elapsedMs;
  await timeline.run(troubles.run(() => living === 0 || timeline.elapsedMs - startedMs > 30_000));
  troubles.calm();
  await timeline.run(Promise.all(lives), settleMs);
  world.onGivenUp = onGivenUp;
  return actors;
}

/** The good end, looked at from all sides. How long it took to come to rest. */
async function end(run: Run, [actor]: readonly Actor[]): Promise<number> {
  const { cluster, belief, troubles, people, options } = run;
  const { world } = cluster;
  const { timeline } = world;
  await fair(cluster);
  for (const name of await run.liars.putOut()) world.fail(`${name} is said to lie, and does not`);
  if (actor !== undefined) await uploadsWork(cluster, actor);
  if (options.reckless === true) beReckless(cluster);
  if (options.lastPowerCut) {
    for (const machine of world.machines) machine.cutPower();
    await timeline.pass(100);
    for (const machine of world.machines) machine.start();
    await fair(cluster);
  }
  if (options.lastRebuild === true && cluster.loseTrackerDisk()) {
    cluster.tracker.start();
    await fair(cluster);
  }
  if (people !== undefined) await lookAtFiles(cluster, people, options.lastPowerCut);
  await troubles.caretaker.putRight();
  if (troubles.destroyedMs !== undefined) await troubles.caretaker.scrub();
  const settledMs = await rest(cluster, people);
  await look(run, options.lastPowerCut ? "after the power cut" : "in the end");
  const failing = options.troubles.some((kind) => kind === "failingDisk" || kind === "fullDisk");
  for (const problem of await leftovers(cluster, failing && !options.lastPowerCut)) {
    world.fail(`unclean: ${problem}`);
  }
  for (const seeder of cluster.seeders) seeder.kill();
  for (const problem of await timeline.run(nothingLost(cluster, belief, options.copies, people))) {
    world.fail(`lost: ${problem}`);
  }
  for (const problem of await timeline.run(catalogTellsTheTruth(cluster))) {
    world.fail(`untrue: ${problem}`);
  }
  return settledMs;
}

/** Every machine runs, and the tracker knows the space on every disk. */
async function fair(cluster: Cluster): Promise<void> {
  const { world } = cluster;
  const ready = await world.until(() => world.machines.every((one) => one.ready), settleMs);
  if (!ready) world.fail("not every machine came back");
  // What went wrong last is told with the next heartbeat, and may take its time to mend.
  await world.timeline.pass(2 * limits.heartbeatIntervalMs);
  if (!await cluster.allGreen(60_000)) world.fail("the seeders did not become green again");
  await world.timeline.pass(2 * limits.heartbeatIntervalMs);
}

/** Seeders look again at a start only, or after ten minutes: every one starts again. */
async function lookAtFiles(cluster: Cluster, people: People, started: boolean): Promise<void> {
  const { world } = cluster;
  if (!await world.until(() => people.idle, 60_000)) world.fail("a hand never came to an end");
  for (const machine of started ? [] : cluster.seeders) {
    machine.kill();
    machine.start();
  }
  await fair(cluster);
  const [client] = cluster.clients;
  let problems: string[] = [];
  for (let round = 0; client !== undefined && round < 60; round++) {
    problems = await world.timeline.run(unlooked(client, people), settleMs);
    if (problems.length === 0) return;
    await world.timeline.pass(2_000);
  }
  world.fail(`not every file was looked at and told: ${problems}`);
}

/**
 * Waits until all is at rest and stays so. Instead of waiting for graces to end, the tracker sleeps
 * for so long whenever nothing happens, and uploads are given up: first for these to be gone, then
 * for what they leave, and for what is tried again only then.
 */
async function rest(cluster: Cluster, people: People | undefined): Promise<number> {
  const { world } = cluster;
  const { timeline } = world;
  const orders = new Orders(cluster);
  const beganMs = timeline.elapsedMs;
  for (let ages = 0, looks = 1;; looks++) {
    const before = orders.carriedOut;
    await timeline.pass(firstLooksMs[ages] ?? quietMs);
    const problems = await timeline.run(unsettled(cluster, people));
    const ordered = orders.carriedOut - before;
    const calm = ordered === 0 && problems.length === 0 && ages >= 2;
    const clean = calm && (await leftovers(cluster, true)).length === 0;
    if (clean || (calm && ages === agesMost)) return timeline.elapsedMs - beganMs;
    if (timeline.elapsedMs - beganMs > settleMs || (ordered === 0 && ages === agesMost)) {
      world.fail(`unsettled: ${[...problems, `${ordered} orders at last`].join(", ")}`);
      return timeline.elapsedMs - beganMs;
    }
    if (ordered > 0 && looks < looksMost) continue;
    ages++;
    looks = 0;
    world.tell("the tracker sleeps");
    cluster.tracker.clock.skewMs += ageMs;
    // Leases do not age while it sleeps.
    await timeline.run(cluster.giveUpUploads());
  }
}

async function look({ cluster, belief, people }: Run, when: string): Promise<void> {
  const { world } = cluster;
  for (const client of cluster.clients.slice(0, 1)) {
    const problems = await world.timeline.run(nothingHalfSeen(client, belief, people), settleMs);
    problems.push(...await world.timeline.run(versionsKept(client, belief), settleMs));
    problems.push(...await world.timeline.run(noMoreVersions(client, belief), settleMs));
    if (people !== undefined) {
      problems.push(...untouched(cluster, people));
      problems.push(...await world.timeline.run(offered(cluster, client, people), settleMs));
    }
    for (const problem of problems) world.fail(`${when}: ${problem}`);
  }
}

/** All chunks on two of the disks are gone at once. */
function beReckless(cluster: Cluster): void {
  for (const seeder of cluster.seeders.slice(0, 2)) {
    seeder.cutPower();
    for (const { path } of seeder.disk.files(stateOf.seeder)) {
      if (/\/(packs|chunks)\//.test(path)) seeder.disk.uproot(path);
    }
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
    `  again: deno task sim --seed ${options.seed} --trace`;
}
