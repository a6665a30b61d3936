/** The chunk store suite over every engine. */
import { Fault } from "../../protocol/mod.ts";
import { systemClock } from "../../roles/kit/clock.ts";
import type { Disk } from "../../roles/kit/disk.ts";
import { silentLog } from "../../roles/kit/log.ts";
import { seededRandom, systemRandom } from "../../roles/kit/random.ts";
import { systemDisk } from "../../roles/kit/system_disk.ts";
import { openDiskStore } from "../../roles/seeder/store/disk_store.ts";
import { openMemoryStore } from "../../roles/seeder/store/memory_store.ts";
import { damageChunk } from "../roles/seeder/store/damage.ts";
import { SimDisk } from "../simulation/machine/sim_disk.ts";
import { chunkStoreSuite, type StorePlace } from "./chunk_store_suite.ts";

chunkStoreSuite("memory store", () => {
  const store = openMemoryStore();
  return Promise.resolve({
    open: () => Promise.resolve(store),
    keeps: false,
    damage: (_, chunkId) => Promise.resolve(store.damage(chunkId)),
    openSmall: (bytes) => Promise.resolve(openMemoryStore({ totalBytes: bytes })),
    remove: () => Promise.resolve(),
  });
});

function diskPlace(
  disk: Disk,
  directory: string,
  remove: () => Promise<void>,
  folder?: string,
): StorePlace {
  const open = (on: Disk, at: string, reserveBytes: number) =>
    openDiskStore({
      disk: on,
      directory: at,
      clock: systemClock(),
      random: systemRandom(),
      log: silentLog,
      reserveBytes,
      ...(folder === undefined ? {} : { folder }),
    });
  return {
    open: () => open(disk, directory, 1024),
    keeps: true,
    damage: (_, chunkId) => damageChunk(disk, directory, chunkId),
    openSmall: (bytes) => open(smallDisk(disk, bytes), `${directory}/small`, 50_000),
    remove,
  };
}

/** A disk that counts what is written through it as if nothing else were on it and nothing went. */
function smallDisk(disk: Disk, totalBytes: number): Disk {
  let usedBytes = 0;
  return {
    ...bound(disk),
    space: () => Promise.resolve({ totalBytes, freeBytes: Math.max(0, totalBytes - usedBytes) }),
    open: async (path, how, mode) => {
      const file = await disk.open(path, how, mode);
      return {
        read: (buffer, offset) => file.read(buffer, offset),
        write: (bytes, offset) => {
          if (usedBytes + bytes.length > totalBytes) {
            return Promise.reject(new Fault("disk-full", "no space left on device"));
          }
          usedBytes += bytes.length;
          return file.write(bytes, offset);
        },
        sizeBytes: () => file.sizeBytes(),
        truncate: (size) => file.truncate(size),
        sync: () => file.sync(),
        stat: () => file.stat(),
        tryLock: () => file.tryLock(),
        close: () => file.close(),
      };
    },
  };
}

/** The methods of a disk as plain functions, so that some can be put in the place of others. */
function bound(disk: Disk): Disk {
  return {
    open: (path, how, mode) => disk.open(path, how, mode),
    stream: (path, start, end) => disk.stream(path, start, end),
    rename: (from, to) => disk.rename(from, to),
    renameIfFree: (from, to) => disk.renameIfFree(from, to),
    remove: (path) => disk.remove(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    makeNewDirectory: (path, mode) => disk.makeNewDirectory(path, mode),
    list: (path) => disk.list(path),
    stat: (path) => disk.stat(path),
    realPath: (path) => disk.realPath(path),
    readLink: (path) => disk.readLink(path),
    makeLink: (path, target) => disk.makeLink(path, target),
    setAttributes: (path, attributes) => disk.setAttributes(path, attributes),
    syncDirectory: (path) => disk.syncDirectory(path),
    space: (path) => disk.space(path),
  };
}

chunkStoreSuite("disk store on a simulated disk", () => {
  const disk = new SimDisk({ random: seededRandom(1) });
  return Promise.resolve(diskPlace(disk, "/store", () => Promise.resolve()));
});

chunkStoreSuite("disk store beside a person's files", () => {
  const disk = new SimDisk({ random: seededRandom(2) });
  disk.plantDirectory("/folder");
  disk.plant("/folder/theirs", new Uint8Array(100));
  return Promise.resolve(diskPlace(disk, "/store", () => Promise.resolve(), "/folder"));
});

chunkStoreSuite("disk store on the real disk", async () => {
  const directory = await Deno.makeTempDir({ prefix: "offshore-store-" });
  return diskPlace(
    systemDisk(),
    directory,
    () => Deno.remove(directory, { recursive: true }),
  );
});
