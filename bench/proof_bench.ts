/**
 * What a question costs its holder: reading a chunk, its id and the answer, beside the id alone,
 * from memory and from the disk's cache. `deno run -A bench/proof_bench.ts [MIB]`
 */
import { type ChunkId, chunkIdOf, limits } from "../protocol/mod.ts";
import { silentLog } from "../roles/kit/log.ts";
import { systemClock } from "../roles/kit/clock.ts";
import { systemDisk } from "../roles/kit/system_disk.ts";
import { systemRandom } from "../roles/kit/random.ts";
import { answerTo } from "../roles/seeder/answer.ts";
import { openDiskStore } from "../roles/seeder/mod.ts";

const mib = 1024 * 1024;
const totalBytes = Number(Deno.args[0] ?? 512) * mib;
const nonce = systemRandom().bytes(32).toHex();

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const startedMs = performance.now();
  await work();
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`${what}: ${Math.round(totalBytes / mib / seconds)} MiB/s`);
}

const directory = await Deno.makeTempDir({ prefix: "offshore-proof-" });
const parts = { clock: systemClock(), random: systemRandom(), log: silentLog };
const store = await openDiskStore({ disk: systemDisk(), directory, ...parts });
for (const sizeBytes of [limits.chunkBytesDefault, limits.packedChunkBytesMax / 4]) {
  const bytes = new Uint8Array(sizeBytes);
  const ids: ChunkId[] = [];
  for (let i = 0; i * sizeBytes < totalBytes; i++) {
    new DataView(bytes.buffer).setUint32(0, i);
    const chunkId = chunkIdOf(bytes);
    const [result] = await store.putMany([{ chunkId, bytes: bytes.slice() }]);
    if (result !== "stored") throw result;
    ids.push(chunkId);
  }
  console.log(`${ids.length} chunks of ${sizeBytes / 1024} KiB`);
  await timed("  verify, the id alone", async () => {
    for (const chunkId of ids) await store.verify(chunkId);
  });
  await timed("  answer, id and proof", async () => {
    for (const chunkId of ids) await answerTo(store, chunkId, nonce);
  });
}
await store.close();
await Deno.remove(directory, { recursive: true });
