/** Damages stored chunks behind a store's back, on any disk. */
import { type ChunkId, Fault } from "../../../../protocol/mod.ts";
import type { Disk } from "../../../../roles/kit/disk.ts";
import { recordHeadBytes } from "../../../../roles/seeder/store/pack_format.ts";
import { type PackRecord, scanPack } from "../../../../roles/seeder/store/pack_scan.ts";

export async function flipByte(disk: Disk, path: string, offset: number): Promise<void> {
  const file = await disk.open(path, "update");
  const byte = new Uint8Array(1);
  await file.read(byte, offset);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  await file.write(byte, offset);
  await file.sync();
  file.close();
}

/** The packs of a store, in the order of their numbers. */
export async function packPaths(disk: Disk, directory: string): Promise<string[]> {
  const entries = await disk.list(`${directory}/packs`);
  return entries.filter((entry) => entry.name.endsWith(".pack"))
    .map((entry) => `${directory}/packs/${entry.name}`).sort();
}

export async function recordsOf(disk: Disk, path: string): Promise<readonly PackRecord[]> {
  const file = await disk.open(path, "read");
  try {
    return (await scanPack(file)).records;
  } finally {
    file.close();
  }
}

/** Flips a byte of every copy of a chunk that a store in `directory` keeps. */
export async function damageChunk(
  disk: Disk,
  directory: string,
  chunkId: ChunkId,
): Promise<void> {
  const path = `${directory}/chunks/${chunkId.slice(0, 2)}/${chunkId}`;
  if (await disk.stat(path) !== undefined) return await flipByte(disk, path, 0);
  for (const pack of await packPaths(disk, directory)) {
    for (const record of await recordsOf(disk, pack)) {
      if (record.chunkId === chunkId && record.kind === "store") {
        await flipByte(disk, pack, record.offset + recordHeadBytes);
      }
    }
  }
}

/** A file may be dropped or rewritten while it is looked at: then it is left alone. */
async function unlessGone(work: () => Promise<void>): Promise<void> {
  await work().catch((error) => {
    if (!(error instanceof Fault && error.code === "local-not-found")) throw error;
  });
}

/**
 * Flips a byte of `count` chunk files and of `count` packed chunks in each pack of a store that may
 * be in use; the ids of those chunks.
 */
export async function damageSome(
  disk: Disk,
  directory: string,
  count: number,
): Promise<Set<string>> {
  const bad = new Set<string>();
  const paths: string[] = [];
  for (const shelf of await disk.list(`${directory}/chunks`)) {
    for (const { name } of await disk.list(`${directory}/chunks/${shelf.name}`)) {
      paths.push(`${directory}/chunks/${shelf.name}/${name}`);
    }
  }
  for (const path of paths.sort().slice(0, count)) {
    await unlessGone(async () => {
      await flipByte(disk, path, 12_345);
      bad.add(path.slice(path.lastIndexOf("/") + 1));
    });
  }
  for (const pack of await packPaths(disk, directory)) {
    await unlessGone(async () => {
      const stored = (await recordsOf(disk, pack)).filter(({ kind }) => kind === "store");
      for (const record of stored.slice(0, count)) {
        await flipByte(disk, pack, record.offset + recordHeadBytes + 1);
        bad.add(record.chunkId);
      }
    });
  }
  return bad;
}
