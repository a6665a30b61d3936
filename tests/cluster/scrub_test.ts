/**
 * Bits that flip on real disks under real processes, with readers and writers at work: nobody ever
 * sees a wrong byte, the scrub finds every flipped copy and sets it aside, and its holding goes.
 */
import assert from "node:assert/strict";
import { limits } from "../../protocol/mod.ts";
import { systemDisk } from "../../roles/kit/system_disk.ts";
import { damageSome } from "../roles/seeder/store/damage.ts";
import { sha256sum, TestCluster, until } from "./cluster.ts";

Deno.test("flipped bits are found by the scrub under load, and no reader sees one", async () => {
  await using cluster = await TestCluster.start();
  const local = `${cluster.directory}/local`, back = `${cluster.directory}/back`;
  await Deno.mkdir(local);
  await Deno.mkdir(back);
  const big = new Uint8Array(8 * limits.chunkBytesDefault + 77);
  for (let at = 0; at < big.length; at += 65_536) {
    crypto.getRandomValues(big.subarray(at, at + 65_536));
  }
  await Deno.writeFile(`${local}/big`, big);
  for (let i = 0; i < 20; i++) {
    await Deno.writeFile(`${local}/small-${i}`, crypto.getRandomValues(new Uint8Array(5_000)));
  }
  await cluster.ok(["put", "-r", local, "/tree"]);
  const store = `${cluster.diskOf("seeder-1")}/.offshore/seeder`;
  const bad = await damageSome(systemDisk(), store, 3);
  assert(bad.size >= 4, `${bad.size} chunks were damaged`);

  let stop = false, rounds = 0;
  const load = (async () => {
    for (; !stop; rounds++) {
      await cluster.ok(["get", "--force", "/tree/big", `${back}/big`]);
      assert.equal(await sha256sum(`${back}/big`), await sha256sum(`${local}/big`));
      await cluster.ok(["put", `${local}/small-1`, `/again-${rounds % 3}`]);
    }
  })();
  await cluster.ok(["scrub", "--now"]);
  const rows = async () =>
    (await cluster.ok(["scrub", "--json"])).trim().split("\n").map((line) =>
      JSON.parse(line) as { name: string; askedMs?: number; progress?: { corruptChunks: number } }
    );
  await until(
    "all seeders have read all",
    async () => (await rows()).every(({ askedMs }) => askedMs === undefined),
  );
  stop = true;
  await load;
  assert(rounds > 0, "there was a load");
  // Readers may have reported some before the scrub came to them.
  const quarantined = new Set<string>();
  for await (const { name } of Deno.readDir(`${store}/quarantine`)) {
    if (!name.includes(".")) quarantined.add(name);
  }
  assert.deepEqual([...quarantined].sort(), [...bad].sort());
  const others = (await rows()).filter(({ name }) => name !== "seeder-1");
  assert(others.every(({ progress }) => progress?.corruptChunks === 0));
  const stat = await cluster.ok(["stat", "/tree/big"]);
  assert.match(stat, /verified .* ago/);
  await cluster.ok(["get", "-r", "/tree", `${back}/tree`]);
  for await (const { name } of Deno.readDir(local)) {
    assert.equal(await sha256sum(`${back}/tree/${name}`), await sha256sum(`${local}/${name}`));
  }
});
