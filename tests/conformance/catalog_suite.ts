/**
 * What every catalog engine must do: each sentence of the contract in `catalog.ts` and each method.
 * An engine's own test names a factory and runs the suite. How fast an engine is, and what it does
 * when its disk fails, is not tested here.
 */
import assert from "node:assert/strict";
import { type Fault, InventorySum, VersionId } from "../../protocol/mod.ts";
import {
  type Catalog,
  type CatalogTransaction,
  type CatalogView,
  type OldVersionRow,
  trashNodeId,
} from "../../roles/tracker/catalog/catalog.ts";
import {
  adoption,
  answerKey,
  chunk,
  directory,
  file,
  link,
  logRow,
  noChunk,
  observe,
  oldVersion,
  root,
  seeder,
  seederRow,
  trashRow,
  upload,
  uploadId,
  version,
  versionId,
} from "./catalog_rows.ts";

/** A fresh, empty catalog; `reopen` closes it and opens what it kept. */
export interface CatalogUnderTest {
  readonly catalog: Catalog;
  readonly reopen?: () => Promise<Catalog>;
  readonly dispose: () => Promise<void>;
}

type Write = (transaction: CatalogTransaction) => Promise<void>;

/** A history that touches every table, in steps. */
const history: readonly Write[] = [
  async (t) => {
    await t.putNode(root);
    await t.putNode(directory(2, 1, "a"));
    await t.putNode({ ...directory(3, 2, "b"), copies: 3, versions: 0, versionDays: 7 });
    await t.putNode(link(4, 2, "l", "../a"));
    await t.putSetting("setting 1", "one");
    await t.putSeeder(seederRow(1));
    await t.appendLog(logRow(1));
  },
  async (t) => {
    await t.putNode(file(5, 3, "f", 1001, versionId(1)));
    await t.putVersion(version(1, 5, 2));
    await t.putManifest(versionId(1), 0, [chunk(1), chunk(2), chunk(1)]);
    await t.addHoldings(seeder(1), [chunk(1), chunk(2), chunk(3)]);
    await t.addHoldings(seeder(2), [chunk(1)]);
    await t.appendLog(logRow(2));
  },
  async (t) => {
    await t.putUpload(upload(2, 5));
    await t.putUploadChunks(uploadId(2), [{ ...chunk(2), index: 4 }, { ...chunk(9), index: 0 }]);
    await t.putSeeder({ ...seederRow(1), away: true, reconciledBootId: "boot" });
    await t.putSeeder(seederRow(0));
    await t.putSetting("setting 1", "two");
    await t.putAnswer(answerKey(3), "three", 10);
    await t.appendLog(logRow(3));
  },
];

export function catalogSuite(name: string, open: () => Promise<CatalogUnderTest>): void {
  const test = (title: string, body: (under: CatalogUnderTest) => Promise<void>) =>
    Deno.test(`${name}: ${title}`, async () => {
      const under = await open();
      try {
        await body(under);
      } finally {
        await under.dispose();
      }
    });
  /** Writes in one transaction, then looks. */
  const written = (
    title: string,
    write: Write,
    look: (view: CatalogView, catalog: Catalog) => Promise<void>,
  ) =>
    test(title, async ({ catalog }) => {
      await catalog.transaction(async (t) => {
        await write(t);
        // A transaction sees what it has written itself.
        await look(t, catalog);
      });
      await catalog.read((view) => look(view, catalog));
    });

  test("a new catalog is empty", async ({ catalog }) => {
    await catalog.read(async (view) => {
      assert.equal(await view.node(1), undefined);
      assert.equal(await view.highestNodeId(), 0);
      assert.deepEqual(await view.totals(), totals(0, 0, 0, 0, 0));
      assert.equal(await view.logHead(), undefined);
      assert.deepEqual(await view.seeders(), []);
      assert.deepEqual(await view.chunksBelow([]), { atRisk: 0, unavailable: 0 });
      const none = { chunkCount: 0, usedBytes: 0, digest: new InventorySum().hex() };
      assert.deepEqual(await view.holdingsSummary(seeder(1)), none);
    });
  });

  test("every row comes back as it was put, and after reopening", async (under) => {
    let { catalog } = under;
    for (const [step, write] of history.entries()) {
      await catalog.transaction(write);
      if (step === 1 && under.reopen !== undefined) catalog = await under.reopen();
    }
    await catalog.read(async (view) => {
      assert.equal(await view.setting("setting 1"), "two");
      assert.equal(await view.setting("setting 2"), undefined);
      const ruled = { ...directory(3, 2, "b"), copies: 3, versions: 0, versionDays: 7 };
      assert.deepEqual(await view.node(3), ruled);
      assert.deepEqual(await view.child(2, "l"), link(4, 2, "l", "../a"));
      assert.equal(await view.child(2, "L"), undefined);
      assert.deepEqual(await view.child(3, "f"), file(5, 3, "f", 1001, versionId(1)));
      assert.deepEqual(await view.version(versionId(1)), version(1, 5, 2));
      assert.deepEqual(await view.upload(uploadId(2)), upload(2, 5));
      const away = { ...seederRow(1), away: true, reconciledBootId: "boot" };
      assert.deepEqual(await view.seeders(), [seederRow(0), away]);
      assert.deepEqual(await view.logHead(), logRow(3));
      assert.deepEqual(await view.logAfter(1, 9), [logRow(2), logRow(3)]);
      assert.deepEqual(await view.logAfter(0, 1), [logRow(1)]);
    });
  });

  test("a work that throws leaves nothing behind", async ({ catalog }) => {
    for (const write of history) await catalog.transaction(write);
    const before = await observe(catalog);
    const failure = new Error("on purpose");
    const failing = catalog.transaction(async (t) => {
      await t.putSetting("setting 1", "three");
      await t.removeTree(2);
      await t.putNode(directory(9, 1, "new"));
      await t.putVersion(version(7, 9, 1));
      await t.putManifest(versionId(7), 0, [chunk(2), chunk(12)]);
      await t.removeHoldings(seeder(1), [chunk(1).chunkId]);
      await t.addHoldings(seeder(3), [chunk(1)]);
      await t.removeUpload(uploadId(2));
      await t.putUpload(upload(3, 1));
      await t.putSeeder(seederRow(3));
      await t.appendLog(logRow(4));
      throw failure;
    });
    await assert.rejects(failing, failure);
    assert.deepEqual(await observe(catalog), before);
    await catalog.transaction((t) => t.appendLog(logRow(4)));
  });

  test("waiting works succeed and fail each on its own", async ({ catalog }) => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, (_, i) =>
        catalog.transaction(async (t) => {
          await t.putSetting(`setting ${i}`, "here");
          if (i % 3 === 0) throw new Error(`work ${i}`);
          return i;
        })),
    );
    for (const [i, outcome] of outcomes.entries()) {
      assert.equal(outcome.status, i % 3 === 0 ? "rejected" : "fulfilled");
      if (outcome.status === "fulfilled") assert.equal(outcome.value, i);
      else assert.equal((outcome.reason as Error).message, `work ${i}`);
      const setting = await catalog.read((view) => view.setting(`setting ${i}`));
      assert.equal(setting, i % 3 === 0 ? undefined : "here");
    }
  });

  test("works run one after another, each alone", async ({ catalog }) => {
    let inside = 0;
    const count = (t: CatalogTransaction) => t.setting("count");
    await Promise.all(Array.from({ length: 50 }, () =>
      catalog.transaction(async (t) => {
        assert.equal(++inside, 1);
        const before = Number(await count(t) ?? 0);
        await t.totals();
        await t.putSetting("count", String(before + 1));
        await t.totals();
        inside--;
      })));
    assert.equal(await catalog.read((view) => view.setting("count")), "50");
  });

  test("a read sees one committed state", async ({ catalog }) => {
    const seen = new Set<string>();
    const looks: Promise<void>[] = [];
    const look = () =>
      catalog.read(async (view) => {
        const left = await view.setting("left");
        await view.totals();
        assert.equal(await view.setting("right"), left);
        seen.add(String(left));
      });
    await Promise.all(Array.from({ length: 40 }, (_, i) =>
      catalog.transaction(async (t) => {
        await t.putSetting("left", String(i));
        looks.push(look());
        await t.totals();
        await t.putSetting("right", String(i));
        if (i % 4 === 3) throw new Error("taken back");
      }).then(async () => {
        const right = await catalog.read((view) => view.setting("right"));
        assert.ok(Number(right) >= i, `state ${right} is older than ${i}`);
      }, () => {})));
    await Promise.all(looks);
    assert.ok(seen.size > 0);
    for (const state of seen) {
      assert.ok(state === "undefined" || Number(state) % 4 !== 3, `state ${state} was taken back`);
    }
  });

  test("a transaction cannot be used after its end", async ({ catalog }) => {
    const kept = await catalog.transaction((t) => Promise.resolve(t));
    await assert.rejects(kept.putSetting("late", "yes"));
    assert.equal(await catalog.read((view) => view.setting("late")), undefined);
  });

  test("close ends what is under way and refuses what waits", async (under) => {
    const { catalog } = under;
    await catalog.transaction((t) => t.putSetting("setting 1", "kept"));
    const begun = Promise.withResolvers<void>();
    const running = catalog.transaction(async (t) => {
      await t.putSetting("setting 1", "half");
      begun.resolve();
      await new Promise(() => {});
    });
    const waiting = catalog.transaction((t) => t.putSetting("setting 2", "late"));
    await begun.promise;
    const closed = catalog.close();
    await assert.rejects(running, isFault("unavailable"));
    await assert.rejects(waiting, isFault("unavailable"));
    await closed;
    await catalog.close();
    await assert.rejects(catalog.read((view) => view.totals()), isFault("unavailable"));
    if (under.reopen === undefined) return;
    const again = await under.reopen();
    assert.equal(await again.read((view) => view.setting("setting 1")), "kept");
    assert.equal(await again.read((view) => view.setting("setting 2")), undefined);
    await again.transaction((t) => t.putSetting("setting 2", "now"));
  });

  written("the trash is below no root, its entries come in pages", async (t) => {
    await t.putNode(root);
    await t.putNode(directory(2, trashNodeId, "7"));
    await t.putNode(file(3, 2, "f", 50, versionId(1)));
    await t.putNode(file(4, 1, "g", 7, versionId(2)));
    for (const trashId of [9, 7, 8, 10]) await t.putTrash(trashRow(trashId, 2));
    await t.removeTrash(8);
    await t.removeTrash(99);
  }, async (view) => {
    const inTrash = { files: 1, directories: 1, links: 0, fileBytes: 50 };
    assert.deepEqual(await view.usage(trashNodeId), inTrash);
    assert.deepEqual(await view.usage(1), { files: 1, directories: 0, links: 0, fileBytes: 7 });
    assert.deepEqual(await view.totals(), totals(2, 1, 0, 57, 0));
    assert.deepEqual(await view.trashed(7), trashRow(7, 2));
    assert.equal(await view.trashed(8), undefined);
    const numbers = async (after: number | undefined, limit: number) =>
      (await view.trash(after, limit)).map(({ trashId }) => trashId);
    assert.deepEqual(await numbers(undefined, 2), [7, 9]);
    assert.deepEqual(await numbers(9, 2), [10]);
    assert.deepEqual(await view.trashedLastAt(trashRow(7, 2).path), trashRow(10, 2));
    assert.equal(await view.trashedLastAt("/elsewhere"), undefined);
    const sums = { entries: 3, files: 26, directories: 3, links: 6, fileBytes: 2600 };
    assert.deepEqual(await view.trashSums(), sums);
  });

  const names = [
    ...["Z", "a", "a b", "aa", "e\u0301", "\u00e9", "\u{ff5e}", "\u{ffff}"],
    ...["\u{10000}", "\u{1f600}", "\u{1f600}a"],
  ];
  written("children come in the order of their UTF-8 bytes, in pages", async (t) => {
    await t.putNode(root);
    for (const [i, name] of names.toReversed().entries()) {
      await t.putNode(directory(i + 2, 1, name));
    }
    await t.putNode(directory(99, 2, "deeper"));
  }, async (view) => {
    const bytes = names.map((name) => new TextEncoder().encode(name).toHex()).sort();
    const sorted = bytes.map((hex) => new TextDecoder().decode(Uint8Array.fromHex(hex)));
    for (const limit of [1, 2, 3, 100]) {
      const found: string[] = [];
      for (;;) {
        const page = await view.children(1, found.at(-1), limit);
        found.push(...page.map((row) => row.name));
        assert.ok(page.length <= limit);
        if (page.length < limit) break;
      }
      assert.deepEqual(found, sorted);
    }
    const after = await view.children(1, "a!", 1);
    assert.deepEqual(after.map((row) => row.name), ["aa"]);
    assert.deepEqual(await view.children(98, undefined, 9), []);
  });

  written("putNode moves and changes a node", async (t) => {
    await t.putNode(root);
    await t.putNode(directory(2, 1, "from"));
    await t.putNode(directory(3, 1, "to"));
    await t.putNode(file(4, 2, "x", 10, versionId(1)));
    await t.putNode(file(4, 3, "y", 30, versionId(2)));
  }, async (view) => {
    assert.equal(await view.child(2, "x"), undefined);
    assert.deepEqual(await view.child(3, "y"), file(4, 3, "y", 30, versionId(2)));
    assert.deepEqual(await view.totals(), totals(1, 2, 0, 30, 0));
    assert.deepEqual(await view.usage(3), usage(1, 0, 0, 30));
    assert.deepEqual(await view.usage(1), usage(1, 2, 0, 30));
    assert.deepEqual(await view.usage(4), usage(1, 0, 0, 30));
    assert.deepEqual(await view.usage(77), usage(0, 0, 0, 0));
    assert.equal(await view.highestNodeId(), 4);
  });

  test("putNode refuses a second node of one name and changes nothing", async ({ catalog }) => {
    await catalog.transaction(async (t) => {
      await t.putNode(root);
      await t.putNode(directory(2, 1, "x"));
      await t.putNode(directory(3, 1, "y"));
    });
    const before = await observe(catalog);
    await catalog.transaction(async (t) => {
      await assert.rejects(t.putNode(directory(3, 1, "x")));
      await assert.rejects(t.putNode(directory(4, 1, "x")));
    });
    assert.deepEqual(await observe(catalog), before);
  });

  test("removeTree counts, and takes every version of the files along", async ({ catalog }) => {
    for (const write of history) await catalog.transaction(write);
    const removed = await catalog.transaction(async (t) => {
      await t.putNode(file(8, 1, "outside", 5, versionId(8)));
      await t.putVersion(version(8, 8, 1));
      await t.putManifest(versionId(8), 0, [chunk(2), chunk(5)]);
      await t.putVersion(version(3, 5, 4));
      await t.putManifest(versionId(3), 0, [chunk(6), chunk(1)]);
      assert.equal((await t.totals()).chunks, 4);
      return await t.removeTree(2);
    });
    assert.deepEqual(removed, { files: 1, directories: 2, links: 1 });
    await catalog.read(async (view) => {
      assert.deepEqual((await view.children(1, undefined, 9)).map((row) => row.nodeId), [8]);
      for (const nodeId of [2, 3, 4, 5]) assert.equal(await view.node(nodeId), undefined);
      assert.equal(await view.version(versionId(1)), undefined);
      assert.equal(await view.version(versionId(3)), undefined);
      assert.deepEqual(await view.manifest(versionId(3), 0, 9), []);
      assert.deepEqual(await view.manifest(versionId(8), 0, 9), [chunk(2), chunk(5)]);
      assert.deepEqual(await view.totals(), totals(1, 0, 0, 5, 2));
      assert.equal(await view.highestNodeId(), 8);
      assert.equal((await view.holdingsOf(seeder(1), undefined, 9)).length, 3);
    });
    const none = await catalog.transaction((t) => t.removeTree(2));
    assert.deepEqual(none, { files: 0, directories: 0, links: 0 });
  });

  written("versions are found by the front of their id", async (t) => {
    for (const number of [1, 2, 3, 4]) await t.putVersion(version(number, 9, 1));
    await t.putVersion({ ...version(5, 9, 1), versionId: VersionId.parse("f".repeat(32)) });
  }, async (view) => {
    const ids = (await view.versionsByPrefix("", 9)).map((row) => row.versionId);
    assert.equal(ids.length, 5);
    assert.deepEqual(ids, ids.toSorted());
    for (const digits of [5, 6, 32]) {
      const prefix = versionId(2).slice(0, digits);
      assert.deepEqual(await view.versionsByPrefix(prefix, 9), [version(2, 9, 1)]);
    }
    assert.deepEqual(await view.versionsByPrefix("f".repeat(31) + "e", 9), []);
    assert.equal((await view.versionsByPrefix("f".repeat(7), 9)).length, 1);
    assert.equal((await view.versionsByPrefix("", 2)).length, 2);
    const found = [];
    for (let page = await view.versionsAfter(undefined, 2); page.length > 0;) {
      found.push(...page);
      page = await view.versionsAfter(page.at(-1)?.versionId, 2);
    }
    assert.deepEqual(found.map((row) => row.versionId), ids, "pages of all of them");
  });

  test("old versions come by file, by number and by end, and are summed up", async (under) => {
    const { catalog } = under;
    const numbers = (rows: readonly OldVersionRow[]) => rows.map(({ old }) => old.number);
    await catalog.transaction(async (t) => {
      await t.putNode(root);
      await t.putNode(file(5, 1, "f", 9, versionId(4)));
      await t.putVersion({ ...version(4, 5, 2), by: "someone" });
      for (const [number, nodeId, untilMs] of [[7, 5, 40], [3, 5, 50], [8, 6, 45]] as const) {
        await t.putVersion(oldVersion(number, nodeId, untilMs));
        await t.putManifest(versionId(number), 0, [chunk(number)]);
      }
    });
    await catalog.read(async (view) => {
      assert.deepEqual(await view.version(versionId(4)), { ...version(4, 5, 2), by: "someone" });
      assert.deepEqual(await view.version(versionId(7)), oldVersion(7, 5, 40));
      const both = [oldVersion(3, 5, 50), oldVersion(7, 5, 40)];
      assert.deepEqual(await view.oldVersionsOf(5), both);
      assert.deepEqual(await view.oldVersionsOf(9), []);
      assert.deepEqual(numbers(await view.oldVersions(undefined, 2)), [3, 7]);
      assert.deepEqual(numbers(await view.oldVersions(3, 9)), [7, 8]);
      assert.deepEqual(numbers(await view.oldVersionsEnded(39, 9)), []);
      assert.deepEqual(numbers(await view.oldVersionsEnded(45, 9)), [7, 8]);
      assert.deepEqual(numbers(await view.oldVersionsEnded(99, 2)), [7, 8]);
      assert.deepEqual(await view.oldVersionSums(), { versions: 3, fileBytes: 3018 });
      // Their chunks are wanted like those of any version.
      assert.deepEqual(await view.chunksBelow([]), { atRisk: 3, unavailable: 3 });
    });
    await catalog.transaction(async (t) => {
      const { old: _, ...current } = oldVersion(3, 5, 50);
      await t.putVersion(current);
      await t.putVersion({ ...oldVersion(8, 6, 45), sizeBytes: 100 });
      assert.deepEqual(await t.oldVersionSums(), { versions: 2, fileBytes: 1107 });
      await t.removeVersion(versionId(8));
      assert.deepEqual(await t.oldVersionSums(), { versions: 1, fileBytes: 1007 });
      await t.removeTree(5);
    });
    const after = under.reopen === undefined ? catalog : await under.reopen();
    await after.read(async (view) => {
      assert.deepEqual(await view.oldVersionSums(), { versions: 0, fileBytes: 0 });
      assert.deepEqual(await view.oldVersions(undefined, 9), []);
      assert.deepEqual(await view.oldVersionsEnded(99, 9), []);
      assert.equal((await view.totals()).chunks, 0);
    });
  });

  written("wanted is the most copies of those versions that name a chunk", async (t) => {
    await t.putVersion(version(1, 5, 2));
    await t.putVersion(version(2, 6, 3));
    await t.putManifest(versionId(1), 0, [chunk(1), chunk(2)]);
    await t.putManifest(versionId(2), 0, [chunk(2)]);
    await t.addHoldings(seeder(1), [chunk(3)]);
  }, async (view) => {
    const asked = [1, 2, 3, 4].map((number) => chunk(number).chunkId);
    assert.deepEqual([...await view.wanted(asked)], [[asked[0], 2], [asked[1], 3]]);
  });

  written(
    "copies in people's files are told apart, and count for adopted versions only",
    async (t) => {
      await t.putVersion({ ...version(1, 5, 2), adopted: true });
      await t.putVersion(version(2, 6, 2));
      await t.putManifest(versionId(1), 0, [chunk(1), chunk(2)]);
      await t.putManifest(versionId(2), 0, [chunk(2)]);
      const both = [chunk(1), chunk(2)].map((one) => ({ ...one, adopted: true as const }));
      await t.addHoldings(seeder(1), both);
      await t.addHoldings(seeder(2), both);
      await t.addHoldings(seeder(3), [...both, chunk(3)]);
      // One becomes the seeder's own, one a file's.
      await t.addHoldings(seeder(3), [chunk(1), { ...chunk(3), adopted: true }]);
    },
    async (view) => {
      const [one, two, three] = [1, 2, 3].map((number) => chunk(number).chunkId);
      assert(one && two && three);
      assert.deepEqual(await view.version(versionId(1)), { ...version(1, 5, 2), adopted: true });
      const inPlace = [...await view.copies([one, two, three])].map(([chunkId, copies]) => [
        chunkId,
        copies.filter(({ adopted }) => adopted).map(({ seederId }) => seederId),
      ]);
      assert.deepEqual(inPlace, [
        [one, [seeder(1), seeder(2)]],
        [two, [seeder(1), seeder(2), seeder(3)]],
        [three, [seeder(3)]],
      ]);
      const held = [chunk(1), { ...chunk(2), adopted: true }, { ...chunk(3), adopted: true }];
      assert.deepEqual(
        await view.holdingsOf(seeder(3), undefined, 9),
        held.sort((a, b) => a.chunkId < b.chunkId ? -1 : 1),
      );
      const sum = new InventorySum();
      sum.toggle(one);
      for (const adopted of [two, three]) sum.toggle(adopted, true);
      assert.equal((await view.holdingsSummary(seeder(3))).digest, sum.hex());
      const uses = await view.chunkUses([one, two, three]);
      assert.deepEqual(uses.map(({ wanted, wantedOwn }) => [wanted, wantedOwn]), [[2, 0], [2, 2], [
        0,
        0,
      ]]);
      assert.deepEqual((await view.shortChunks(undefined, 9)).map(({ chunkId }) => chunkId), [two]);
      const all = [1, 2, 3].map(seeder);
      assert.deepEqual(await view.chunksBelow(all), { atRisk: 1, unavailable: 0 });
      assert.deepEqual(await view.chunksBelow([seeder(1)]), { atRisk: 2, unavailable: 0 });
    },
  );

  written("adoptions are found by seeder and source, clashes in pages", async (t) => {
    for (const [of, number, clash] of [[1, 1, true], [1, 2, false], [1, 3, true], [2, 1, true]]) {
      await t.putAdoption(adoption(Number(of), Number(number), clash === true));
    }
    await t.putAdoption(adoption(1, 3, false));
    await t.putAdoption(adoption(1, 4, true));
    await t.putAdoption(adoption(3, 4, true));
    await t.removeAdoptions(seeder(3));
  }, async (view) => {
    assert.deepEqual(await view.adoption(seeder(1), adoption(1, 2).source), adoption(1, 2));
    assert.equal(await view.adoption(seeder(2), adoption(2, 2).source), undefined);
    const clashing = [adoption(1, 1, true), adoption(1, 4, true), adoption(2, 1, true)];
    assert.deepEqual(await view.clashes(undefined, undefined, 9), clashing);
    assert.deepEqual(await view.clashes(undefined, clashing[0], 1), [clashing[1]]);
    assert.deepEqual(await view.clashes(seeder(2), undefined, 9), [clashing[2]]);
    assert.deepEqual(await view.clashes(seeder(1), clashing[1], 9), []);
    assert.deepEqual(await view.adoptionSums(seeder(1)), { files: 4, clashes: 2 });
    assert.deepEqual(await view.adoptionSums(seeder(3)), { files: 0, clashes: 0 });
  });

  written("manifests are put and read in pages", async (t) => {
    await t.putManifest(versionId(1), 2, [chunk(3), chunk(4)]);
    await t.putVersion(version(1, 5, 2));
    await t.putManifest(versionId(1), 0, [chunk(1), chunk(1)]);
    await t.putManifest(versionId(1), 3, [chunk(5), chunk(6)]);
  }, async (view) => {
    const whole = [chunk(1), chunk(1), chunk(3), chunk(5), chunk(6)];
    assert.deepEqual(await view.manifest(versionId(1), 0, 9), whole);
    assert.deepEqual(await view.manifest(versionId(1), 1, 3), whole.slice(1, 4));
    assert.deepEqual(await view.manifest(versionId(1), 5, 3), []);
    assert.equal((await view.totals()).chunks, 4);
    assert.deepEqual(await view.chunksBelow([]), { atRisk: 4, unavailable: 4 });
  });

  test("a chunk is wanted as often as the version asking for most copies", async ({ catalog }) => {
    const below = () => catalog.read((view) => view.chunksBelow([seeder(1), seeder(2)]));
    await catalog.transaction(async (t) => {
      await t.putVersion(version(1, 5, 2));
      await t.putManifest(versionId(1), 0, [chunk(1), chunk(2)]);
      await t.putVersion(version(2, 5, 3));
      await t.putManifest(versionId(2), 0, [chunk(2), chunk(2), chunk(3)]);
      for (const number of [1, 2]) await t.addHoldings(seeder(number), [chunk(1), chunk(2)]);
      await t.addHoldings(seeder(3), [chunk(2), chunk(3), chunk(4)]);
    });
    assert.deepEqual(await below(), { atRisk: 2, unavailable: 1 });
    const three = [1, 2, 3].map(seeder);
    assert.deepEqual(await catalog.read((view) => view.chunksBelow(three)), {
      atRisk: 1,
      unavailable: 0,
    });
    await catalog.read(async (view) => {
      assert.equal(await view.copiesLeast(versionId(1), three), 2);
      assert.equal(await view.copiesLeast(versionId(2), three), 1);
      assert.equal(await view.copiesLeast(versionId(2), []), 0);
      assert.equal(await view.copiesLeast(versionId(9), three), undefined);
    });
    await catalog.transaction((t) => t.putVersion(version(2, 5, 2)));
    assert.deepEqual(await below(), { atRisk: 1, unavailable: 1 });
    await catalog.transaction((t) => t.putVersion(version(1, 5, 9)));
    assert.deepEqual(await below(), { atRisk: 3, unavailable: 1 });
    await catalog.transaction((t) => t.removeVersion(versionId(1)));
    assert.deepEqual(await below(), { atRisk: 1, unavailable: 1 });
    assert.equal((await catalog.read((view) => view.totals())).chunks, 2);
    await catalog.transaction((t) => t.removeVersion(versionId(2)));
    assert.deepEqual(await below(), { atRisk: 0, unavailable: 0 });
    assert.equal((await catalog.read((view) => view.totals())).chunks, 0);
  });

  written("holdings are added once, removed if there, and summed up", async (t) => {
    const numbers = Array.from({ length: 30 }, (_, i) => i);
    await t.addHoldings(seeder(2), numbers.map((number) => chunk(number)));
    await t.addHoldings(seeder(2), [chunk(3, 9999), chunk(40), chunk(40)]);
    await t.addHoldings(seeder(1), [chunk(3), chunk(5)]);
    await t.removeHoldings(seeder(2), [chunk(5).chunkId, chunk(5).chunkId, noChunk]);
    await t.removeHoldings(seeder(4), [chunk(3).chunkId]);
    await t.addHoldings(seeder(5), []);
  }, async (view) => {
    const numbers = [...Array.from({ length: 30 }, (_, i) => i), 40].filter((n) => n !== 5);
    const expected = numbers.map((number) => chunk(number))
      .toSorted((a, b) => a.chunkId < b.chunkId ? -1 : 1);
    assert.deepEqual(await view.holdingsOf(seeder(2), undefined, 99), expected);
    const from = expected[6]?.chunkId;
    assert.deepEqual(await view.holdingsOf(seeder(2), from, 5), expected.slice(7, 12));
    const sum = new InventorySum();
    for (const { chunkId } of expected) sum.toggle(chunkId);
    assert.deepEqual(await view.holdingsSummary(seeder(2)), {
      chunkCount: expected.length,
      usedBytes: expected.reduce((total, { sizeBytes }) => total + sizeBytes, 0),
      digest: sum.hex(),
    });
    const few = [chunk(3), chunk(5)].toSorted((a, b) => a.chunkId < b.chunkId ? -1 : 1);
    assert.deepEqual(await view.holdingsOf(seeder(1), undefined, 99), few);
    const asked = [chunk(5).chunkId, chunk(3).chunkId, noChunk];
    const holders = await view.holders(asked);
    assert.deepEqual(holders.get(chunk(3).chunkId), [seeder(1), seeder(2)]);
    assert.deepEqual(holders.get(chunk(5).chunkId), [seeder(1)]);
    assert.equal(holders.size, 2);
    assert.deepEqual(await view.totals(), totals(0, 0, 0, 0, 0));
  });

  written("a holding is proved until it changes, with the size it was proved with", async (t) => {
    await t.putVersion(version(1, 5, 2));
    await t.putManifest(versionId(1), 0, [chunk(1), chunk(2)]);
    await t.addHoldings(seeder(1), [{ ...chunk(1), provedMs: 7 }, { ...chunk(2), provedMs: 0 }]);
    await t.addHoldings(seeder(1), [chunk(1), { ...chunk(2), provedMs: 5 }]);
    await t.addHoldings(seeder(2), [chunk(1, 999), chunk(2, 999)]);
    await t.addHoldings(seeder(2), [{ ...chunk(1), provedMs: 9 }]);
    await t.addHoldings(seeder(3), [{ ...chunk(1), provedMs: 3 }, chunk(3)]);
    await t.addHoldings(seeder(3), [{ ...chunk(1), adopted: true }]);
  }, async (view) => {
    const [one, two] = [chunk(1), chunk(2)];
    assert.deepEqual([...await view.copies([one.chunkId, two.chunkId])], [
      [one.chunkId, [
        { seederId: seeder(1), sizeBytes: one.sizeBytes, provedMs: 7 },
        { seederId: seeder(2), sizeBytes: one.sizeBytes, provedMs: 9 },
        { seederId: seeder(3), sizeBytes: one.sizeBytes, adopted: true },
      ]],
      [two.chunkId, [
        { seederId: seeder(1), sizeBytes: two.sizeBytes, provedMs: 5 },
        { seederId: seeder(2), sizeBytes: 999 },
      ]],
    ]);
    assert.equal((await view.holdingsSummary(seeder(2))).usedBytes, one.sizeBytes + 999);
    const others = [1, 2, 3].map(seeder);
    const unproved = (of: number, sinceMs: number, most = 2) =>
      view.chunksUnproved(seeder(of), others, sinceMs, most);
    assert.deepEqual(await Promise.all([unproved(1, 0), unproved(1, 0, 1)]), [2, 1]);
    assert.deepEqual(await Promise.all([unproved(2, 6, 1), unproved(2, 0, 1)]), [1, 0]);
    assert.equal(await unproved(3, 0), 0, "what no version names is not asked for");
  });

  written("a chunk has the size that the first version tells", async (t) => {
    await t.addHoldings(seeder(1), [chunk(1, 5), chunk(2, 5)]);
    await t.putUpload(upload(1, 9));
    await t.putUploadChunks(uploadId(1), [{ ...chunk(2, 20), index: 0 }]);
    await t.putVersion(version(1, 5, 2));
    await t.putManifest(versionId(1), 0, [chunk(1, 10), chunk(2, 30), chunk(1, 30)]);
    await t.removeUpload(uploadId(1));
  }, async (view) => {
    const asked = [1, 2, 3].map((number) => chunk(number).chunkId);
    const uses = await view.chunkUses(asked);
    assert.deepEqual(uses.map(({ sizeBytes }) => sizeBytes), [10, 30, undefined]);
    const expected = [chunk(1, 10), chunk(2, 30)].sort((a, b) => a.chunkId < b.chunkId ? -1 : 1);
    assert.deepEqual(await view.heldChunks(undefined, 9), expected);
    assert.deepEqual(await view.shortChunks(undefined, 9), expected);
  });

  test("uploads keep their chunks until they are removed", async ({ catalog }) => {
    await catalog.transaction(async (t) => {
      for (const [number, ends] of [[1, 10], [2, 20], [3, 5]] as const) {
        await t.putUpload(upload(number, ends));
      }
      await t.putUpload({ ...upload(1, 11), sizeBytes: 77 });
      await t.putUploadChunks(uploadId(1), [
        { ...chunk(1), index: 7 },
        { ...chunk(2), index: 0 },
        { ...chunk(1), index: 3 },
      ]);
      await t.putUploadChunks(uploadId(1), [{ ...chunk(4), index: 3 }]);
      await t.putUploadChunks(uploadId(2), [{ ...chunk(1), index: 0 }]);
    });
    await catalog.read(async (view) => {
      assert.deepEqual(await view.upload(uploadId(1)), { ...upload(1, 11), sizeBytes: 77 });
      assert.equal(await view.uploadCount(), 3);
      assert.deepEqual(await view.uploadTimes(), { oldestMs: 100, newestMs: 300 });
      assert.deepEqual(await view.uploadsEndedBefore(11, 9), [uploadId(3)]);
      const both = [uploadId(1), uploadId(3)].toSorted();
      assert.deepEqual(await view.uploadsEndedBefore(12, 9), both);
      assert.deepEqual(await view.uploadsEndedBefore(12, 1), both.slice(0, 1));
      const chunks = [{ ...chunk(2), index: 0 }, { ...chunk(4), index: 3 }, {
        ...chunk(1),
        index: 7,
      }];
      assert.deepEqual(await view.uploadChunks(uploadId(1), 0, 9), chunks);
      assert.deepEqual(await view.uploadChunks(uploadId(1), 1, 1), chunks.slice(1, 2));
    });
    await catalog.transaction((t) => t.removeUpload(uploadId(1)));
    await catalog.read(async (view) => {
      assert.equal(await view.upload(uploadId(1)), undefined);
      assert.deepEqual(await view.uploadChunks(uploadId(1), 0, 9), []);
      assert.deepEqual(await view.uploadChunks(uploadId(2), 0, 9), [{ ...chunk(1), index: 0 }]);
      assert.equal(await view.uploadCount(), 2);
    });
  });

  test("the log has no gaps", async ({ catalog }) => {
    await catalog.transaction((t) => t.appendLog(logRow(1)));
    for (const sequence of [1, 3]) {
      await assert.rejects(catalog.transaction((t) => t.appendLog(logRow(sequence))));
    }
    await catalog.transaction(async (t) => {
      await t.appendLog(logRow(2));
      await t.appendLog(logRow(3));
    });
    assert.deepEqual(await catalog.read((view) => view.logHead()), logRow(3));
  });

  test("nodesAfter gives every node, those in the trash too, and highestNodeId only rises", async ({ catalog }) => {
    await catalog.transaction(async (t) => {
      for (const [i, name] of ["a", "b", "c"].entries()) {
        await t.putNode(directory(3 * i + 2, 1, name));
      }
      await t.putNode(directory(4, trashNodeId, "1"));
      await t.putNode(root);
      await t.raiseHighestNodeId(70);
      await t.raiseHighestNodeId(60);
    });
    await catalog.read(async (view) => {
      const ids = async (after: number | undefined, limit: number) =>
        (await view.nodesAfter(after, limit)).map(({ nodeId }) => nodeId);
      assert.deepEqual(await ids(undefined, 9), [1, 2, 4, 5, 8]);
      assert.deepEqual(await ids(2, 2), [4, 5]);
      assert.deepEqual(await ids(8, 9), []);
      assert.equal(await view.highestNodeId(), 70);
    });
  });

  test("a log may begin anywhere, and lose its oldest rows and its newest", async ({ catalog }) => {
    await catalog.transaction((t) => t.beginLog(logRow(41)));
    await assert.rejects(catalog.transaction((t) => t.beginLog(logRow(42))));
    await assert.rejects(catalog.transaction((t) => t.appendLog(logRow(1))));
    await catalog.transaction(async (t) => {
      for (let i = 42; i < 50; i++) await t.appendLog(logRow(i));
    });
    const sequences = () =>
      catalog.read(async (view) => (await view.logAfter(0, 99)).map((row) => row.sequence));
    assert.deepEqual((await sequences()).length, 9);
    assert.equal(await catalog.transaction((t) => t.trimLog(45, 3)), 3);
    assert.deepEqual(await sequences(), [44, 45, 46, 47, 48, 49]);
    assert.equal(await catalog.transaction((t) => t.trimLog(45, 3)), 1);
    assert.equal(await catalog.transaction((t) => t.trimLog(45, 3)), 0);
    assert.deepEqual((await catalog.read((view) => view.logHead()))?.sequence, 49);
    await catalog.transaction((t) => t.cutLog(47));
    assert.deepEqual(await sequences(), [45, 46, 47]);
    await catalog.transaction((t) => t.appendLog(logRow(48)));
    await catalog.transaction((t) => t.cutLog(90));
    assert.deepEqual(await sequences(), [45, 46, 47, 48]);
    await catalog.transaction((t) => t.trimLog(99, 99));
    assert.equal(await catalog.read((view) => view.logHead()), undefined);
  });

  test("putAnswer keeps the last so many answers, and one again as it is", async ({ catalog }) => {
    const put = (number: number, text: string, most: number) =>
      catalog.transaction((t) => t.putAnswer(answerKey(number), text, most));
    const all = () => catalog.read((view) => view.answers());
    for (let i = 1; i <= 5; i++) await put(i, `answer ${i}`, 3);
    const kept = [3, 4, 5].map((i) => [answerKey(i), `answer ${i}`]);
    assert.deepEqual(await all(), kept);
    await put(4, "Ünïcode", 3);
    assert.deepEqual(await all(), [kept[2]!, [answerKey(4), "Ünïcode"]].slice(-3));
    assert.equal(await catalog.read((view) => view.answer(answerKey(4))), "Ünïcode");
    assert.equal(await catalog.read((view) => view.answer(answerKey(1))), undefined);
    await assert.rejects(catalog.transaction(async (t) => {
      await t.putAnswer(answerKey(9), "taken back", 1);
      throw new Error("no");
    }));
    assert.equal((await all()).length, 2);
  });

  test("settings tells all, reset removes all, and a reset taken back none", async ({ catalog }) => {
    const empty = await observe(catalog);
    for (const write of history) await catalog.transaction(write);
    await catalog.transaction((t) => t.putSetting("a", "first"));
    const names = (await catalog.read((view) => view.settings())).map(([name]) => name);
    assert.deepEqual(names, ["a", "setting 1"]);
    const before = await observe(catalog);
    await assert.rejects(catalog.transaction(async (t) => {
      await t.reset();
      throw new Error("taken back");
    }));
    assert.deepEqual(await observe(catalog), before);
    await catalog.transaction((t) => t.reset());
    assert.deepEqual(await observe(catalog), empty);
    for (const write of history) await catalog.transaction(write);
    await catalog.transaction((t) => t.putSetting("a", "first"));
    assert.deepEqual(await observe(catalog), before);
  });
}

function usage(files: number, directories: number, links: number, fileBytes: number) {
  return { files, directories, links, fileBytes };
}

function totals(
  files: number,
  directories: number,
  links: number,
  fileBytes: number,
  chunks: number,
) {
  return { ...usage(files, directories, links, fileBytes), chunks };
}

function isFault(code: Fault["code"]): (error: unknown) => boolean {
  return (error) => error instanceof Error && "code" in error && error.code === code;
}
