/**
 * The client against the real tracker and three real seeders in one process, over a map of apps.
 */
import assert from "node:assert/strict";
import { limits, type Transport } from "../../../protocol/mod.ts";
import { login, openSession, type Session } from "../../../roles/client/cluster/session.ts";
import { systemClock } from "../../../roles/kit/clock.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { systemRandom } from "../../../roles/kit/random.ts";
import type { App } from "../../../roles/kit/serve.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";
import { type MemoryStore, openMemoryStore, openSeeder } from "../../../roles/seeder/mod.ts";
import { openMemoryCatalog, openTracker } from "../../../roles/tracker/mod.ts";
import { downloadFiles } from "../../../roles/client/transfer/download.ts";
import { uploadFiles, type UploadSource } from "../../../roles/client/transfer/upload.ts";
import { assertSame } from "./transfers.ts";
import { bytesOf, mib, remote, tallyObserver, trackerAddress } from "./world.ts";

interface Cluster {
  readonly session: Session;
  readonly stores: readonly MemoryStore[];
  readonly directory: string;
  /** Seeders that do not answer any more, by address. */
  readonly down: Set<string>;
  /** Called before each request to a seeder. */
  onSeederCall: (address: string) => void;
}

const addressOf = (i: number) => `http://seeder-${i}:9`;

async function withCluster(work: (cluster: Cluster) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "offshore-real-" });
  const parts = {
    disk: systemDisk(),
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog,
  };
  const stop = new AbortController();
  const apps = new Map<string, App>();
  const down = new Set<string>();
  const hook = { onSeederCall: (_address: string) => {} };
  const transport: Transport = async (request) => {
    const { origin } = new URL(request.url);
    if (origin !== trackerAddress) hook.onSeederCall(origin);
    const app = apps.get(origin);
    if (app === undefined || down.has(origin)) throw new TypeError("connection refused");
    return await app(request, "127.0.0.1");
  };
  const tracker = await openTracker({
    ...parts,
    catalog: openMemoryCatalog(),
    stateDirectory: `${directory}/tracker`,
    publicUrl: trackerAddress,
  });
  apps.set(trackerAddress, tracker.app);
  const running: Promise<unknown>[] = [tracker.run(stop.signal)];
  const stores: MemoryStore[] = [];
  const seeders = [];
  for (const i of [1, 2, 3]) {
    const store = openMemoryStore();
    const seeder = await openSeeder({
      ...parts,
      store,
      stateDirectory: `${directory}/seeder-${i}`,
      name: `seeder-${i}`,
      joinCode: () => Promise.resolve(tracker.joinCode()),
      transport,
    });
    apps.set(addressOf(i), seeder.app);
    running.push(seeder.run({ host: `seeder-${i}`, port: 9 }, stop.signal));
    stores.push(store);
    seeders.push(seeder);
  }
  try {
    const until = performance.now() + 20_000;
    while (!seeders.every((one) => one.joined)) {
      assert.ok(performance.now() < until, "the seeders did not join");
      await parts.clock.sleep(5);
    }
    const { token } = await login({ ...parts, code: tracker.loginCode(), transport });
    const session = openSession({ ...parts, trackerAddress, token, transport });
    await work(Object.assign(hook, { session, stores, directory, down }));
  } finally {
    stop.abort();
    await Promise.all(running);
    for (const seeder of seeders) await seeder.close();
    await tracker.close();
    await Deno.remove(directory, { recursive: true });
  }
}

async function put(cluster: Cluster, files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) {
  const sources: UploadSource[] = [];
  for (const [name, bytes] of files) {
    const localPath = `${cluster.directory}/${name}`;
    await Deno.writeFile(localPath, bytes);
    const content = { kind: "file" as const, localPath, sizeBytes: bytes.length };
    sources.push({ path: remote(`/${name}`), content, modifiedMs: 1, mode: 0o644 });
  }
  const { observer } = tallyObserver();
  const options = { condition: { kind: "create" as const }, observer, chunkSizeBytes: mib };
  const results = await Array.fromAsync(uploadFiles(cluster.session, sources, options));
  for (const result of results) {
    assert.equal(result.fault, undefined, String(result.fault));
    assert.ok((result.copies ?? 0) >= 2, `${result.path} has ${result.copies} copies`);
  }
  assert.equal(results.length, files.size);
}

async function get(cluster: Cluster, files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) {
  const { observer, tally } = tallyObserver();
  const wanted = [...files.keys()].map((name) => ({
    target: { path: remote(`/${name}`) },
    localPath: `${cluster.directory}/${name}.got`,
    name,
  }));
  const options = { force: false, observer };
  const results = await Array.fromAsync(downloadFiles(cluster.session, wanted, options));
  for (const result of results) assert.equal(result.fault, undefined, String(result.fault));
  for (const [name, bytes] of files) {
    assertSame(await Deno.readFile(`${cluster.directory}/${name}.got`), bytes);
  }
  return tally;
}

Deno.test("a real cluster keeps files of every shape in two copies and gives them back", () =>
  withCluster(async (cluster) => {
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    const packed = limits.packedChunkBytesMax;
    const sizes = [0, 1, packed - 1, packed, packed + 1, mib, mib + 1, 20 * mib + 5];
    for (const sizeBytes of sizes) files.set(`size-${sizeBytes}`, bytesOf(sizeBytes, sizeBytes));
    for (let i = 0; i < 300; i++) files.set(`small-${i}`, bytesOf(10 * i, i + 1));
    await put(cluster, files);
    const copies = new Map<string, number>();
    for (const store of cluster.stores) {
      for (const { chunkId } of await store.list(undefined, 10_000)) {
        copies.set(chunkId, (copies.get(chunkId) ?? 0) + 1);
      }
    }
    assert.deepEqual(new Set(copies.values()), new Set([2]));
    const tally = await get(cluster, files);
    assert.ok(tally.through.size > 1);
  }));

Deno.test("a real cluster finishes an upload when a seeder dies in the middle", () =>
  withCluster(async (cluster) => {
    let calls = 0;
    cluster.onSeederCall = () => {
      if (++calls === 6) cluster.down.add(addressOf(2));
    };
    const files = new Map([["a", bytesOf(16 * mib, 1)], ["b", bytesOf(100, 2)]]);
    await put(cluster, files);
    await get(cluster, files);
  }));

Deno.test("a real cluster finishes a download when a seeder dies in the middle", () =>
  withCluster(async (cluster) => {
    const files = new Map([["a", bytesOf(16 * mib, 1)]]);
    await put(cluster, files);
    let calls = 0;
    cluster.onSeederCall = () => {
      if (++calls === 5) cluster.down.add(addressOf(1));
    };
    await get(cluster, files);
  }));

Deno.test("a real cluster shows no wrong byte of a damaged copy", () =>
  withCluster(async (cluster) => {
    const files = new Map([["a", bytesOf(8 * mib, 1)]]);
    await put(cluster, files);
    const [store] = cluster.stores;
    for (const { chunkId } of await store?.list(undefined, 100) ?? []) store?.damage(chunkId);
    await get(cluster, files);
  }));
