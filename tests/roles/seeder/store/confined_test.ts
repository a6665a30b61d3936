/**
 * A person's file opened below the disk folder, while somebody else who may write there changes
 * folders into links at the very moment that suits them. On a real disk.
 */
import assert from "node:assert/strict";
import type { Disk, DiskStat } from "../../../../roles/kit/disk.ts";
import { until } from "../../../cluster/cluster.ts";
import { systemDisk } from "../../../../roles/kit/system_disk.ts";
import { openAsHashed, openConfined } from "../../../../roles/seeder/store/confined.ts";

const disk = systemDisk();

interface Folder {
  readonly folder: string;
  readonly outside: string;
  readonly clock: { now(): number };
  /** How often a folder was swapped. */
  swaps: number;
}

/** `/a/b/f` is a person's; another file of its size and name lies outside. */
async function withFolder(work: (parts: Folder) => Promise<void>): Promise<void> {
  const top = await Deno.makeTempDir({ prefix: "offshore-confined-" });
  const folder = `${top}/disk`, outside = `${top}/outside`;
  try {
    for (const place of [`${folder}/a/b`, `${outside}/b`]) {
      await Deno.mkdir(place, { recursive: true });
    }
    await Deno.writeTextFile(`${folder}/a/b/f`, "mine");
    await Deno.writeTextFile(`${outside}/b/f`, "root");
    await work({ folder, outside, clock: { now: () => Date.now() }, swaps: 0 });
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

function swapIn(parts: Folder): void {
  const { folder, outside } = parts;
  parts.swaps++;
  Deno.renameSync(`${folder}/a`, `${folder}/away`);
  Deno.symlinkSync(outside, `${folder}/a`);
}

function swapBack(parts: Folder): void {
  const { folder } = parts;
  parts.swaps++;
  Deno.removeSync(`${folder}/a`);
  Deno.renameSync(`${folder}/away`, `${folder}/a`);
}

async function textOf(disk: Disk, parts: Folder): Promise<string> {
  const file = await openConfined({ ...parts, disk }, "/a/b/f");
  if (file === undefined) return "waits";
  try {
    const buffer = new Uint8Array(10);
    return new TextDecoder().decode(buffer.subarray(0, await file.read(buffer, 0)));
  } finally {
    file.close();
  }
}

/** Swapped for the `open` alone: every look before and after sees folders. */
function swappedWhileOpened(parts: Folder, times: number): { disk: Disk; opened: () => number } {
  let opened = 0;
  return {
    opened: () => opened,
    disk: {
      ...disk,
      open: async (path, how) => {
        if (++opened > times) return await disk.open(path, how);
        swapIn(parts);
        try {
          return await disk.open(path, how);
        } finally {
          swapBack(parts);
        }
      },
    },
  };
}

/** As if the system told times of change exactly, and all else were long ago. */
function exact(parts: Folder): Disk {
  return {
    ...disk,
    stat: async (path) => {
      const stat = await disk.stat(path);
      return stat && { ...stat, changedMs: path === parts.folder ? parts.swaps : 0 };
    },
  };
}

Deno.test("openConfined opens nothing outside when a folder is a link while it opens", () =>
  withFolder(async (parts) => {
    await until("the folders rest", async () => await textOf(disk, parts) === "mine");
    const swapping = swappedWhileOpened(parts, Infinity);
    assert.equal(await textOf(swapping.disk, parts), "waits");
    assert.equal(swapping.opened(), 1, "and it was a look that found out");
    assert.equal(await textOf(disk, parts), "waits", "the folder has not rested since");
    await until("the folders rest", async () => await textOf(disk, parts) === "mine");
  }));

Deno.test("openConfined opens nothing outside whichever calls the swaps are made before", () =>
  withFolder(async (parts) => {
    const found = new Set<string>();
    for (let at = 1; at <= 12; at++) {
      for (let back = at + 1; back <= 13; back++) {
        let calls = 0, isIn = false;
        const step = () => {
          calls++;
          if (calls === at) swapIn(parts), isIn = true;
          if (calls === back && isIn) swapBack(parts), isIn = false;
        };
        const watched = exact(parts);
        const swapping: Disk = {
          ...watched,
          stat: (path) => (step(), watched.stat(path)),
          realPath: (path) => (step(), watched.realPath(path)),
          open: (path, how) => (step(), watched.open(path, how)),
        };
        const read = await textOf(swapping, parts).catch((fault) => String(fault.code));
        if (isIn) swapBack(parts);
        assert.notEqual(read, "root", `swapped before call ${at}, back before ${back}`);
        found.add(read);
      }
    }
    assert.deepEqual([...found].sort(), ["disk-failed", "mine", "waits"]);
  }));

Deno.test("openConfined refuses links, other disks, and names that others may have given", () =>
  withFolder(async (parts) => {
    const resting = exact(parts);
    swapIn(parts);
    await assert.rejects(textOf(resting, parts), { message: /\/a is no directory/ });
    swapBack(parts);
    const changed = (change: (path: string, stat: DiskStat) => Partial<DiskStat>): Disk => ({
      ...disk,
      stat: async (path) => {
        const stat = await resting.stat(path);
        return stat && { ...stat, ...change(path, stat) };
      },
    });
    const mounted = changed((path, { device }) =>
      path.endsWith("/a") ? { device: device + 1 } : {}
    );
    await assert.rejects(textOf(mounted, parts), { message: /\/a is on another disk/ });
    await Deno.link(`${parts.folder}/a/b/f`, `${parts.folder}/a/b/backup`);
    assert.equal(await textOf(resting, parts), "mine", "hard links of the folder's owner");
    const foreign = changed((path, { owner }) => path.endsWith("/b") ? { owner: owner + 1 } : {});
    await assert.rejects(textOf(foreign, parts), { message: /other names/ });
  }));

Deno.test("openAsHashed serves the file that was hashed, wherever its path leads by now", () =>
  withFolder(async (parts) => {
    const stat = await disk.stat(`${parts.folder}/a/b/f`);
    assert(stat !== undefined);
    const head = { ...stat, path: "/a/b/f" };
    const good = await openAsHashed(disk, parts.folder, head);
    assert.ok(typeof good !== "string");
    good.close();
    const { disk: swapping } = swappedWhileOpened(parts, Infinity);
    // As old and as large as the file that was hashed.
    await Deno.utime(`${parts.outside}/b/f`, stat.modifiedMs / 1000, stat.modifiedMs / 1000);
    assert.equal(await openAsHashed(swapping, parts.folder, head), "it was changed");
    await Deno.remove(`${parts.folder}/a/b/f`);
    assert.equal(await openAsHashed(disk, parts.folder, head), "it is gone");
    await Deno.symlink(`${parts.outside}/b/f`, `${parts.folder}/a/b/f`);
    assert.equal(await openAsHashed(disk, parts.folder, head), "it was changed");
  }));
