/**
 * Faults, each played once on a cluster under load and taken back: what dies, freezes, is cut off,
 * hears only one way, loses packets or vanishes. A round ends when the load has got on again; what
 * it measured it prints. The tests play chosen rounds, the soak draws them.
 */
import { until } from "../cluster/cluster.ts";
import { seconds, type Stage } from "./stage.ts";

/** A fault lasts this long where nothing shows that it has taken hold: until yellow and more. */
const holdMs = 3_500;

function hold(ms = holdMs): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const since = (startMs: number) => performance.now() - startMs;

/** Until the tracker calls it red. */
async function detect(stage: Stage, seeder: string, how: string, fromMs: number): Promise<void> {
  await stage.cluster.untilState(seeder, "red");
  stage.figure(`${how} to red`, seconds(since(fromMs)));
}

async function recovers(stage: Stage, what: string, operations = 20): Promise<void> {
  const startMs = performance.now();
  await stage.load.progress(operations);
  stage.figure(
    `${what}: ${operations} operations acknowledged`,
    `${seconds(since(startMs))} after`,
  );
}

export async function killSeeder(stage: Stage, name: string): Promise<void> {
  const fromMs = performance.now();
  await stage.cluster.end(name);
  await Promise.all([
    detect(stage, name, "kill -9", fromMs),
    recovers(stage, "seeder killed"),
  ]);
  await stage.cluster.startRole(name);
  await stage.cluster.untilWell();
}

export async function killTracker(stage: Stage): Promise<void> {
  await stage.cluster.end("tracker");
  await stage.cluster.startRole("tracker");
  await recovers(stage, "tracker killed and started");
}

export async function killClient(stage: Stage): Promise<void> {
  await stage.cluster.client.kill();
  await stage.cluster.client.start();
  await recovers(stage, "client killed and started");
}

/** Tracker, seeders and client at one moment; they come back in any order. */
export async function killAll(stage: Stage): Promise<void> {
  const { cluster } = stage;
  const names = ["tracker", ...cluster.seeders];
  await Promise.all([cluster.client.kill(), ...names.map((name) => cluster.end(name))]);
  await Promise.all([cluster.client.start(), ...names.map((name) => cluster.startRole(name))]);
  await recovers(stage, "all killed and started");
  await cluster.untilWell();
}

/** Emptied as if it were to be switched off, and then kept after all. */
export async function drainAndKeep(stage: Stage, name: string): Promise<void> {
  const { cluster } = stage;
  const startMs = performance.now();
  await cluster.operator.ok("drain", name);
  await until("nothing on it is not elsewhere twice", async () => {
    const { healing: { drains } } = await cluster.status();
    return drains.some(({ chunksLeft, chunksUnproved }) => chunksLeft + chunksUnproved === 0);
  }, 240_000);
  stage.figure("drained under load", seconds(since(startMs)));
  await cluster.operator.ok("drain", name, "--cancel");
  await recovers(stage, "drain cancelled");
}

export async function freezeSeeder(stage: Stage, name: string): Promise<void> {
  const fromMs = performance.now();
  stage.cluster.signal(name, "SIGSTOP");
  await Promise.all([
    detect(stage, name, "SIGSTOP", fromMs),
    recovers(stage, "seeder frozen"),
  ]);
  stage.cluster.signal(name, "SIGCONT");
  await stage.cluster.untilWell();
}

export async function freezeTracker(stage: Stage): Promise<void> {
  stage.cluster.signal("tracker", "SIGSTOP");
  await hold();
  stage.cluster.signal("tracker", "SIGCONT");
  await recovers(stage, "tracker frozen and thawed");
}

export async function freezeClient(stage: Stage): Promise<void> {
  stage.cluster.client.signal("SIGSTOP");
  await hold();
  stage.cluster.client.signal("SIGCONT");
  await recovers(stage, "client frozen and thawed");
}

export async function cutSeeder(stage: Stage, name: string): Promise<void> {
  const fromMs = performance.now();
  await stage.cluster.lab.cut(name);
  await Promise.all([
    detect(stage, name, "cable pulled", fromMs),
    recovers(stage, "seeder cut off"),
  ]);
  await stage.cluster.lab.mend(name);
  await stage.cluster.untilWell();
}

/** The tracker, or the client. */
export async function cutHost(stage: Stage, name: string): Promise<void> {
  await stage.cluster.lab.cut(name);
  await hold();
  await stage.cluster.lab.mend(name);
  await recovers(stage, `${name} cut off and mended`);
}

export async function oneWay(stage: Stage, from: string, to: string): Promise<void> {
  await stage.cluster.lab.block(from, to);
  await hold();
  await recovers(stage, `nothing passes from ${kindOf(from)} to ${kindOf(to)}`);
  await stage.cluster.lab.clear(to);
  await stage.cluster.untilWell();
}

export async function lossy(stage: Stage, name: string, share = 0.3): Promise<void> {
  await stage.cluster.lab.lose(name, share);
  await hold();
  await recovers(stage, `${share * 100} % of packets lost at ${kindOf(name)}`, 5);
  await stage.cluster.lab.clear(name);
  await stage.cluster.untilWell();
}

/** Everything to and from it takes so much longer, each way. */
export async function far(stage: Stage, name: string, delayMs = 150): Promise<void> {
  const { cluster } = stage;
  await cluster.end(name, "SIGTERM");
  const proxy = await cluster.startFar(name, delayMs);
  await hold();
  await recovers(stage, `${kindOf(name)} ${2 * delayMs} ms away`);
  await cluster.end(name, "SIGTERM");
  await proxy.end("SIGKILL");
  await cluster.startRole(name);
  await cluster.untilWell();
}

/** Without a word: the cable first, then the process. It comes back as it was, or empty. */
export async function vanish(stage: Stage, name: string, empty: boolean): Promise<void> {
  const { cluster } = stage;
  const fromMs = performance.now();
  await cluster.lab.cut(name);
  await cluster.end(name);
  await Promise.all([
    detect(stage, name, "host vanished", fromMs),
    recovers(stage, "host vanished"),
  ]);
  if (empty) await cluster.lab.run(["rm", "-rf", `${cluster.diskOf(name)}/.offshore`]);
  await cluster.lab.mend(name);
  await cluster.startRole(name);
  await cluster.untilWell();
  if (!empty) return;
  // It has another identity now. The old one will not come back, and what it held is lost.
  const ghosts = (await cluster.status()).seeders.filter((seeder) =>
    seeder.name === name && seeder.state === "red"
  );
  for (const { seederId } of ghosts) await cluster.operator.ok("forget", `@${seederId}`);
  await cluster.operator.ok("confirm-loss");
}

function kindOf(name: string): string {
  return name.replace(/-\d+$/, "");
}
