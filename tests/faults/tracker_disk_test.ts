/**
 * The tracker's disk runs full, a small one in memory that a stranger fills to the last byte: what
 * would grow is refused with what to type, everything else goes on, a start included, and when
 * there is room again so do uploads.
 */
import assert from "node:assert/strict";
import { until } from "../cluster/cluster.ts";
import { bytesOf, isContent } from "./content.ts";
import { LabCluster } from "./lab_cluster.ts";
import { labTest } from "./lab_test_case.ts";

const contentOf = (i: number) => ({ number: i + 1, sizeBytes: 300_000 });

labTest("a tracker whose disk is full reads, lists, removes, and takes files again", async () => {
  await using cluster = await LabCluster.start({
    trackerEnv: { OFFSHORE_GARBAGE_MINUTES: "0" },
    prepare: (lab) => lab.memoryDisk("tracker", 48),
  });
  const { client, lab } = cluster;
  const local = `${lab.directory}/client/file`;
  for (let i = 0; i < 6; i++) {
    await Deno.writeFile(local, bytesOf(contentOf(i)));
    await client.ok("put", local, `/${i}`);
  }
  const filler = `${lab.directory}/tracker/stranger`;
  const fill = () =>
    lab.run(["sh", "-c", `dd if=/dev/zero of=${filler}-$$ bs=16k 2>/dev/null || true`]);
  await fill();
  await until("uploads are refused", async () => {
    const { code, err } = await client.ask(["put", local, "/refused"]);
    if (code === 0) return false;
    assert.match(err, /disk/);
    assert.match(err, /next: /);
    return true;
  });
  const made = await client.ask(["mkdir", "/d"]);
  assert.notEqual(made.code, 0);
  assert.match(made.err, /takes nothing new until there is more room/);

  for (let i = 0; i < 6; i++) {
    // The stranger takes what the reserve gives back, too; its four parts are not yet at an end.
    if (i === 1 || i === 3) await fill();
    assert.match(await client.ok("ls", "/"), new RegExp(`${i}`));
    await client.ok("get", "--force", `/${i}`, local);
    assert(isContent(await Deno.readFile(local), contentOf(i)), `/${i}`);
    if (i < 4) await client.ok("rm", `/${i}`);
    if (i === 2) await client.ok("trash", "empty");
    if (i === 3) {
      await cluster.end("tracker", "SIGKILL");
      await cluster.startRole("tracker");
      await cluster.untilWell();
    }
  }
  await client.ok("trash", "empty");
  const left = (await client.ok("ls", "/")).trim().split(/\s+/);
  assert.deepEqual(left.filter((name) => /^\d$/.test(name)), ["4", "5"]);

  await lab.run(["sh", "-c", `rm ${filler}-*`]);
  await until(
    "uploads are taken again",
    async () => (await client.ask(["put", local, "/again"])).code === 0,
  );
  await client.ok("mkdir", "/d");
  await cluster.untilWell();
});
