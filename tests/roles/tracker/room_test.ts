/** A tracker on a disk that runs full: what it refuses, what goes on, and the way back. */
import assert from "node:assert/strict";
import { limits, startManifestDigest } from "../../../protocol/mod.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom, systemRandom } from "../../../roles/kit/random.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";
import { Room } from "../../../roles/tracker/room.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import {
  chunkOf,
  openOf,
  path,
  refusedWith,
  stateDirectory,
  TrackerWorld,
} from "./tracker_world.ts";

const mib = 1024 * 1024;

async function roomOn(disk: SimDisk): Promise<Room> {
  disk.plantDirectory(stateDirectory);
  return await Room.open({ disk, stateDirectory, random: seededRandom(3), log: silentLog });
}

/** Others fill the disk up to so many free bytes. */
async function fillTo(disk: SimDisk, freeBytes: number): Promise<void> {
  disk.uproot("/filler");
  const { freeBytes: now } = await disk.space("/");
  const file = await disk.open("/filler", "create");
  for (let left = now - freeBytes, offset = 0; left > 0;) {
    const size = Math.min(left, mib);
    await file.write(new Uint8Array(size), offset);
    offset += size;
    left -= size;
  }
  file.close();
}

Deno.test("the room keeps a reserve, lets it go when others fill the disk, takes it again", async () => {
  const disk = new SimDisk({ random: seededRandom(1), capacityBytes: 20 * mib });
  const room = await roomOn(disk);
  const held = async () => (await disk.stat(`${stateDirectory}/reserve`))?.sizeBytes;
  assert.equal(await held(), mib);
  assert.equal(room.isLow, false);
  room.check();
  await fillTo(disk, 0.75 * mib);
  await room.step(0);
  assert.equal(room.isLow, true);
  assert.equal(await held(), mib, "while there is some room it is kept");
  await refusedWith("disk-full", Promise.resolve().then(() => room.check()));
  await fillTo(disk, 0);
  await room.step(0);
  assert.equal(await held(), 0.75 * mib);
  assert.equal((await disk.space("/")).freeBytes, 0.25 * mib);
  for (let i = 0; i < 9; i++) {
    await fillTo(disk, 0);
    await room.step(0);
  }
  assert.equal(await held(), 0);
  const again = await roomOn(disk);
  assert.equal(again.isLow, true, "a tracker that starts on a full disk knows at once");
  disk.uproot("/filler");
  await room.step(0);
  assert.equal(room.isLow, false);
  assert.equal(await held(), mib);
});

Deno.test("a tracker whose disk is full refuses what grows, and removes, lists and purges", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const disk = new SimDisk({ random: seededRandom(1), capacityBytes: 20 * mib });
  world.room = await roomOn(disk);
  await world.start();
  await world.pass(2_000);
  await world.upload("/kept", [chunkOf(1)]);
  await world.upload("/old", [chunkOf(2)]);
  const uploadId = world.uploadId();
  await world.admin.openUploads({ uploads: [openOf(uploadId, "/under-way")] });
  await fillTo(disk, 0.5 * mib);
  await world.room.step(0);
  const { admin } = world;
  const openings = { uploads: [openOf(world.uploadId(), "/new")] };
  const fault = await refusedWith("disk-full", admin.openUploads(openings));
  assert.match(fault.next, /trash empty/);
  await refusedWith("disk-full", admin.makeDirectories({ paths: ["/d"], parents: false }));
  await refusedWith("disk-full", offerOf(world));
  assert.equal((await admin.list({ path: "/" })).entries.length, 2);
  await admin.remove({ path: "/old", what: "file" });
  await admin.move({ from: "/kept", to: "/moved", replace: false });
  assert.equal((await admin.emptyTrash({ trashIds: "all" })).entries, 1);
  await admin.abandonUploads({ uploadIds: [uploadId] });
  disk.uproot("/filler");
  await world.room.step(0);
  await world.upload("/new", [chunkOf(3)]);
  assert.equal((await offerOf(world)).results[0]?.kind, "adopted");
});

/** A seeder offers an empty file it found. */
function offerOf(world: TrackerWorld) {
  const [seeder] = world.seeders;
  assert(seeder !== undefined);
  const { seederId, bootId, connection } = seeder;
  const chunkSizeBytes = limits.chunkBytesDefault;
  const file = { source: path("/found"), sizeBytes: 0, modifiedMs: 1, mode: 0o644, chunkSizeBytes };
  const manifestDigest = startManifestDigest(chunkSizeBytes).hex();
  const counts = { filesFound: 1, filesIndexed: 1, bytesIndexed: 0, filesWaiting: 1 };
  const report = { state: "indexing" as const, ...counts, leftOutCount: 0, leftOut: [] };
  const files = [{ ...file, manifestDigest, from: 0, chunks: [] }];
  return connection.offer({ seederId, bootId, files, report });
}

Deno.test("the room keeps its reserve on a real disk, filled with real dice", async () => {
  const directory = await Deno.makeTempDir({ prefix: "offshore-room-" });
  const random = systemRandom();
  const parts = { disk: systemDisk(), stateDirectory: directory, random, log: silentLog };
  const room = await Room.open(parts);
  const { size } = await Deno.stat(`${directory}/reserve`);
  assert.ok(room.isLow || size > mib, `${size} bytes are held`);
  await Deno.remove(directory, { recursive: true });
});
