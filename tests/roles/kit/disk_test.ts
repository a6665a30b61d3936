/**
 * Small files, read whole and written so that a power cut at any step leaves the old or the new
 * one.
 */
import assert from "node:assert/strict";
import { type Disk, type DiskFile, readWhole, writeDurably } from "../../../roles/kit/disk.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";

/**
 * The system's disk under a fresh folder, with every call written down, failing at the call named.
 */
function watchedDisk(failAt?: string): { disk: Disk; calls: string[] } {
  const calls: string[] = [];
  const note = (call: string) => {
    if (call === failAt) throw new Error(`power cut before ${call}`);
    calls.push(call);
  };
  const real = systemDisk();
  const watched = (file: DiskFile): DiskFile => ({
    read: (buffer, offset) => file.read(buffer, offset),
    write: async (bytes, offset) => {
      note("write");
      await file.write(bytes, offset);
    },
    sizeBytes: () => file.sizeBytes(),
    truncate: (size) => file.truncate(size),
    sync: async () => {
      note("sync");
      await file.sync();
    },
    stat: () => file.stat(),
    tryLock: () => file.tryLock(),
    close: () => {
      calls.push("close");
      file.close();
    },
  });
  const disk: Disk = {
    ...real,
    open: async (path, how) => {
      if (how !== "read") note(how);
      return watched(await real.open(path, how));
    },
    rename: async (from, to) => {
      note("rename");
      await real.rename(from, to);
    },
    syncDirectory: async (path) => {
      note("syncDirectory");
      await real.syncDirectory(path);
    },
  };
  return { disk, calls };
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "offshore-disk-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

Deno.test("writeDurably syncs the contents before the rename and the name after it", () =>
  withFolder(async (folder) => {
    const { disk, calls } = watchedDisk();
    await writeDurably(disk, `${folder}/identity.json`, bytesOf("{}"));
    assert.deepEqual(calls, ["create", "write", "sync", "close", "rename", "syncDirectory"]);
    const names = (await disk.list(folder)).map((entry) => entry.name);
    assert.deepEqual(names, ["identity.json"]);
  }));

for (const step of ["create", "write", "sync", "rename", "syncDirectory"]) {
  Deno.test(`writeDurably that fails before ${step} leaves the old or the new contents`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/state`;
      await writeDurably(systemDisk(), path, bytesOf("old"));
      const failing = watchedDisk(step);
      await assert.rejects(writeDurably(failing.disk, path, bytesOf("new, longer")), /power cut/);
      const opened = failing.calls.includes("create");
      assert.equal(failing.calls.includes("close"), opened, "no file is left open");
      const expected = step === "syncDirectory" ? "new, longer" : "old";
      assert.equal(await Deno.readTextFile(path), expected);

      await writeDurably(systemDisk(), path, bytesOf("third"));
      assert.equal(
        await Deno.readTextFile(path),
        "third",
        "what was left does not stand in the way",
      );
    }));
}

Deno.test("readWhole reads all bytes, none, or answers undefined without a file", () =>
  withFolder(async (folder) => {
    const disk = systemDisk();
    assert.equal(await readWhole(disk, `${folder}/absent`), undefined);
    await Deno.writeFile(`${folder}/empty`, new Uint8Array());
    assert.deepEqual(await readWhole(disk, `${folder}/empty`), new Uint8Array());
    const bytes = new Uint8Array(300_000).map((_, i) => i % 251);
    await writeDurably(disk, `${folder}/large`, bytes);
    assert.deepEqual(await readWhole(disk, `${folder}/large`), bytes);
  }));
