/**
 * Processes that die and freeze under a running load of mixed changes: a seeder, the tracker and
 * the client, each by kill -9 and by SIGSTOP. At the end everything acknowledged is there, byte for
 * byte, on two disks, and nothing is half visible.
 */
import { labTest } from "./lab_test_case.ts";
import {
  freezeClient,
  freezeSeeder,
  freezeTracker,
  killAll,
  killClient,
  killSeeder,
  killTracker,
} from "./rounds.ts";
import { Stage } from "./stage.ts";

labTest("nothing acknowledged is lost when any process is killed at any moment", async () => {
  await using stage = await Stage.start("kill -9", { seed: 11 });
  await stage.load.progress(50);
  for (let i = 0; i < 2; i++) {
    await killTracker(stage);
    await killClient(stage);
  }
  await killAll(stage);
  await killSeeder(stage, "seeder-2");
  await stage.finish();
});

labTest("nothing acknowledged is lost when any process freezes and goes on", async () => {
  await using stage = await Stage.start("SIGSTOP", { seed: 12 });
  await stage.load.progress(50);
  await freezeSeeder(stage, "seeder-1");
  await freezeTracker(stage);
  await freezeClient(stage);
  await stage.finish();
});
