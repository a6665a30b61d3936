/**
 * Cables that are pulled, packets that pass one way or get lost, hosts that are far away or vanish
 * without a word, each under a running load. At the end everything acknowledged is there, byte for
 * byte, on two disks, and nothing is half visible.
 */
import { labTest } from "./lab_test_case.ts";
import { cutHost, cutSeeder, far, lossy, oneWay, vanish } from "./rounds.ts";
import { Stage } from "./stage.ts";

labTest("nothing acknowledged is lost when hosts are cut off or vanish", async () => {
  await using stage = await Stage.start("cut", { seed: 21 });
  await stage.load.progress(50);
  await cutSeeder(stage, "seeder-1");
  await cutHost(stage, "tracker");
  await cutHost(stage, "client");
  await vanish(stage, "seeder-2", false);
  await vanish(stage, "seeder-3", true);
  await stage.finish();
});

labTest(
  "nothing acknowledged is lost when packets pass one way, get lost or come late",
  async () => {
    await using stage = await Stage.start("bad network", { seed: 22 });
    await stage.load.progress(50);
    await oneWay(stage, "seeder-1", "tracker");
    await oneWay(stage, "tracker", "seeder-2");
    await oneWay(stage, "client", "seeder-3");
    await oneWay(stage, "seeder-1", "client");
    await oneWay(stage, "seeder-2", "seeder-3");
    await lossy(stage, "seeder-1");
    await lossy(stage, "client");
    await far(stage, "seeder-2");
    await far(stage, "tracker");
    await stage.finish();
  },
);
