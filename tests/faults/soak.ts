/**
 * A long run of random faults under load: `deno task soak [--minutes N] [--seed N]`. Rounds and
 * their victims are drawn from the seed; every few minutes, and at the end, everything acknowledged
 * is compared byte for byte. Exits with 0 when nothing was lost, wrong or half visible, with 1 when
 * something was, and with 77 where no lab can be had.
 *
 * The same seed plays the same rounds; what the load does meanwhile depends on the machine.
 */
import { parseArgs } from "node:util";
import { seededRandom } from "../../roles/kit/random.ts";
import { labProblem } from "./lab.ts";
import { rotAndScrub } from "./rot.ts";
import {
  cutHost,
  cutSeeder,
  drainAndKeep,
  far,
  freezeClient,
  freezeSeeder,
  freezeTracker,
  killAll,
  killClient,
  killSeeder,
  killTracker,
  lossy,
  oneWay,
  vanish,
} from "./rounds.ts";
import { Stage } from "./stage.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
  },
});
const minutes = Number(values.minutes), seed = Number(values.seed);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error("usage: deno task soak [--minutes N] [--seed N]");
  Deno.exit(2);
}
const problem = await labProblem();
if (problem !== undefined) {
  console.error(`NOT TESTED, network namespaces: ${problem}`);
  Deno.exit(77);
}

/** Everything is compared this often. */
const checkEveryMs = 5 * 60_000;
const random = seededRandom(seed);

function draw<T>(from: readonly T[]): T {
  const drawn = from[Math.floor(random.unit() * from.length)];
  if (drawn === undefined) throw new Error("nothing to draw from");
  return drawn;
}

type Round = (stage: Stage, seeder: string, other: string) => Promise<unknown>;

const rounds: Readonly<Record<string, Round>> = {
  "kill -9 a seeder": killSeeder,
  "kill -9 the tracker": killTracker,
  "kill -9 the client": killClient,
  "kill -9 everything": killAll,
  "drain a seeder and keep it": drainAndKeep,
  "freeze a seeder": freezeSeeder,
  "freeze the tracker": freezeTracker,
  "freeze the client": freezeClient,
  "cut a seeder off": cutSeeder,
  "cut the tracker off": (stage) => cutHost(stage, "tracker"),
  "cut the client off": (stage) => cutHost(stage, "client"),
  "seeder to tracker blocked": (stage, seeder) => oneWay(stage, seeder, "tracker"),
  "tracker to seeder blocked": (stage, seeder) => oneWay(stage, "tracker", seeder),
  "client to seeder blocked": (stage, seeder) => oneWay(stage, "client", seeder),
  "seeder to client blocked": (stage, seeder) => oneWay(stage, seeder, "client"),
  "seeder to seeder blocked": (stage, seeder, other) => oneWay(stage, seeder, other),
  "packets lost at a seeder": (stage, seeder) => lossy(stage, seeder),
  "packets lost at the tracker": (stage) => lossy(stage, "tracker", 0.1),
  "a seeder far away": (stage, seeder) => far(stage, seeder),
  "the tracker far away": (stage) => far(stage, "tracker", 50),
  "a seeder vanishes": (stage, seeder) => vanish(stage, seeder, false),
  "a seeder vanishes and comes back empty": (stage, seeder) => vanish(stage, seeder, true),
  "bits flip on a seeder": (stage, seeder) => rotAndScrub(stage, seeder),
};

async function soak(): Promise<void> {
  await using stage = await Stage.start(`soak ${seed}`, {
    seed,
    seeders: 4,
    // Chunks nobody needs go soon: a long run must not fill the machine's disk.
    trackerEnv: { OFFSHORE_GARBAGE_MINUTES: "1" },
    load: { workers: 3, pauseMs: 20 },
  });
  // Taken back at the end: whatever happens before is worth looking at.
  stage.cluster.lab.keep = true;
  await stage.load.progress(30);
  const startMs = performance.now();
  let checkedMs = startMs, played = 0;
  while (performance.now() - startMs < minutes * 60_000) {
    const name = draw(Object.keys(rounds));
    const seeder = draw(stage.cluster.seeders);
    const other = draw(stage.cluster.seeders.filter((each) => each !== seeder));
    console.log(`round ${++played}: ${name} (${seeder}, ${other})`);
    await rounds[name]?.(stage, seeder, other);
    if (performance.now() - checkedMs < checkEveryMs) continue;
    await stage.checkpoint();
    await stage.emptyTrash();
    checkedMs = performance.now();
  }
  await stage.finish();
  stage.cluster.lab.keep = false;
  const took = ((performance.now() - startMs) / 60_000).toFixed(1);
  console.log(
    `soak: seed ${seed}, ${played} rounds in ${took} minutes: nothing lost, wrong or half`,
  );
}

try {
  await soak();
} catch (error) {
  console.error(error);
  console.error(`soak: FAILED with seed ${seed}: deno task soak --seed ${seed}`);
  Deno.exit(1);
}
