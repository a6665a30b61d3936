/**
 * What a snapshot of a catalog costs, and what a tracker that begins with one saves: the same
 * catalog is filled from its whole log and from a snapshot with the log after it, in one run, on
 * real SQLite files. Prints; asserts only that both are the same. Networks are left out.
 *
 * `deno run -A bench/snapshot_bench.ts [FILES] [REWRITES]`
 */
import assert from "node:assert/strict";
import {
  ChunkId,
  ClusterId,
  SecretKey,
  signRecord,
  startManifestDigest,
  VersionId,
} from "../protocol/mod.ts";
import { randomHex, systemRandom } from "../roles/kit/random.ts";
import { systemDisk } from "../roles/kit/system_disk.ts";
import type { Catalog, LogRow } from "../roles/tracker/catalog/catalog.ts";
import { rulingAuthority } from "../tests/roles/tracker/ruling.ts";
import { commitOperation, ensureRoot } from "../roles/tracker/log/operations.ts";
import { replayRows } from "../roles/tracker/log/operations.ts";
import { openSqliteCatalog } from "../roles/tracker/mod.ts";
import {
  markOf,
  restoreSnapshot,
  rowsAtOnceAlone,
  writeSnapshot,
} from "../roles/tracker/snapshots/snapshot_restore.ts";

const files = Number(Deno.args[0] ?? 100_000);
const rewrites = Number(Deno.args[1] ?? 2);
const tailShare = 0.05;
const perDirectory = 1000;
const clusterKey = SecretKey.parse("5".repeat(64));
const clusterId = ClusterId.parse("c".repeat(16));
const pause = () => new Promise<void>((resolve) => setTimeout(resolve));
const random = systemRandom();
const disk = systemDisk();

/** Every file written once, and again `rewrites` times. */
function* operations(): Generator<Parameters<typeof commitOperation>[2]> {
  const by = "bench", modifiedMs = 1_700_000_000_000;
  const directories = Math.ceil(files / perDirectory);
  for (let i = 0; i < directories; i++) {
    const place = { nodeId: 2 + i, parentId: 1, name: `directory-${i}` };
    yield { kind: "make-directory", ...place, mode: 0o755, modifiedMs, by };
  }
  const current = new Map<number, VersionId>();
  for (let round = 0; round <= rewrites; round++) {
    for (let i = 0; i < files; i++) {
      const place = { parentId: 2 + Math.floor(i / perDirectory), name: `photo-${i}.jpeg` };
      const nodeId = 2 + directories + i;
      const versionId = VersionId.parse(randomHex(random, 32));
      const chunk = { chunkId: ChunkId.parse(randomHex(random, 64)), sizeBytes: 90_000 };
      const chunkSizeBytes = 4 * 1024 * 1024;
      const digest = startManifestDigest(chunkSizeBytes);
      digest.add(chunk);
      const replaces = current.get(i);
      current.set(i, versionId);
      yield {
        ...{ kind: "write-file", ...place, nodeId, versionId, mode: 0o644, modifiedMs, by },
        ...(replaces === undefined ? {} : { replaces }),
        ...{ createdMs: modifiedMs, sizeBytes: chunk.sizeBytes, chunkSizeBytes, chunkCount: 1 },
        ...{ manifestDigest: digest.hex(), copies: 2 },
        chunks: [chunk],
      };
    }
  }
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const startMs = performance.now();
  return [await work(), (performance.now() - startMs) / 1000];
}

/** Does the log of `from` again after `last`. */
async function replayed(from: Catalog, to: Catalog, last?: LogRow): Promise<number> {
  let previous = last, count = 0;
  for (;;) {
    const after = previous?.sequence ?? 0;
    const rows = await from.read((view) => view.logAfter(after, 256));
    if (rows.length === 0) return count;
    const before = previous;
    await to.transaction((tx) => replayRows(tx, rows, before));
    previous = rows.at(-1);
    count += rows.length;
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await Deno.stat(path)).size / 1024 / 1024;
}

const directory = await Deno.makeTempDir({ prefix: "offshore-bench-" });
try {
  const live = await openSqliteCatalog(`${directory}/live.sqlite`);
  await live.transaction(ensureRoot);
  const permit = rulingAuthority().acknowledge();
  const stamp = { permit, epoch: 1, term: "1".repeat(16), nowMs: 1_700_000_000_000 };
  const all = [...operations()];
  const cut = Math.floor(all.length * (1 - tailShare));
  const path = `${directory}/snapshot`;
  let at: ReturnType<typeof signRecord> | undefined;
  let mark: Awaited<ReturnType<typeof writeSnapshot>> | undefined;
  for (let i = 0; i < all.length; i += 500) {
    if (mark === undefined && i >= cut) {
      const head = await live.read((view) => view.logHead());
      assert(head !== undefined);
      at = signRecord(clusterKey, head);
      const parts = { clusterId, clusterKey, at };
      const [made, seconds] = await timed(() => writeSnapshot(live, parts, disk, path, pause));
      mark = made;
      console.log(
        `snapshot of ${files} files at operation ${head.sequence}: ${seconds.toFixed(1)} s, ` +
          `${(made.sizeBytes / 1024 / 1024).toFixed(1)} MiB`,
      );
    }
    await live.transaction(async (tx) => {
      for (const operation of all.slice(i, i + 500)) await commitOperation(tx, stamp, operation);
    });
  }
  assert(mark !== undefined && at !== undefined);
  const head = await live.read((view) => view.logHead());
  assert(head !== undefined);

  const whole = await openSqliteCatalog(`${directory}/whole.sqlite`);
  await whole.transaction(ensureRoot);
  const [count, wholeSeconds] = await timed(() => replayed(live, whole));
  const text = await live.read((view) => view.logAfter(0, 1000));
  const lineBytes = text.reduce((sum, row) => sum + JSON.stringify(row).length + 62, 0) / 1000;
  console.log(
    `whole log, ${count} operations, about ${(count * lineBytes / 1024 / 1024).toFixed(0)} MiB ` +
      `on a seeder: done again in ${wholeSeconds.toFixed(1)} s`,
  );

  const [proved, proveSeconds] = await timed(async () => {
    const restored = await openSqliteCatalog(`${directory}/restored.sqlite`);
    const file = { disk, path };
    const row = await restoreSnapshot(restored, file, mark, clusterKey, pause, rowsAtOnceAlone);
    return { restored, row };
  });
  console.log(`restored from the snapshot in ${proveSeconds.toFixed(1)} s`);
  const [again, compareSeconds] = await timed(() =>
    markOf(proved.restored, { clusterId, clusterKey, at }, pause)
  );
  assert.equal(again.digest, mark.digest);
  console.log(`compared with what it was made from in ${compareSeconds.toFixed(1)} s`);
  const [tail, tailSeconds] = await timed(() => replayed(live, proved.restored, proved.row));
  const rebuildSeconds = proveSeconds + tailSeconds;
  console.log(
    `and ${tail} operations after it in ${tailSeconds.toFixed(1)} s: ` +
      `${rebuildSeconds.toFixed(1)} s in all, ${
        (wholeSeconds / rebuildSeconds).toFixed(1)
      } times ` +
      "as fast as the whole log",
  );
  const parts = { clusterId, clusterKey, at: signRecord(clusterKey, head) };
  const marks = await Promise.all(
    [live, whole, proved.restored].map((one) => markOf(one, parts, pause)),
  );
  assert.equal(new Set(marks.map(({ digest }) => digest)).size, 1, "all three are the same");
  console.log(
    `catalog ${(await sizeOf(`${directory}/live.sqlite`)).toFixed(0)} MiB with the whole log, ` +
      `${(await sizeOf(`${directory}/restored.sqlite`)).toFixed(0)} MiB with the log after the ` +
      `snapshot; memory ${(Deno.memoryUsage().rss / 1024 / 1024).toFixed(0)} MiB, most of it the ` +
      "bench's own list of operations",
  );
  for (const catalog of [live, whole, proved.restored]) await catalog.close();
} finally {
  await Deno.remove(directory, { recursive: true });
}
