/**
 * Seeders that join and leave for good: what moves when one joins, against the least that must; how
 * long copies take to be made again, per GiB; a seeder emptied, switched off and forgotten under
 * load; and bytes given back when what lay in the trash is purged.
 */
import assert from "node:assert/strict";
import { until } from "../cluster/cluster.ts";
import { bytesOf, isContent } from "./content.ts";
import { LabCluster } from "./lab_cluster.ts";
import { labTest } from "./lab_test_case.ts";
import { figure, seconds, Stage } from "./stage.ts";

const kib = 1024, mib = 1024 * kib, gib = 1024 * mib;

/** Bytes of chunks by seeder, of those that answer. */
async function usedBy(cluster: LabCluster): Promise<Map<string, number>> {
  const { seeders } = await cluster.status();
  return new Map(
    seeders.filter(({ state }) => state === "green").map(({ name, space }) => [
      name,
      space.usedBytes,
    ]),
  );
}

function sum(used: ReadonlyMap<string, number>): number {
  return [...used.values()].reduce((total, bytes) => total + bytes, 0);
}

/** Many small files and a few large ones, in one tree. */
async function putTree(cluster: LabCluster, smalls: number, larges: number): Promise<void> {
  const local = `${cluster.lab.directory}/client/tree-${smalls}-${larges}`;
  await Deno.mkdir(local);
  for (let i = 0; i < smalls; i++) {
    await Deno.writeFile(`${local}/small-${i}`, bytesOf({ number: i + 1, sizeBytes: 48 * kib }));
  }
  for (let i = 0; i < larges; i++) {
    const content = { number: 10_000 + i, sizeBytes: 64 * mib };
    await Deno.writeFile(`${local}/large-${i}`, bytesOf(content));
  }
  await cluster.client.ok("put", "-r", local, "/tree");
  await Deno.remove(local, { recursive: true });
}

labTest("a seeder that joins takes its fair share, and little else moves", async () => {
  await using cluster = await LabCluster.start();
  // Many chunks, so that chance is small against the tenth that is allowed.
  await cluster.client.ok("mkdir", "/tree");
  const files = 1_600;
  await putTree(cluster, files, 0);
  let before = await usedBy(cluster);
  await until("the heartbeats have told of every copy", async () => {
    before = await usedBy(cluster);
    return sum(before) === 2 * files * 48 * kib;
  });
  const startMs = performance.now();
  await cluster.addSeeder("seeder-4");
  let after = before;
  await until("the new seeder has its share, and nothing is there too often", async () => {
    after = await usedBy(cluster);
    const { healing } = await cluster.status();
    return (after.get("seeder-4") ?? 0) > 0 && healing.copying === 0 && sum(after) === sum(before);
  }, 180_000);
  const least = sum(before) / 4;
  const moved = [...after].reduce(
    (total, [name, bytes]) => total + Math.max(0, bytes - (before.get(name) ?? 0)),
    0,
  );
  figure(
    "join",
    "moved against the least",
    `${(moved / mib).toFixed(1)} of ${(least / mib).toFixed(1)} MiB, ` +
      `${((moved / least - 1) * 100).toFixed(1)} %, ${seconds(performance.now() - startMs)}`,
  );
  assert(Math.abs(moved / least - 1) <= 0.1, `${moved} bytes moved, ${least} must`);
});

labTest("copies are made again at every pace, and space is given back", async () => {
  await using cluster = await LabCluster.start({
    seeders: 4,
    trackerEnv: { OFFSHORE_GARBAGE_MINUTES: "0" },
  });
  await cluster.client.ok("mkdir", "/tree");
  await putTree(cluster, 200, 6);
  for (const [pace, name] of [["normal", "seeder-1"], ["urgent", "seeder-2"]] as const) {
    await cluster.operator.ok("pace", pace);
    const lost = (await usedBy(cluster)).get(name) ?? 0;
    assert(lost > 32 * mib, `${name} holds ${lost} bytes`);
    // What is down to one copy is copied at once when the seeder is red, forgotten or not.
    const redMs = await cluster.loseForEver(name);
    await cluster.untilWell();
    const tookMs = performance.now() - redMs;
    figure(
      "heal",
      `pace ${pace}`,
      `${Math.round(lost / mib)} MiB again in two copies ${seconds(tookMs)} after red: ` +
        `${seconds(tookMs * gib / lost)} per GiB`,
    );
  }
  const local = `${cluster.lab.directory}/client/back`;
  await cluster.client.ok("get", "-r", "/tree", local);
  for (let i = 0; i < 6; i++) {
    const bytes = await Deno.readFile(`${local}/tree-200-6/large-${i}`);
    assert(isContent(bytes, { number: 10_000 + i, sizeBytes: 64 * mib }), `large-${i}`);
  }
  const before = sum(await usedBy(cluster));
  await cluster.client.ok("rm", "-r", "/tree");
  assert.equal(sum(await usedBy(cluster)), before, "what lies in the trash keeps its bytes");
  await cluster.client.ok("trash", "empty");
  const startMs = performance.now();
  await until(
    "all bytes are given back",
    async () => sum(await usedBy(cluster)) === 0,
    120_000,
  ).catch(async (error) => {
    throw new Error(`${error.message}: ${sum(await usedBy(cluster))} of ${before} are left`);
  });
  figure(
    "garbage",
    "given back",
    `${Math.round(before / mib)} MiB, ${
      seconds(
        performance.now() - startMs,
      )
    } after trash empty`,
  );
});

labTest("a seeder is drained, switched off and forgotten under load", async () => {
  await using stage = await Stage.start("drain", { seed: 41, seeders: 4 });
  const { cluster } = stage;
  await stage.load.progress(100);
  const startMs = performance.now();
  await cluster.operator.ok("drain", "seeder-2");
  await until("nothing on it is not elsewhere twice", async () => {
    const { healing: { drains } } = await cluster.status();
    return drains.length === 1 && drains[0]?.chunksLeft === 0 && drains[0].chunksUnproved === 0;
  }, 120_000);
  stage.figure("drained", seconds(performance.now() - startMs));
  assert.match(
    await cluster.operator.told("status"),
    /seeder-2 holds nothing that is not elsewhere/,
  );
  await cluster.loseForEver("seeder-2");
  assert.equal((await cluster.status()).chunksUnavailable, 0);
  await cluster.addSeeder("seeder-5");
  await stage.load.progress(50);
  await stage.finish();
});
