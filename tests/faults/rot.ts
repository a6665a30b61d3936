/** Bits that flip on a seeder's disk behind its back, and the scrub that must find them. */
import { systemDisk } from "../../roles/kit/system_disk.ts";
import { until } from "../cluster/cluster.ts";
import { damageSome } from "../roles/seeder/store/damage.ts";
import { seconds, type Stage } from "./stage.ts";

/** Chunk files damaged, and packed chunks of each pack. */
const chunksEach = 5;

/** Damages a seeder's disk and has everything read again; the ids of the damaged chunks. */
export async function rotAndScrub(stage: Stage, name: string): Promise<Set<string>> {
  const { operator } = stage.cluster;
  const bad = await damageSome(systemDisk(), stage.cluster.storeOf(name), chunksEach);
  const startMs = performance.now();
  await operator.ok("scrub", "--now");
  await until("every seeder has read all it holds", async () => {
    const rows = (await operator.ok("scrub", "--json")).trim().split("\n");
    return rows.every((row) => (JSON.parse(row) as { askedMs?: number }).askedMs === undefined);
  }, 600_000);
  const tookMs = performance.now() - startMs;
  stage.figure("scrub --now under load", `${bad.size} bad chunks, ${seconds(tookMs)}`);
  await stage.cluster.untilWell();
  return bad;
}
