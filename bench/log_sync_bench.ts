/**
 * What it costs that the log is on seeders before a change is acknowledged: directories made a
 * second by one caller and by 64 at once, with the log on the tracker's disk alone and on two of
 * three seeders, in one run and over real sockets and disks. All on this machine, so the seeders'
 * syncs compete with the tracker's.
 *
 *   deno run -A bench/log_sync_bench.ts
 */
import { connect, RemotePath, trackerRoutes } from "../protocol/mod.ts";
import { login } from "../roles/client/cluster/session.ts";
import { systemClock } from "../roles/kit/clock.ts";
import { listen, urlOf } from "../roles/kit/listen.ts";
import { silentLog } from "../roles/kit/log.ts";
import { systemRandom } from "../roles/kit/random.ts";
import { systemDisk } from "../roles/kit/system_disk.ts";
import { systemTransport } from "../roles/kit/system_transport.ts";
import type { App } from "../roles/kit/serve.ts";
import { openDiskStore, openSeeder } from "../roles/seeder/mod.ts";
import { openSqliteCatalog, openTracker } from "../roles/tracker/mod.ts";
import type { LogSync } from "../roles/tracker/plan/log_sync.ts";

const spanMs = 3_000;
const clock = systemClock(), random = systemRandom(), disk = systemDisk(), log = silentLog;

function served(late: { app?: App }): ReturnType<typeof listen> {
  return listen(
    (request, peer) =>
      late.app?.(request, peer) ?? Promise.resolve(new Response("", { status: 503 })),
    "127.0.0.1",
    0,
  );
}

async function measure(logSync: LogSync, callers: number): Promise<number> {
  const directory = await Deno.makeTempDir({ dir: Deno.args[0] ?? ".", prefix: ".bench-" });
  const transport = systemTransport();
  const late: { app?: App } = {};
  const listener = await served(late);
  const publicUrl = urlOf(listener.host, listener.port);
  const stateDirectory = `${directory}/tracker`;
  await Deno.mkdir(stateDirectory);
  const catalog = await openSqliteCatalog(`${stateDirectory}/catalog.sqlite`);
  const common = { disk, clock, random, log };
  const parts = { ...common, catalog, stateDirectory, publicUrl, logSync };
  const tracker = await openTracker(parts);
  late.app = tracker.app;
  const stop = new AbortController();
  const running: Promise<unknown>[] = [tracker.run(stop.signal)];
  const seeders = await Promise.all([1, 2, 3].map(async (number) => {
    const folder = `${directory}/seeder-${number}`;
    await Deno.mkdir(folder);
    const store = await openDiskStore({ ...common, directory: folder });
    const joinCode = () => Promise.resolve(tracker.joinCode());
    const seeder = await openSeeder({
      ...{ ...common, store, joinCode, transport },
      stateDirectory: folder,
      name: `seeder-${number}`,
    });
    running.push(seeder.run({ port: 1, host: "127.0.0.1" }, stop.signal));
    return { seeder, store };
  }));
  while (!seeders.every(({ seeder }) => seeder.joined)) await clock.sleep(20);
  const { token } = await login({ code: tracker.loginCode(), transport, clock, random });
  const person = connect(trackerRoutes, publicUrl, transport, "the tracker", { token });
  let count = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: callers }, async () => {
    while (performance.now() - start < spanMs) {
      await person.makeDirectories({ paths: [RemotePath.parse(`/d${count++}`)], parents: false });
    }
  }));
  const rate = count * 1000 / (performance.now() - start);
  stop.abort();
  await Promise.all(running);
  await listener.stop(1_000);
  for (const { seeder, store } of seeders) {
    await seeder.close();
    await store.close();
  }
  await catalog.close();
  transport.close();
  await Deno.remove(directory, { recursive: true });
  return rate;
}

for (const callers of [1, 64]) {
  const local = await measure("local", callers);
  const seeders = await measure("seeders", callers);
  console.log(
    `${callers} callers: ${local.toFixed(0)} changes/s on the tracker's disk, ` +
      `${seeders.toFixed(0)} on two of three seeders as well ` +
      `(${(seeders / local * 100).toFixed(0)} %, ${(callers * 1000 / seeders).toFixed(1)} ms each)`,
  );
}
