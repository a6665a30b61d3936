/**
 * Disks that go bad and disks that are full, under load: bits flip in chunk files and packs, small
 * disks in memory and behind a loop device fill up, a stranger takes the last byte. Readers see
 * only right bytes, what rotted is found and made again, and a full disk or a full cluster still
 * reads, lists, removes and gives space back.
 */
import assert from "node:assert/strict";
import { until } from "../cluster/cluster.ts";
import { bytesOf, isContent } from "./content.ts";
import type { Lab } from "./lab.ts";
import { LabCluster } from "./lab_cluster.ts";
import { labTest } from "./lab_test_case.ts";
import { rotAndScrub } from "./rot.ts";
import { figure, seconds, Stage } from "./stage.ts";

const mib = 1024 * 1024;

labTest("bits that flip in chunks and packs are found and healed under load", async () => {
  await using stage = await Stage.start("bit flips", { seed: 31 });
  const { cluster } = stage;
  await stage.load.progress(150);
  const bad = await rotAndScrub(stage, "seeder-1");
  assert(bad.size >= 6, `${bad.size} chunks were damaged`);
  const quarantined = new Set<string>();
  for await (
    const { name } of Deno.readDir(
      `${cluster.storeOf("seeder-1")}/quarantine`,
    )
  ) {
    if (!name.includes(".")) quarantined.add(name);
  }
  assert.deepEqual([...quarantined].sort(), [...bad].sort(), "all of them and no other");
  const told = (await cluster.status()).seeders.find(({ name }) => name === "seeder-1");
  assert.equal(told?.scrub?.corruptChunks, bad.size);
  // Every copy is there again when the bytes on the disks are compared.
  await stage.finish();
});

const small = ["seeder-4", "seeder-5"];

/** A stranger's file on the disk: so large, or all that is left. */
async function takeRoom(lab: Lab, name: string, mebibytes?: number): Promise<void> {
  const size = mebibytes === undefined ? "bs=64k" : `bs=1M count=${mebibytes}`;
  const filler = `${lab.directory}/${name}/stranger-${mebibytes ?? "all"}`;
  await lab.run(["sh", "-c", `dd if=/dev/zero of=${filler} ${size} 2>/dev/null || true`]);
}

labTest("seeders with full disks read and remove, and writes go elsewhere", async () => {
  await using stage = await Stage.start("full seeders", {
    seed: 32,
    seeders: 5,
    prepare: async (lab) => {
      for (const name of ["seeder-1", "seeder-2", "seeder-3", "seeder-4"]) {
        await lab.memoryDisk(name, 400);
      }
      await lab.loopDisk("seeder-5", 400);
      // Equal disks get equal shares; what strangers took of these two is missing to them.
      await takeRoom(lab, "seeder-4", 350);
      await takeRoom(lab, "seeder-5", 325);
    },
  });
  const { cluster } = stage;
  await until("both small disks have taken what they can", async () => {
    const { seeders } = await cluster.status();
    const free = (name: string) => seeders.find((one) => one.name === name)!.space.freeBytes;
    return small.every((name) => free(name) < 4 * mib);
  }, 120_000);
  for (const { name, chunkCount } of (await cluster.status()).seeders) {
    assert(chunkCount > 0, `${name} holds something`);
  }
  await stage.load.progress(50);
  stage.figure("small disks", "full; 50 more operations acknowledged");
  // A stranger takes the reserve too: not a byte is left on either.
  for (const name of small) await takeRoom(cluster.lab, name);
  await stage.load.progress(100);
  stage.figure("not a byte left", "100 more operations acknowledged");
  for (const name of small) {
    assert.equal(await cluster.stateOf(name), "green");
    // Even a start needs none.
    await cluster.end(name);
    await cluster.startRole(name);
  }
  await stage.load.progress(50);
  await stage.finish();
});

labTest("a full cluster reads, lists, removes, and takes files again", async () => {
  await using cluster = await LabCluster.start({
    trackerEnv: { OFFSHORE_GARBAGE_MINUTES: "0" },
    prepare: async (lab) => {
      for (const name of ["seeder-1", "seeder-2", "seeder-3"]) await lab.memoryDisk(name, 64);
    },
  });
  const { client } = cluster;
  const local = `${cluster.lab.directory}/client/file`;
  const contentOf = (i: number) => ({ number: i + 1, sizeBytes: 3 * mib });
  let count = 0;
  for (;; count++) {
    await Deno.writeFile(local, bytesOf(contentOf(count)));
    const { code, err } = await client.ask(["put", local, `/${count}`]);
    if (code === 0) continue;
    assert.match(err, /next: /);
    break;
  }
  assert(count >= 20, `${count} files of 3 MiB fitted into 3 x 64 MiB`);
  figure("full cluster", "holds", `${count} x 3 MiB in two copies on 3 x 64 MiB`);
  assert.equal((await client.ok("ls", "/")).trim().split("\n").length, count);
  for (let i = 0; i < count; i++) {
    await client.ok("get", "--force", `/${i}`, local);
    assert(isContent(await Deno.readFile(local), contentOf(i)), `/${i}`);
  }
  const usedBytes = async () =>
    (await cluster.status()).seeders.reduce((sum, { space }) => sum + space.usedBytes, 0);
  const before = await usedBytes();
  // The trash takes what fits into its share and keeps it; for the rest rm names its way out.
  let refused = 0;
  for (let i = 0; i < count / 2; i++) {
    const { code, err } = await client.ask(["rm", `/${i}`]);
    if (code === 0) continue;
    refused++;
    assert.match(err, /--now/);
    await client.ok("rm", "--now", `/${i}`);
  }
  assert(refused > 0, "not all of it fits into the trash");
  await client.ok("trash", "empty");
  const startMs = performance.now();
  await until("the space is given back", async () => await usedBytes() <= before / 2 + 2 * mib);
  figure(
    "full cluster",
    "space given back",
    `half of ${Math.round(before / mib)} MiB after ` +
      `${seconds(performance.now() - startMs)}`,
  );
  await Deno.writeFile(local, bytesOf(contentOf(count)));
  await client.ok("put", local, `/${count}`);
  await client.ok("get", "--force", `/${count}`, local);
  assert(isContent(await Deno.readFile(local), contentOf(count)));
});

labTest("a full cluster gives up earlier versions, and takes files again", async () => {
  await using cluster = await LabCluster.start({
    trackerEnv: { OFFSHORE_GARBAGE_MINUTES: "0", OFFSHORE_VERSIONS_PERCENT: "100" },
    prepare: async (lab) => {
      for (const name of ["seeder-1", "seeder-2", "seeder-3"]) await lab.memoryDisk(name, 64);
    },
  });
  const { client } = cluster;
  await cluster.operator.ok("policy", "/", "--versions", "500");
  const local = `${cluster.lab.directory}/client/file`;
  const contentOf = (i: number) => ({ number: i + 1, sizeBytes: 3 * mib });
  let count = 0;
  for (;; count++) {
    await Deno.writeFile(local, bytesOf(contentOf(count)));
    const { code, err } = await client.ask(["put", local, "/one"]);
    if (code === 0) continue;
    assert.match(err, /next: /);
    break;
  }
  assert(count >= 20, `${count} versions of 3 MiB fitted into 3 x 64 MiB`);
  const lines = (await client.ok("versions", "/one", "--json")).trim().split("\n");
  const ids = lines.map((line) => (JSON.parse(line) as { versionId: string }).versionId);
  assert.equal(ids.length, count);
  for (const [i, id] of ids.toReversed().entries()) {
    await client.ok("get", "--force", id, local);
    assert(isContent(await Deno.readFile(local), contentOf(i)), `version ${i}`);
  }
  // Going back needs no room either.
  await client.ok("revert", "/one", `@${ids.at(-1) ?? ""}`);
  const usedBytes = async () =>
    (await cluster.status()).seeders.reduce((sum, { space }) => sum + space.usedBytes, 0);
  const before = await usedBytes();
  await client.ok("versions", "empty", "/");
  const startMs = performance.now();
  await until("the space is given back", async () => await usedBytes() <= 6 * mib + 64_000);
  figure(
    "full cluster",
    "earlier versions given up",
    `${count - 1} of ${Math.round(before / mib)} MiB, gone after ` +
      `${seconds(performance.now() - startMs)}`,
  );
  await Deno.writeFile(local, bytesOf(contentOf(count)));
  await client.ok("put", local, "/two");
  for (const [path, content] of [["/one", contentOf(0)], ["/two", contentOf(count)]] as const) {
    await client.ok("get", "--force", path, local);
    assert(isContent(await Deno.readFile(local), content), path);
  }
});
