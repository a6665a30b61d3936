/** Damages stored chunks behind a store's back, on any disk. */
import type { ChunkId } from "../../../../protocol/mod.ts";
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
