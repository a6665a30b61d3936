import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../../protocol/mod.ts";
import type { Disk } from "../../../roles/kit/disk.ts";
import { readWhole, writeDurably } from "../../../roles/kit/disk.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { diskFault, systemDisk } from "../../../roles/kit/system_disk.ts";
import { SimDisk } from "./sim_disk.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function write(disk: Disk, path: string, text: string, sync = false): Promise<void> {
  const file = await disk.open(path, "create");
  await file.write(bytesOf(text), 0);
  if (sync) await file.sync();
  file.close();
}

async function text(disk: Disk, path: string): Promise<string | undefined> {
  const bytes = await readWhole(disk, path);
  return bytes && new TextDecoder().decode(bytes);
}

/** One call as text, so that two disks can be compared. */
async function outcome(disk: Disk, root: string, step: Step): Promise<string> {
  const path = root + step.path, other = root + step.other;
  try {
    switch (step.call) {
      case "write": {
        await write(disk, path, "x".repeat(step.size));
        return "made";
      }
      case "change": {
        const file = await disk.open(path, "update");
        try {
          await file.write(bytesOf("y".repeat(step.size)), step.size);
          await file.truncate(step.size + 3);
          const buffer = new Uint8Array(20);
          const count = await file.read(buffer, 1);
          return `${count} ${buffer.toHex()} ${await file.sizeBytes()}`;
        } finally {
          file.close();
        }
      }
      case "stream": {
        const parts = await Array.fromAsync(await disk.stream(path, 1, step.size));
        return parts.map((part) => part.toHex()).join("");
      }
      case "list":
        return (await disk.list(path)).map((e) => `${e.name} ${e.kind}`).sort().join();
      case "stat": {
        const stat = await disk.stat(path);
        return stat === undefined
          ? "absent"
          : `${stat.kind} ${stat.kind === "file" ? stat.sizeBytes : ""}`;
      }
      case "rename":
        return String(await disk.rename(path, other));
      case "remove":
        return String(await disk.remove(path));
      case "makeDirectory":
        return String(await disk.makeDirectory(path));
      case "syncDirectory":
        await disk.list(path); // The system would sync a file just as well.
        return String(await disk.syncDirectory(path));
      case "makeLink":
        return String(await disk.makeLink(path, step.other.slice(1)));
      case "readLink":
        return await disk.readLink(path);
      case "realPath":
        return (await disk.realPath(path)).slice(root.length);
    }
  } catch (error) {
    // A stream of the system's fails with the system's own errors once it is under way.
    assert(error instanceof Fault || step.call === "stream", String(error));
    return diskFault(error, path).code;
  }
}

const step = fc.record({
  call: fc.constantFrom(
    "write",
    "change",
    "stream",
    "list",
    "stat",
    "rename",
    "remove",
    "makeDirectory",
    "syncDirectory",
    "makeLink",
    "readLink",
    "realPath",
  ),
  path: fc.constantFrom("/a", "/b", "/a/b", "/a/b/c", "/b/c", "/d"),
  other: fc.constantFrom("/a", "/b", "/a/b", "/b/c", "/d", "/d/e"),
  size: fc.integer({ min: 1, max: 9 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

Deno.test("SimDisk answers every call as the system's disk does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const real = await Deno.realPath(await Deno.makeTempDir());
      try {
        const sim = new SimDisk({ random: seededRandom(1) });
        await sim.makeDirectory(real);
        for (const [i, one] of steps.entries()) {
          const expected = await outcome(systemDisk(), real, one);
          assert.equal(await outcome(sim, real, one), expected, `step ${i}`);
        }
      } finally {
        await Deno.remove(real, { recursive: true });
      }
    }),
    { numRuns: 100 },
  );
});

Deno.test("SimDisk keeps at a crash what was synced with its name", async () => {
  for (let seed = 0; seed < 50; seed++) {
    const disk = new SimDisk({ random: seededRandom(seed) });
    await disk.makeDirectory("/d");
    await disk.syncDirectory("/");
    await writeDurably(disk, "/d/kept", bytesOf("old"));
    await writeDurably(disk, "/d/kept", bytesOf("new"));
    disk.crash();
    assert.equal(await text(disk, "/d/kept"), "new", `seed ${seed}`);
  }
});

Deno.test("SimDisk loses or keeps a synced file whose name was not synced", async () => {
  const seen = new Set<string | undefined>();
  for (let seed = 0; seed < 50; seed++) {
    const disk = new SimDisk({ random: seededRandom(seed) });
    await write(disk, "/f", "text", true);
    disk.crash();
    seen.add(await text(disk, "/f"));
  }
  assert.deepEqual(seen, new Set([undefined, "text"]));
});

Deno.test("SimDisk undoes renames and removals that were not synced, for some seeds", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const disk = new SimDisk({ random: seededRandom(seed) });
    await write(disk, "/old", "1", true);
    await write(disk, "/gone", "2", true);
    await disk.syncDirectory("/");
    await disk.rename("/old", "/new");
    await disk.remove("/gone");
    disk.crash();
    const names = (await disk.list("/")).map((entry) => entry.name).sort().join();
    assert(names.includes("old") !== names.includes("new"), "a rename is one step");
    seen.add(names);
  }
  assert.deepEqual(seen, new Set(["old", "new", "gone,old", "gone,new"]));
});

Deno.test("SimDisk loses, keeps and tears writes that were not synced", async () => {
  const seen = new Set<string>();
  const blocks = 8;
  for (let seed = 0; seed < 200; seed++) {
    const disk = new SimDisk({ random: seededRandom(seed) });
    const file = await disk.open("/f", "create");
    await disk.syncDirectory("/");
    await file.write(new Uint8Array(blocks * 4096).fill(1), 0);
    disk.crash();
    const bytes = await readWhole(disk, "/f");
    assert(bytes !== undefined);
    const written = bytes.filter((byte) => byte === 1).length;
    if (bytes.length === 0) seen.add("lost");
    else if (written === blocks * 4096) seen.add("kept");
    else if (written % 4096 !== 0) seen.add("torn");
    else if (bytes.subarray(0, written).some((byte) => byte === 0)) seen.add("out of order");
  }
  assert.deepEqual([...seen].sort(), ["kept", "lost", "out of order", "torn"]);
});

Deno.test("SimDisk kills files that were open when the power went", async () => {
  const disk = new SimDisk({ random: seededRandom(1) });
  const file = await disk.open("/f", "create");
  disk.crash();
  await assert.rejects(file.write(bytesOf("x"), 0), { code: "disk-failed" });
});

Deno.test("SimDisk writes what fits before it reports a full disk", async () => {
  const disk = new SimDisk({ random: seededRandom(1), capacityBytes: 10 });
  const file = await disk.open("/f", "create");
  await assert.rejects(file.write(new Uint8Array(12), 0), { code: "disk-full" });
  assert.equal(await file.sizeBytes(), 10);
  assert.deepEqual(await disk.space("/"), { totalBytes: 10, freeBytes: 0 });
  await disk.remove("/f");
  assert.deepEqual(await disk.space("/"), { totalBytes: 10, freeBytes: 10 });
});

Deno.test("SimDisk fails reads, writes and syncs at the share asked for", async () => {
  const disk = new SimDisk({ random: seededRandom(1) });
  await write(disk, "/f", "text", true);
  const file = await disk.open("/f", "update");
  disk.faults.readErrors = 1;
  await assert.rejects(file.read(new Uint8Array(1), 0), { code: "disk-failed" });
  disk.faults.readErrors = 0;
  disk.faults.writeErrors = 1;
  await assert.rejects(file.write(bytesOf("x"), 0), { code: "disk-failed" });
  disk.faults.writeErrors = 0;
  assert.equal(await text(disk, "/f"), "text");
});

Deno.test("SimDisk never writes what was waiting for a sync that failed", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = new SimDisk({ random: seededRandom(seed) });
    const file = await disk.open("/f", "create");
    await disk.syncDirectory("/");
    await file.write(bytesOf("text"), 0);
    disk.faults.syncErrors = 1;
    await assert.rejects(file.sync(), { code: "disk-failed" });
    disk.faults.syncErrors = 0;
    await file.sync();
    assert.equal(await text(disk, "/f"), "text");
    disk.crash();
    assert.equal(await text(disk, "/f"), "");
  }
});

Deno.test("SimDisk.rot flips exactly one bit", async () => {
  const disk = new SimDisk({ random: seededRandom(1) });
  await write(disk, "/f", "text", true);
  disk.rot("/f");
  const bits = (bytes: Uint8Array) =>
    [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const before = bits(bytesOf("text")), after = bits(disk.peek("/f") ?? new Uint8Array());
  assert.equal([...before].filter((bit, i) => bit !== after[i]).length, 1);
});

Deno.test("SimDisk.image holds what is safe, and takes the place of a disk", async () => {
  const disk = new SimDisk({ random: seededRandom(1) });
  disk.plantDirectory("/a");
  disk.plant("/a/kept", new Uint8Array([1, 2]));
  const file = await disk.open("/a/kept", "update");
  await file.write(new Uint8Array([9]), 0);
  await disk.open("/a/unsynced", "create");
  const image = disk.image();
  await file.sync();
  await disk.syncDirectory("/a");
  disk.plant("/a/later", new Uint8Array([3]));
  disk.wipe(image);
  assert.deepEqual(disk.files().map(({ path }) => path), ["/a/kept"]);
  assert.deepEqual(disk.peek("/a/kept"), new Uint8Array([1, 2]));
  await assert.rejects(file.sizeBytes(), /closed|power/);
  // The same image serves another disk, and they share nothing.
  const other = new SimDisk({ random: seededRandom(2) });
  other.wipe(image);
  disk.rot("/a/kept", 0);
  assert.deepEqual(other.peek("/a/kept"), new Uint8Array([1, 2]));
});
