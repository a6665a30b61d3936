/** What the swarm checks about files of people, shown to bark at builds that break them. */
import type { Disk } from "../../../roles/kit/disk.ts";
import type { Catalog } from "../../../roles/tracker/catalog/catalog.ts";
import { barks, catalogDoing, catalogWith, diskWith, fileWith } from "./broken_builds.ts";

const changed = { adopted: true, troubles: ["hand"], pauseMs: 500, stepsPerClient: 16 } as const;

Deno.test("untouched barks at a seeder that removes a person's file", async () => {
  const seederDisk = (disk: Disk): Disk => ({
    ...disk,
    list: async (path) => {
      if (path === "/disk") await disk.remove("/disk/same.bin").catch(() => {});
      return await disk.list(path);
    },
  });
  await barks({ seederDisk }, /same.bin on seeder-\d is gone and was left as content/, changed);
});

Deno.test("untouched barks at a seeder that writes into a person's file", async () => {
  const seederDisk = (disk: Disk): Disk => ({
    ...disk,
    stat: async (path) => {
      if (/^\/disk\/(films|deep)\/./.test(path)) {
        const file = await disk.open(path, "update").catch(() => undefined);
        await file?.truncate(1);
        file?.close();
      }
      return await disk.stat(path);
    },
  });
  await barks({ seederDisk }, /on seeder-\d is 1 bytes and was left as content/, changed);
});

Deno.test("offered barks at a seeder that does not see a file", async () => {
  const seederDisk = (disk: Disk): Disk => ({
    ...disk,
    list: async (path) => (await disk.list(path)).filter(({ name }) => name !== "same.bin"),
  });
  await barks({ seederDisk }, /same.bin on seeder-\d, content .*, is not offered/, changed);
});

Deno.test("a visitor barks at a client that lets other bytes through", async () => {
  const clientDisk = (disk: Disk) =>
    diskWith(disk, (file) =>
      fileWith(file, {
        write: (bytes, offset) => file.write(bytes.with(0, (bytes[0] ?? 0) ^ 1), offset),
      }));
  await barks({ clientDisk }, /was read as \d+ bytes that no file there ever held/, changed);
});

Deno.test("nothingLost barks at a tracker that takes a person's file for a copy of what was sent", async () => {
  const forgetful = catalogDoing((tx) => ({
    addHoldings: (seederId, chunks) =>
      tx.addHoldings(
        seederId,
        chunks.map(({ adopted, ...chunk }) => adopted === true ? { ...chunk, provedMs: 0 } : chunk),
      ),
  }));
  // And no move to a better place mends it by chance.
  const resting = catalogWith(() => ({ heldChunks: () => Promise.resolve([]) }));
  const catalog = (inner: Catalog) => resting(forgetful(inner));
  await barks({ catalog }, /lost: (version )?\S+, content \d+ .* has [01] intact copies of 2/, {
    ...changed,
    troubles: [],
    stepsPerClient: 30,
    bytesMost: 200_000,
  });
});

Deno.test("nothingLost barks at a tracker that makes no second copy of an adopted file", async () => {
  const catalog = catalogWith(() => ({ shortChunks: () => Promise.resolve([]) }));
  await barks({ catalog }, /lost: adopted version .* has 1 intact copies of 2/, changed);
});
