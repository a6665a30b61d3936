import assert from "node:assert/strict";
import type { ChunkId } from "../../../protocol/mod.ts";
import type { Disk } from "../../../roles/kit/disk.ts";
import type {
  Catalog,
  CatalogTransaction,
  VersionRow,
} from "../../../roles/tracker/catalog/catalog.ts";
import { openMemoryCatalog } from "../../../roles/tracker/catalog/memory_catalog.ts";
import {
  barks,
  barksAlone,
  calm,
  catalogDoing,
  catalogWith,
  checkersOf,
  diskWith,
  fileWith,
} from "./broken_builds.ts";
import type { Wrappers } from "../machine/cluster.ts";
import { runOptions, type SwarmOptions } from "../swarm.ts";

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
  // Chunks with files of their own: the name of a pack that is appended to is old.
  await barks({ seederDisk }, /lost: /, { bytesMost: 2_000_000 });
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

Deno.test("people bark at a tracker that commits with fewer copies than were asked for", async () => {
  const catalog = catalogWith((view) => ({
    upload: async (uploadId) => {
      const row = await view.upload(uploadId);
      return row && { ...row, copies: 1 };
    },
  }));
  await barks({ catalog }, /gets 1 copies, not 2/);
});

Deno.test("watchDrops barks where everybody is believed to hold what they say", async () => {
  // What a tracker that asks for no proof would hear: the same from all.
  const answer: Wrappers["answer"] = () => Promise.resolve("0".repeat(64));
  await barks({ answer }, /below: /, { liars: 2, stepsPerClient: 3 });
});

Deno.test("nothingHalfSeen barks at a tracker that forgets what it committed", async () => {
  let first: Catalog | undefined;
  const catalog = (inner: Catalog): Catalog => {
    if (first === undefined) return first = inner;
    return openMemoryCatalog();
  };
  // The copies of the log on the seeders give it away before a client can look.
  await barks({ catalog }, /is gone; it was content|gave up|the tracker is fenced/);
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
  await barksAlone("seen", { clientDisk }, /came down as \d+ bytes/);
});

Deno.test("nothingLost barks when more seeders are destroyed than there are copies to spare", async () => {
  await barks({}, /lost: .* has 0 intact copies of 2/, { reckless: true });
});

Deno.test("nothingLost alone barks at a disk that writes other bytes, which no scrub finds", async () => {
  const seederDisk = (disk: Disk, name: string) =>
    diskWith(
      disk,
      (file, path) =>
        name !== "seeder-1" || !path.includes("/tmp/") ? file : fileWith(file, {
          write: (bytes, offset) => file.write(bytes.with(0, (bytes[0] ?? 0) ^ 1), offset),
        }),
    );
  const store: Wrappers["store"] = (store) => ({ ...store, verify: () => Promise.resolve("good") });
  const changed = { bytesMost: 2_000_000, lastPowerCut: false };
  await barksAlone("lost", { seederDisk, store }, /lost: .* has 1 intact copies of 2/, changed);
});

Deno.test("watchDrops barks at a tracker that gives up more than the surplus", async () => {
  const catalog = catalogWith((view) => ({
    // A chunk of two copies passes for one that needs one.
    chunkUses: async (chunkIds) =>
      (await view.chunkUses(chunkIds)).map((use) => ({
        ...use,
        wanted: Math.min(1, use.wanted),
        wantedOwn: Math.min(1, use.wantedOwn),
      })),
    // And nobody notices what is missing then.
    shortChunks: () => Promise.resolve([]),
  }));
  await barks({ catalog }, /below: \S+ gives \w+ up, of which 2 copies are wanted, 1 others/);
});

Deno.test("watchDrops alone barks at a seeder that drops what it was not told to", async () => {
  let done = false;
  // It is made good again in time.
  const store: Wrappers["store"] = (store) => ({
    ...store,
    drop: async (chunkId) => {
      const others = (await store.list(undefined, 100)).filter((one) => one.chunkId !== chunkId);
      for (const other of done ? [] : others) await store.drop(other.chunkId);
      done ||= others.length > 0;
      return await store.drop(chunkId);
    },
  });
  await barksAlone("below", { store }, /below: /, { troubles: ["join", "drain"], pauseMs: 200 });
});

Deno.test("unsettled barks at a tracker that does not look for chunks that are short", async () => {
  const catalog = catalogWith(() => ({ shortChunks: () => Promise.resolve([]) }));
  const failures = await barks(
    { catalog },
    /unsettled: .*has 1 of 2 copies on green seeders/,
    { troubles: ["victim"], stepsPerClient: 12, pauseMs: 200 },
  );
  assert(!checkersOf(failures).has("below"));
});

Deno.test("unsettled alone barks at a tracker that never looks for what is too much", async () => {
  const catalog = catalogWith(() => ({ heldChunks: () => Promise.resolve([]) }));
  const changed = { troubles: ["join", "drain"], pauseMs: 200 } as const;
  await barksAlone("unsettled", { catalog }, /unsettled: .*has 3 of 2 copies/, changed);
});

Deno.test("leftovers alone barks at a tracker that keeps what nobody names", async () => {
  const catalog = catalogWith(() => ({ unreferenced: () => Promise.resolve([]) }));
  await barksAlone("unclean", { catalog }, /unclean: \w+ is held and nobody names it/);
});

Deno.test("leftovers barks at a tracker that forgets no upload", async () => {
  const catalog = catalogDoing(() => ({ removeUpload: () => Promise.resolve() }));
  const changed: Partial<SwarmOptions> = { troubles: ["kill"], pauseMs: 200, stepsPerClient: 12 };
  // Not alone: a copy too many stays, since one of these uploads may stand on its receipt.
  await barks({ catalog }, /unclean: \d+ uploads are open/, changed);
});

Deno.test("leftovers alone barks at a seeder that leaves its temporary files", async () => {
  const seederDisk = (disk: Disk): Disk => ({
    ...disk,
    remove: (path) => path.includes("/tmp/") ? Promise.resolve() : disk.remove(path),
  });
  const changed: Partial<SwarmOptions> = {
    troubles: ["kill"],
    pauseMs: 200,
    stepsPerClient: 12,
    bytesMost: 2_000_000,
  };
  await barksAlone("unclean", { seederDisk }, /unclean: seeder-\d has left/, changed);
});

Deno.test("catalogTellsTheTruth barks at a tracker that counts copies that are gone", async () => {
  const catalog = catalogWith(() => ({ removeHoldings: () => Promise.resolve() }));
  await barks({ catalog }, /untrue: \S+ has not /);
});

Deno.test("catalogTellsTheTruth alone barks at a seeder that keeps what it says it dropped", async () => {
  const store: Wrappers["store"] = (store) => {
    const hidden = new Set<ChunkId>();
    return {
      ...store,
      drop: (chunkId) => Promise.resolve(!!hidden.add(chunkId)),
      sizeOf: (chunkId) => hidden.has(chunkId) ? undefined : store.sizeOf(chunkId),
      isStored: (chunkId) => !hidden.has(chunkId) && store.isStored(chunkId),
      list: async (after, limit) =>
        (await store.list(after, limit)).filter(({ chunkId }) => !hidden.has(chunkId)),
      summary: () => {
        const { chunkCount, usedBytes, digest } = store.summary();
        const shown = [...hidden].reduce(
          (sum, chunkId) => sum ^ BigInt(`0x${chunkId.slice(0, 32)}`),
          BigInt(`0x${digest}`),
        );
        const text = shown.toString(16).padStart(32, "0");
        return { chunkCount: chunkCount - hidden.size, usedBytes, digest: text };
      },
    };
  };
  await barksAlone("untrue", { store }, /untrue: \w+ is unknown at seeder-\d/, {
    lastPowerCut: false,
  });
});
