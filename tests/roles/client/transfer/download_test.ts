/** Downloads against the real tracker and seeders that misbehave on command. */
import assert from "node:assert/strict";
import { connect, Fault, trackerRoutes } from "../../../../protocol/mod.ts";
import { proverOf } from "../../../protocol/prover.ts";
import {
  assertDownloads,
  assertSame,
  download,
  gotPath,
  localFile,
  modifiedMs,
  uploaded,
} from "../transfers.ts";
import { type Behaviour, bytesOf, mib, trackerAddress, withWorld, type World } from "../world.ts";

async function stored(world: World, name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await uploaded(world, [await localFile(world, name, bytes)]);
  for (const seeder of world.seeders) {
    seeder.calls.read = 0;
    seeder.reads.length = 0;
  }
}

/** Paths of what lies in work directories, but for what says whose they are. */
async function leftovers(world: World): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(world.directory)) {
    if (!name.startsWith(".offshore-")) continue;
    for await (const one of Deno.readDir(`${world.directory}/${name}`)) {
      if (one.name !== "state") found.push(`${world.directory}/${name}/${one.name}`);
    }
  }
  return found.sort();
}

/** Leaves a part of `a` with its sidecar, and returns the path of each. */
async function interruptedDownload(world: World): Promise<{ part: string; sidecar: string }> {
  for (const seeder of world.seeders) seeder.behave = () => new Fault("disk-failed", "worn");
  await download(world, ["a"]);
  for (const seeder of world.seeders) seeder.behave = () => "ok";
  const [sidecar = "", part = ""] = await leftovers(world);
  return { part, sidecar };
}

Deno.test("downloadFiles fetches from several seeders at once and restores mode and time", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(12 * mib + 3, 1);
    await stored(world, "a", bytes);
    const tally = await assertDownloads(world, "a", bytes);
    assert.ok(tally.through.size > 1, [...tally.through].join());
    const stat = await Deno.stat(gotPath(world, "a"));
    assert.equal(stat.mtime?.getTime(), modifiedMs);
    assert.equal((stat.mode ?? 0) & 0o777, 0o640);
    assert.deepEqual(await leftovers(world), []);
    const reads = world.seeders.reduce((sum, one) => sum + one.calls.read, 0);
    assert.equal(reads, 13);
  }));

const spoilings: Behaviour[] = [
  "unreachable",
  "silent",
  "stall-halfway",
  "break-halfway",
  "truncate",
  "corrupt",
  "too-long",
  "slow",
  new Fault("chunk-not-found", "lost"),
  new Fault("chunk-corrupt", "damaged"),
  new Fault("disk-failed", "worn out"),
  new Fault("leave-expired", "too late"),
  new Fault("leave-invalid", "of another"),
  new Fault("unavailable", "starting"),
];
for (const behaviour of spoilings) {
  const told = behaviour instanceof Fault ? behaviour.code : behaviour;
  Deno.test(`downloadFiles gets the right bytes when a seeder's answer is ${told}`, () =>
    withWorld(3, async (world) => {
      const bytes = bytesOf(6 * mib + 3, 1), small = bytesOf(999, 2);
      await stored(world, "a", bytes);
      await stored(world, "small", small);
      const [odd] = world.seeders;
      if (odd !== undefined) odd.behave = () => behaviour;
      await assertDownloads(world, "a", bytes);
      await assertDownloads(world, "small", small);
      assert.deepEqual(await leftovers(world), []);
    }));
}

Deno.test("downloadFiles goes on when a seeder dies in the middle", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(16 * mib, 5);
    await stored(world, "a", bytes);
    const [dying] = world.seeders;
    if (dying === undefined) return;
    dying.behave = ({ nth }) => {
      if (nth >= 2) dying.down = true;
      return nth === 1 ? "stall-halfway" : nth >= 2 ? "unreachable" : "ok";
    };
    await assertDownloads(world, "a", bytes);
  }));

Deno.test("downloadFiles reports wrong bytes to the tracker and asks that seeder no more", () =>
  withWorld(2, async (world) => {
    await stored(world, "a", bytesOf(mib, 5));
    const [odd] = world.seeders;
    for (const seeder of world.seeders) if (seeder !== odd) seeder.behave = () => "slow";
    if (odd !== undefined) odd.behave = () => "corrupt";
    await assertDownloads(world, "a", bytesOf(mib, 5));
    const { tally } = await download(world, ["a"], { force: true });
    assert.equal(tally.done, mib);
    const reports = world.trackerCalls.get("/v1/chunks/report") ?? 0;
    assert.equal(reports, odd?.calls.read);
  }));

Deno.test("downloadFiles waits for the only holder to come back", () =>
  withWorld(1, async (world) => {
    const bytes = bytesOf(3 * mib, 5);
    await stored(world, "a", bytes);
    const [only] = world.seeders;
    if (only !== undefined) only.behave = ({ nth }) => nth < 5 ? "unreachable" : "ok";
    await assertDownloads(world, "a", bytes);
  }));

Deno.test("downloadFiles tells a seeder whose place another has taken from one that refuses", () =>
  withWorld(1, async (world) => {
    await stored(world, "a", bytesOf(mib, 5));
    const [only] = world.seeders;
    assert(only);
    only.behave = () => new Fault("leave-invalid", "of another");
    const refused = await download(world, ["a"]);
    assert.equal(
      refused.results[0]?.fault?.code,
      "leave-invalid",
      "it is green, so it is at fault",
    );
    const { transport } = world;
    const tracker = connect(trackerRoutes, trackerAddress, transport, "the tracker");
    const { seederId, key } = only;
    await tracker.signOut({ seederId }, { prover: proverOf(seederId, key) });
    const gone = (await download(world, ["a"])).results[0]?.fault;
    assert.equal(gone?.code, "seeder-unreachable");
    assert.match(gone?.message ?? "", /seeder-1 is gone, and another seeder answers at http:/);
  }));

Deno.test("downloadFiles gives up in the end, clearly, and keeps what it has", () =>
  withWorld(2, async (world) => {
    const bytes = bytesOf(8 * mib, 5);
    await stored(world, "a", bytes);
    const bad = [...world.seeders[0]?.chunks.keys() ?? []][6];
    for (const seeder of world.seeders) {
      seeder.behave = ({ chunkId }) => chunkId === bad ? new Fault("disk-failed", "worn") : "ok";
    }
    const { results } = await download(world, ["a"]);
    assert.equal(results[0]?.fault?.code, "disk-failed");
    assert.match(results[0]?.fault?.message ?? "", /no seeder gave chunk \d of \/a/);
    assert.deepEqual((await leftovers(world)).map((path) => path.split("/").at(-1)), [
      "1.json",
      "1.part",
    ]);

    for (const seeder of world.seeders) {
      seeder.behave = () => "ok";
      seeder.calls.read = 0;
    }
    const tally = await assertDownloads(world, "a", bytes);
    const reads = world.seeders.reduce((sum, one) => sum + one.calls.read, 0);
    assert.ok(reads <= 7, `${reads} chunks were fetched again`);
    assert.equal(tally.done, 8 * mib);
  }));

Deno.test("downloadFiles resumes after an interruption and trusts no byte unseen", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(10 * mib, 6);
    await stored(world, "a", bytes);
    const stop = new AbortController();
    let served = 0;
    for (const seeder of world.seeders) seeder.behave = () => ++served <= 6 ? "ok" : "silent";
    let arrived = 0;
    const onAdvance = () => {
      if (++arrived === 6) stop.abort();
    };
    const stopped = download(world, ["a"], { signal: stop.signal, onAdvance });
    await assert.rejects(stopped, { code: "interrupted" });
    const [, partPath = ""] = await leftovers(world);

    // Somebody writes into the part: every chunk is looked at again.
    const part = await Deno.open(partPath, { write: true });
    await part.write(new Uint8Array(10));
    part.close();
    for (const seeder of world.seeders) {
      seeder.behave = () => "ok";
      seeder.calls.read = 0;
    }
    await assertDownloads(world, "a", bytes);
    const reads = world.seeders.reduce((sum, one) => sum + one.calls.read, 0);
    assert.ok(reads >= 5 && reads < 10, `${reads} chunks were fetched again`);
    assert.deepEqual(await leftovers(world), []);
  }));

Deno.test("downloadFiles begins anew when the part is of another version or damaged", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(3 * mib, 6);
    await stored(world, "a", bytes);
    for (
      const text of [
        "",
        "{",
        '{"format":2}',
        { versionId: "0".repeat(32), done: "Bw==" },
        { inode: 1, done: "Bw==" },
      ]
    ) {
      const { part, sidecar } = await interruptedDownload(world);
      await Deno.writeFile(part, bytesOf(9 * mib, 1));
      const before = JSON.parse(await Deno.readTextFile(sidecar));
      const changed = typeof text === "string" ? text : JSON.stringify({ ...before, ...text });
      await Deno.writeTextFile(sidecar, changed);
      await assertDownloads(world, "a", bytes);
      assert.deepEqual(await leftovers(world), []);
      await Deno.remove(gotPath(world, "a"));
    }
  }));

Deno.test("downloadFiles cuts a part that is too long", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(2 * mib + 1, 6);
    await stored(world, "a", bytes);
    const { part } = await interruptedDownload(world);
    await Deno.writeFile(part, bytesOf(9 * mib, 1));
    await assertDownloads(world, "a", bytes);
  }));

Deno.test("downloadFiles refuses a name that is taken, and replaces it when told to", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(2 * mib, 6);
    await stored(world, "a", bytes);
    await Deno.writeTextFile(gotPath(world, "a"), "mine");
    const refused = await download(world, ["a"]);
    assert.equal(refused.results[0]?.fault?.code, "local-exists");
    assert.equal(await Deno.readTextFile(gotPath(world, "a")), "mine");
    await assertDownloads(world, "a", bytes);
    await Deno.mkdir(`${world.directory}/d.got`);
    await stored(world, "d", bytes);
    const directory = await download(world, ["d"], { force: true });
    assert.equal(directory.results[0]?.fault?.code, "is-a-directory");
  }));

Deno.test("downloadFiles tells of what is not there and goes on with the rest", () =>
  withWorld(3, async (world) => {
    await stored(world, "a", bytesOf(10, 6));
    const { results } = await download(world, ["none", "a", "nor this"]);
    const codes = Object.fromEntries(results.map((one) => [one.path, one.fault?.code]));
    assert.deepEqual(codes, {
      [gotPath(world, "none")]: "not-found",
      [gotPath(world, "a")]: undefined,
      [gotPath(world, "nor this")]: "not-found",
    });
  }));

Deno.test("downloadFiles finds three hundred small files in two calls", () =>
  withWorld(3, async (world) => {
    const names = Array.from({ length: 300 }, (_, i) => `small-${i}`);
    const sources = [];
    for (const [i, name] of names.entries()) {
      sources.push(await localFile(world, name, bytesOf(i, i)));
    }
    await uploaded(world, sources);
    const { results, tally } = await download(world, names);
    assert.equal(results.length, 300);
    assert.ok(results.every((one) => one.fault === undefined));
    assert.equal(tally.done, tally.expected);
    assert.equal(world.trackerCalls.get("/v1/files/locate"), 2);
    for (const [i, name] of names.entries()) {
      assertSame(await Deno.readFile(gotPath(world, name)), bytesOf(i, i));
    }
  }));

Deno.test("downloadFiles goes on with what it knows while the tracker is away", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(6 * mib, 6);
    await stored(world, "a", bytes);
    world.trackerBehave = (path, nth) =>
      path === "/v1/files/locate" && nth === 0 ? "ok" : "unreachable";
    await assertDownloads(world, "a", bytes);
  }));
