/**
 * How long a reader stands still when a seeder it reads from dies, freezes or vanishes in the
 * middle of a download: the longest time without a byte on its standard output, where the bytes
 * come in order, so that one late chunk holds up all behind it. Printed, and bounded only by a
 * deadline that no working reader comes near.
 */
import assert from "node:assert/strict";
import { startDigest } from "../../protocol/mod.ts";
import { bytesOf } from "./content.ts";
import { LabCluster } from "./lab_cluster.ts";
import { labTest } from "./lab_test_case.ts";
import { figure, seconds } from "./stage.ts";

const mib = 1024 * 1024;
const sizeBytes = 320 * mib;
/** The promise is two seconds; a busy machine gets more before this counts as broken. */
const stallMsMost = 6_000;

labTest("a reader moves on when a seeder it reads from dies, freezes or vanishes", async () => {
  await using cluster = await LabCluster.start();
  const bytes = bytesOf({ number: 1, sizeBytes });
  const local = `${cluster.lab.directory}/client/big`;
  await Deno.writeFile(local, bytes);
  await cluster.client.ok("put", local, "/big");
  const digest = startDigest();
  digest.update(bytes);
  const sha256 = digest.hex();

  const read = async (how: string, fault: () => Promise<void> | void) => {
    let played: Promise<void> | undefined;
    const told = await cluster.client.ask(["get", "/big", "-"], (got) => {
      if (got > sizeBytes / 4) played ??= Promise.resolve(fault());
    });
    await played;
    assert(played !== undefined, "the fault came in the middle");
    assert.equal(told.code, 0, told.err);
    assert.equal(told.sha256, sha256, `every byte, ${how}`);
    figure("reader", how, `longest gap ${seconds(told.gapMs)} in ${seconds(told.tookMs)}`);
    assert(told.gapMs < stallMsMost, `a gap of ${told.gapMs} ms, ${how}`);
  };

  await read("nothing happens", () => {});
  await read("SIGSTOP", () => cluster.signal("seeder-1", "SIGSTOP"));
  cluster.signal("seeder-1", "SIGCONT");
  await cluster.untilWell();
  await read("cable pulled", () => cluster.lab.cut("seeder-2"));
  await cluster.lab.mend("seeder-2");
  await cluster.untilWell();
  await read("kill -9", () => cluster.end("seeder-3"));
});
