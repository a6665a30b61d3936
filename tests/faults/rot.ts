/** Bits that flip on a seeder's disk behind its back, and the scrub that must find them. */
import { Fault } from "../../protocol/mod.ts";
import { systemDisk } from "../../roles/kit/system_disk.ts";
import { recordHeadBytes } from "../../roles/seeder/store/pack_format.ts";
import { until } from "../cluster/cluster.ts";
import { flipByte, packPaths, recordsOf } from "../roles/seeder/store/damage.ts";
import { seconds, type Stage } from "./stage.ts";

const disk = systemDisk();
/** Chunk files damaged, and packed chunks of each pack. */
const chunksEach = 5;

async function chunkFiles(store: string): Promise<string[]> {
  const found: string[] = [];
  for await (const shelf of Deno.readDir(`${store}/chunks`)) {
    for await (const { name } of Deno.readDir(`${store}/chunks/${shelf.name}`)) found.push(name);
  }
  return found.sort();
}

/** A file may be dropped or rewritten while it is looked at: then it is left alone. */
async function unlessGone(work: () => Promise<void>): Promise<void> {
  await work().catch((error) => {
    if (!(error instanceof Fault && error.code === "local-not-found")) throw error;
  });
}

/** Flips a bit in some chunk files and some packed chunks; the ids of those chunks. */
async function rot(store: string): Promise<Set<string>> {
  const bad = new Set<string>();
  for (const chunkId of (await chunkFiles(store)).slice(0, chunksEach)) {
    await unlessGone(async () => {
      await flipByte(disk, `${store}/chunks/${chunkId.slice(0, 2)}/${chunkId}`, 1_234);
      bad.add(chunkId);
    });
  }
  for (const pack of await packPaths(disk, store)) {
    await unlessGone(async () => {
      const stored = (await recordsOf(disk, pack)).filter(({ kind }) => kind === "store");
      for (const record of stored.slice(0, chunksEach)) {
        await flipByte(disk, pack, record.offset + recordHeadBytes + 1);
        bad.add(record.chunkId);
      }
    });
  }
  return bad;
}

/** Damages a seeder's disk and has everything read again; the ids of the damaged chunks. */
export async function rotAndScrub(stage: Stage, name: string): Promise<Set<string>> {
  const { operator } = stage.cluster;
  const bad = await rot(stage.cluster.storeOf(name));
  const startMs = performance.now();
  await operator.ok("scrub", "--now");
  await until("every seeder has read all it holds", async () => {
    const rows = (await operator.ok("scrub", "--json")).trim().split("\n");
    return rows.every((row) => (JSON.parse(row) as { askedMs?: number }).askedMs === undefined);
  }, 120_000);
  const tookMs = performance.now() - startMs;
  stage.figure("scrub --now under load", `${bad.size} bad chunks, ${seconds(tookMs)}`);
  await stage.cluster.untilWell();
  return bad;
}
