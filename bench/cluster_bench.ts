/**
 * One GiB up in two copies and down again with verification: one client, a tracker and three
 * seeders on this machine, against `cp` of the same file followed by a sync, all in the same run.
 * Prints ratios and the peak memory of each role; asserts nothing but that the bytes came back.
 *
 *     deno task bench [--gib 1] [--runs 3]
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { sha256sum, TestCluster } from "../tests/cluster/cluster.ts";

const { values } = parseArgs({
  options: { gib: { type: "string", default: "1" }, runs: { type: "string", default: "3" } },
});
const gib = Number(values.gib), runs = Number(values.runs);
const mib = 1024 * 1024;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function command(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  assert(success, `${program}: ${new TextDecoder().decode(stderr)}`);
}

/** The highest resident size the kernel saw, in MiB. */
async function peakMiB(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

async function writeNoise(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const part = new Uint8Array(mib);
  for (let i = 0; i < gib * 1024; i++) {
    for (let at = 0; at < part.length; at += 65_536) {
      crypto.getRandomValues(part.subarray(at, at + 65_536));
    }
    await file.write(part);
  }
}

/** Runs a client to its end and watches its memory. */
async function client(cluster: TestCluster, args: string[]): Promise<number> {
  const child = cluster.spawnClient(args);
  let peak = 0;
  const watch = setInterval(() => {
    peakMiB(child.pid).then((now) => peak = Math.max(peak, now || 0), () => {});
  }, 50);
  const { success, stderr } = await child.output();
  clearInterval(watch);
  assert(success, new TextDecoder().decode(stderr));
  return peak;
}

await using cluster = await TestCluster.start(3);
const source = `${cluster.directory}/source`;
await writeNoise(source);
const rows: { cp: number; put: number; get: number; putMiB: number; getMiB: number }[] = [];
for (let run = 0; run < runs; run++) {
  const copy = `${cluster.directory}/copy`, back = `${cluster.directory}/back`;
  const cp = await seconds(async () => {
    await command("cp", source, copy);
    await command("sync", copy);
  });
  await Deno.remove(copy);
  // A first chunk of its own keeps deduplication from making later runs a matter of asking.
  await overwriteEachChunk(source, run);
  let putMiB = 0, getMiB = 0;
  const put = await seconds(async () =>
    putMiB = await client(cluster, ["put", source, `/run-${run}`])
  );
  const get = await seconds(async () =>
    getMiB = await client(cluster, ["get", `/run-${run}`, back])
  );
  assert.equal(await sha256sum(back), await sha256sum(source), "the bytes came back");
  await Deno.remove(back);
  rows.push({ cp, put, get, putMiB, getMiB });
  console.log(
    `run ${run + 1}: cp+sync ${cp.toFixed(2)} s, put ${put.toFixed(2)} s (${
      (put / cp).toFixed(2)
    }x), ` +
      `get ${get.toFixed(2)} s (${(get / cp).toFixed(2)}x)`,
  );
}

async function overwriteEachChunk(path: string, run: number): Promise<void> {
  using file = await Deno.open(path, { write: true });
  for (let at = 0; at < gib * 1024 * mib; at += 4 * mib) {
    await file.seek(at, Deno.SeekMode.Start);
    await file.write(new TextEncoder().encode(`run ${run} at ${at}\n`));
  }
}

const median = (pick: (row: typeof rows[number]) => number) =>
  rows.map(pick).sort((a, b) => a - b)[Math.floor(rows.length / 2)] ?? Number.NaN;
const rate = (time: number) => `${(gib * 1024 / time).toFixed(0)} MiB/s`;
console.log(`\n${gib} GiB, two copies, three seeders, ${runs} runs, median:`);
console.log(`  cp + sync  ${rate(median((row) => row.cp))}  1.00x`);
for (const name of ["put", "get"] as const) {
  const ratio = median((row) => row[name] / row.cp);
  console.log(
    `  ${name}        ${rate(median((row) => row[name]))}  ${ratio.toFixed(2)}x the time of cp`,
  );
}
console.log("peak resident memory, MiB:");
for (const name of ["tracker", ...cluster.seeders]) {
  console.log(`  ${name.padEnd(10)} ${(await peakMiB(cluster.pidOf(name))).toFixed(0)}`);
}
console.log(`  client put ${Math.max(...rows.map((row) => row.putMiB)).toFixed(0)}`);
console.log(`  client get ${Math.max(...rows.map((row) => row.getMiB)).toFixed(0)}`);
