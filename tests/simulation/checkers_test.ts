import assert from "node:assert/strict";
import type { ChunkId, SeederId } from "../../protocol/mod.ts";
import type { Disk, DiskFile } from "../../roles/kit/disk.ts";
import type {
  Catalog,
  CatalogTransaction,
  CatalogView,
  VersionRow,
} from "../../roles/tracker/catalog/catalog.ts";
import { openMemoryCatalog } from "../../roles/tracker/catalog/memory_catalog.ts";
import type { Wrappers } from "./cluster.ts";
import { runOptions, type SwarmOptions } from "./swarm.ts";

const calm: SwarmOptions = {
  seed: 7,
  seeders: 3,
  clients: 2,
  copies: 2,
  engine: "memory",
  stepsPerClient: 8,
  bytesMost: 300_000,
  troubles: [],
  pauseMs: 1000,
  lastPowerCut: true,
};

async function barks(wrappers: Wrappers, expected: RegExp): Promise<void> {
  const { failures } = await runOptions(calm, wrappers);
  assert.match(failures.join("\n"), expected);
}

/** The disk with other open files. */
function diskWith(disk: Disk, change: (file: DiskFile, path: string) => DiskFile): Disk {
  return { ...disk, open: async (path, how) => change(await disk.open(path, how), path) };
}

/** The same file with some calls replaced. */
function fileWith(file: DiskFile, replaced: Partial<DiskFile>): DiskFile {
  return {
    read: (buffer, offset) => file.read(buffer, offset),
    write: (bytes, offset) => file.write(bytes, offset),
    sizeBytes: () => file.sizeBytes(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    sync: () => file.sync(),
    close: () => file.close(),
    ...replaced,
  };
}

Deno.test("the checkers are silent about roles as they are", async () => {
  const { failures, acknowledged } = await runOptions(calm);
  assert.deepEqual(failures, []);
  assert(acknowledged >= 20, `${acknowledged} files were acknowledged`);
});

Deno.test("nothingLost barks at a seeder that gives receipts without a sync", async () => {
  const seederDisk = (disk: Disk) =>
    diskWith(
      disk,
      (file, path) =>
        path.endsWith(".json.new") ? file : fileWith(file, { sync: () => Promise.resolve() }),
    );
  await barks({ seederDisk }, /lost: \S+, content \d+ of \d+ bytes: chunk \d+ \S+ has [01] intact/);
});

Deno.test("nothingLost barks at a seeder that never syncs the names of chunks", async () => {
  const seederDisk = (disk: Disk): Disk => ({ ...disk, syncDirectory: () => Promise.resolve() });
  await barks({ seederDisk }, /lost: /);
});

Deno.test("both checkers bark at a seeder that says stored and keeps nothing", async () => {
  const claimed = new Map<ChunkId, number>();
  const store: Wrappers["store"] = (store) => ({
    ...store,
    put: async (chunkId, sizeBytes, source) => {
      for await (const _ of source);
      claimed.set(chunkId, sizeBytes);
      return "stored";
    },
    putMany: (items) =>
      Promise.resolve(items.map(({ chunkId, bytes }) => {
        claimed.set(chunkId, bytes.length);
        return "stored" as const;
      })),
    sizeOf: (chunkId) => store.sizeOf(chunkId) ?? claimed.get(chunkId),
    isStored: (chunkId) => store.isStored(chunkId) || claimed.has(chunkId),
    read: (chunkId, range) => store.read(chunkId, range),
    verify: (chunkId) => store.verify(chunkId),
    drop: (chunkId) => store.drop(chunkId),
    list: (after, limit) => store.list(after, limit),
    summary: () => store.summary(),
    space: () => store.space(),
    close: () => store.close(),
  });
  await barks({ store }, /is listed and does not come down[^]*lost: .* has 0 intact copies of 2/);
});

Deno.test("both checkers bark at a tracker that commits without checking copies", async () => {
  const believing = <V extends CatalogView>(view: V): V => {
    const holders = async (chunkIds: readonly ChunkId[]) => {
      const all: SeederId[] = (await view.seeders()).map((seeder) => seeder.seederId);
      return new Map(chunkIds.map((chunkId) => [chunkId, all]));
    };
    return new Proxy(view, {
      get(target, name) {
        if (name === "holders") return holders;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };
  const catalog = (inner: Catalog): Catalog => ({
    transaction: (work) => inner.transaction((transaction) => work(believing(transaction))),
    read: (work) => inner.read((view) => work(believing(view))),
    close: () => inner.close(),
  });
  await barks({ catalog }, /is listed and does not come down[^]*lost: .* has 0 intact copies of 2/);
});

Deno.test("nothingHalfSeen barks at a tracker that forgets what it committed", async () => {
  let first: Catalog | undefined;
  const catalog = (inner: Catalog): Catalog => {
    if (first === undefined) return first = inner;
    return openMemoryCatalog();
  };
  // The copies of the log on the seeders give it away before a client can look.
  await barks({ catalog }, /is gone; it was content|gave up|its seeders follow/);
});

Deno.test("versionsKept barks at a tracker that lets replaced versions go", async () => {
  const forgetful = (tx: CatalogTransaction): CatalogTransaction =>
    new Proxy(tx, {
      get(target, name) {
        if (name === "putVersion") {
          return async (row: VersionRow) =>
            row.old === undefined
              ? await target.putVersion(row)
              : await target.removeVersion(row.versionId);
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const catalog = (inner: Catalog): Catalog => ({
    transaction: (work) => inner.transaction((transaction) => work(forgetful(transaction))),
    read: (work) => inner.read(work),
    close: () => inner.close(),
  });
  await barks({ catalog }, /version \S+, content \d+ of \d+ bytes, cannot be had: not-found/);
});

Deno.test("nothingHalfSeen barks at a client that lets other bytes through", async () => {
  const clientDisk = (disk: Disk) =>
    diskWith(disk, (file) =>
      fileWith(file, {
        write: (bytes, offset) => {
          const wrong = bytes.slice();
          if (wrong.length > 100) wrong[50] = (wrong[50] ?? 0) ^ 1;
          return file.write(wrong, offset);
        },
      }));
  await barks({ clientDisk }, /came down as \d+ bytes/);
});
