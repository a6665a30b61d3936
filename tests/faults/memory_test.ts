/**
 * The most memory each role has ever had resident (VmHWM) after a file much larger than that went
 * up and came down, every byte compared. OFFSHORE_BIG_GIB sets the size of the file; the bound is
 * the same for every size, which is the promise.
 */
import assert from "node:assert/strict";
import { sha256sum } from "../cluster/cluster.ts";
import { LabCluster } from "./lab_cluster.ts";
import { labTest } from "./lab_test_case.ts";
import { figure, seconds } from "./stage.ts";

const mib = 1024 * 1024;
const gibibytes = Number(Deno.env.get("OFFSHORE_BIG_GIB") ?? 1);
/** Stated in docs/PROMISES.md. */
const residentMibMost = 512;

async function residentMib(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}

async function writeNoise(path: string, sizeBytes: number): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  const part = new Uint8Array(mib);
  for (let done = 0; done < sizeBytes; done += part.length) {
    for (let at = 0; at < part.length; at += 65_536) {
      crypto.getRandomValues(part.subarray(at, at + 65_536));
    }
    for (let written = 0; written < part.length;) {
      written += await file.write(part.subarray(written));
    }
  }
}

labTest("no role's memory grows with the size of a file", async () => {
  await using cluster = await LabCluster.start();
  const local = `${cluster.lab.directory}/client/big`;
  await writeNoise(local, gibibytes * 1024 * mib);
  const before = await sha256sum(local);
  let startMs = performance.now();
  await cluster.client.ok("put", local, "/big");
  const putMs = performance.now() - startMs;
  await Deno.remove(local);
  startMs = performance.now();
  await cluster.client.ok("get", "/big", local);
  const getMs = performance.now() - startMs;
  assert.equal(await sha256sum(local), before);
  const resident: Record<string, number> = { client: await residentMib(cluster.client.pid) };
  for (const name of ["tracker", ...cluster.seeders]) {
    resident[name] = await residentMib(cluster.pidOf(name));
  }
  const told = Object.entries(resident).map(([name, most]) => `${name} ${most}`).join(", ");
  figure("memory", `MiB at most, ${gibibytes} GiB`, told);
  figure("memory", "put and get", `${seconds(putMs)}, ${seconds(getMs)}`);
  for (const [name, most] of Object.entries(resident)) {
    assert(most > 10 && most <= residentMibMost, `${name} had ${most} MiB resident`);
  }
});
