/**
 * Adoption on the machine's own disk: only that has names that are no UTF-8, folders that others
 * change into links, and programs that act for another user.
 */
import assert from "node:assert/strict";
import { type ChunkId, chunkIdOf, RemotePath } from "../../../protocol/mod.ts";
import type { Disk } from "../../../roles/kit/disk.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";
import { Adoption } from "../../../roles/seeder/adoption.ts";
import { Load } from "../../../roles/seeder/load.ts";
import { type DiskStore, openDiskStore } from "../../../roles/seeder/store/disk_store.ts";
import { until } from "../../cluster/cluster.ts";
import { HandClock } from "../tracker/tracker_world.ts";

async function withRealFolder(work: (folder: string, top: string) => Promise<void>): Promise<void> {
  const top = await Deno.makeTempDir({ prefix: "offshore-adoption-" });
  const folder = `${top}/disk`;
  await Deno.mkdir(`${folder}/.offshore/seeder`, { recursive: true });
  try {
    await work(folder, top);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

/** One look at a real folder, far in the future, so that all in it rests. */
async function lookAt(
  folder: string,
  disk: Disk,
): Promise<{ adoption: Adoption; store: DiskStore }> {
  const clock = new HandClock();
  clock.advance(Date.now() + 60_000 - clock.now());
  const store = await openDiskStore({
    ...{ disk, clock, random: seededRandom(1), log: silentLog },
    ...{ directory: `${folder}/.offshore/seeder`, folder },
  });
  const { adopted } = store;
  assert(adopted !== undefined);
  const parts = { disk, folder, store, adopted, load: new Load(clock), clock, log: silentLog };
  const adoption = new Adoption({ ...parts, enabled: true });
  const stop = new AbortController();
  const ended = adoption.run(stop.signal);
  await until("the look ends", () => Promise.resolve(adoption.report.state === "resting"));
  stop.abort();
  await ended;
  return { adoption, store };
}

Deno.test("names that are no UTF-8 are left out one by one, and no neighbour is taken for one", () =>
  withRealFolder(async (folder) => {
    const made = await new Deno.Command("sh", {
      args: [
        "-c",
        `cd "$1" && printf a >"$(printf 'caf\\351')" && printf b >"$(printf 'caf\\350')" &&
        printf c >"$(printf 'caf\\357\\277\\275')" && mkdir "$(printf 'dir\\351')" &&
        printf d >"$(printf 'dir\\351')/inside"`,
        ...["sh", folder],
      ],
    }).output();
    assert.ok(made.success, new TextDecoder().decode(made.stderr));
    const { adoption: { report }, store } = await lookAt(folder, systemDisk());
    assert.deepEqual([report.filesIndexed, report.leftOutCount], [1, 3]);
    for (const { source, why } of report.leftOut) {
      assert.match(source, /^\/(caf|dir)\\xe[89]$/);
      assert.match(why, /not valid UTF-8: rename it/);
    }
    const neighbour = await store.adopted?.known(RemotePath.parse("/caf\ufffd"));
    assert.equal(neighbour?.sizeBytes, 1);
    await store.close();
  }));

Deno.test("no file outside is adopted when a folder becomes a link as it is looked at", () =>
  withRealFolder(async (folder, top) => {
    await Deno.mkdir(`${folder}/a`);
    await Deno.mkdir(`${top}/outside`);
    await Deno.writeTextFile(`${folder}/a/key`, "mine");
    await Deno.writeTextFile(`${top}/outside/key`, "root");
    const real = systemDisk();
    const secret = chunkIdOf(new TextEncoder().encode("root"));
    // Swapped as soon as its names are known, and left so.
    let lists = 0;
    const disk: Disk = {
      ...real,
      list: async (path) => {
        const entries = await real.list(path);
        // The first is only counting.
        if (path === `${folder}/a` && ++lists === 2) {
          await Deno.rename(`${folder}/a`, `${folder}/away`);
          await Deno.symlink(`${top}/outside`, `${folder}/a`);
        }
        return entries;
      },
    };
    const { adoption: { report }, store } = await lookAt(folder, disk);
    assert.equal(report.leftOut.some(({ source }) => source === "/a/key"), true);
    const ids: ChunkId[] = [];
    for await (const part of partsOf(store)) ids.push(...part);
    assert.equal(ids.includes(secret), false);
    await store.close();
  }));

async function* partsOf(store: DiskStore): AsyncGenerator<readonly ChunkId[]> {
  const { adopted } = store;
  assert(adopted !== undefined);
  for (let file = 1; file <= adopted.highest; file++) {
    for await (const { chunks } of adopted.partsOf(file)) yield chunks;
  }
}

Deno.test("programs that act for another user are adopted without that", () =>
  withRealFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/tool`, "#!");
    await Deno.chmod(`${folder}/tool`, 0o6755);
    const { store } = await lookAt(folder, systemDisk());
    assert.equal((await store.adopted?.known(RemotePath.parse("/tool")))?.mode, 0o755);
    await store.close();
  }));
