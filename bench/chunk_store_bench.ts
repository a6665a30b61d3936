/**
 * The chunk store against plain files: the same bytes written, synced and closed in the same run,
 * so that the ratio says what checking, naming and keeping books cost. `deno run -A
 * bench/chunk_store_bench.ts [DIRECTORY]`
 */
import { chunkIdOf } from "../protocol/mod.ts";
import { systemClock } from "../roles/kit/clock.ts";
import { silentLog } from "../roles/kit/log.ts";
import { seededRandom, systemRandom } from "../roles/kit/random.ts";
import { systemDisk } from "../roles/kit/system_disk.ts";
import { openDiskStore } from "../roles/seeder/mod.ts";

const mib = 1024 * 1024;
const root = await Deno.makeTempDir({
  prefix: "offshore-bench-",
  ...(Deno.args[0] === undefined ? {} : { dir: Deno.args[0] }),
});

function chunksOf(count: number, sizeBytes: number, seed: number) {
  const page = seededRandom(seed).bytes(4096);
  return Array.from({ length: count }, (_, i) => {
    const bytes = new Uint8Array(sizeBytes);
    for (let at = 0; at < sizeBytes; at += 4096) {
      bytes.set(page.subarray(0, Math.min(4096, sizeBytes - at)), at);
    }
    new DataView(bytes.buffer).setUint32(0, i);
    return { chunkId: chunkIdOf(bytes), bytes };
  });
}

async function* inParts(bytes: Uint8Array<ArrayBuffer>) {
  for (let at = 0; at < bytes.length; at += 65_536) {
    yield await Promise.resolve(bytes.subarray(at, at + 65_536));
  }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}

/** `lanes` works at a time. */
async function inLanes<T>(items: readonly T[], lanes: number, work: (item: T) => Promise<unknown>) {
  const waiting = items.values();
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (const item of waiting) await work(item);
  }));
}

let plainFiles = 0;
async function plain(bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(`${root}/plain-${plainFiles++}`, { write: true, create: true });
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  await file.sync();
}

try {
  const store = await openDiskStore({
    disk: systemDisk(),
    directory: `${root}/store`,
    clock: systemClock(),
    random: systemRandom(),
    log: silentLog,
    reserveBytes: 0,
  });
  const large = chunksOf(64, 4 * mib, 1);
  for (const lanes of [1, 4]) {
    const plainS = await seconds(() => inLanes(large, lanes, ({ bytes }) => plain(bytes)));
    const storeS = await seconds(() =>
      inLanes(
        large,
        lanes,
        ({ chunkId, bytes }) => store.put(chunkId, bytes.length, inParts(bytes)),
      )
    );
    for (const { chunkId } of large) await store.drop(chunkId);
    const rate = (s: number) => `${(large.length * 4 / s).toFixed(0)} MiB/s`;
    console.log(
      `put 4 MiB chunks, ${lanes} at a time: ${rate(storeS)}; plain write and sync ` +
        `${rate(plainS)}; ratio ${(plainS / storeS).toFixed(2)}`,
    );
  }
  const small = chunksOf(4000, 8192, 2);
  const plainS = await seconds(() =>
    inLanes(small.slice(0, 1000), 16, ({ bytes }) => plain(bytes))
  );
  const oneS = await seconds(() =>
    inLanes(
      small.slice(0, 1000),
      16,
      ({ chunkId, bytes }) => store.put(chunkId, bytes.length, inParts(bytes)),
    )
  );
  const manyS = await seconds(async () => {
    for (let at = 1000; at < small.length; at += 300) {
      await store.putMany(small.slice(at, at + 300));
    }
  });
  const perS = (count: number, s: number) => `${(count / s).toFixed(0)}/s`;
  console.log(
    `put 8 KiB chunks, 16 at a time: ${perS(1000, oneS)}; plain files with sync ` +
      `${perS(1000, plainS)}; ratio ${(plainS / oneS).toFixed(2)}`,
  );
  console.log(
    `putMany 300 chunks of 8 KiB: ${perS(3000, manyS)}; ratio to plain files ` +
      `${(3000 / manyS / (1000 / plainS)).toFixed(2)}`,
  );
  await store.close();
} finally {
  await Deno.remove(root, { recursive: true });
}
