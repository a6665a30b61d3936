/**
 * Uploads from open to commit: conditions, places, receipts, copies, batches, races, repetition.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ChunkEntry,
  Fault,
  limits,
  makeReceipt,
  type Receipt,
  UploadId,
} from "../../../../protocol/mod.ts";
import {
  chunkOf,
  commitOf,
  namesOf,
  openOf,
  type Recorded,
  refusedWith,
  stateOf,
  throwProblem,
  TrackerWorld,
} from "../tracker_world.ts";

const full = limits.chunkBytesMin;

type Opening = ReturnType<typeof openOf>;

async function open(world: TrackerWorld, upload: Opening): Promise<void> {
  throwProblem((await world.admin.openUploads({ uploads: [upload] })).results[0]);
}

async function place(world: TrackerWorld, uploadId: UploadId, chunk: ChunkEntry) {
  const request = { chunks: [{ ...chunk, uploadId, avoid: [] }] };
  const [result] = (await world.admin.placeChunks(request)).results;
  throwProblem(result);
  assert(result?.ok);
  return result.placement;
}

async function record(world: TrackerWorld, uploadId: UploadId, chunk: Recorded) {
  const [result] = (await world.admin.recordChunks({ chunks: [{ ...chunk, uploadId }] })).results;
  throwProblem(result);
  assert(result?.ok);
  return result.copies;
}

async function commit(world: TrackerWorld, upload: ReturnType<typeof commitOf>) {
  const [result] = (await world.admin.commitUploads({ uploads: [upload] })).results;
  assert(result);
  return result;
}

async function committed(world: TrackerWorld, upload: ReturnType<typeof commitOf>) {
  const result = await commit(world, upload);
  throwProblem(result);
  assert(result.ok);
  return result;
}

Deno.test("open checks the condition, the parent and the kind of what is there", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.admin.makeDirectories({ paths: ["/dir"], parents: false });
  const links = [["/to-file", "file"], ["/to-dir", "dir"], ["/dangling", "new"], ["/loop", "loop"]]
    .map(([at, target]) => ({ path: at as string, target: target as string }));
  await world.admin.makeLinks({
    links: links.map((link) => ({ ...link, modifiedMs: 1, replace: false })),
  });
  const versionId = await world.upload("/file", [chunkOf(1)]);
  const other = "0".repeat(32) as typeof versionId;
  const table: [string, Opening["condition"], Fault["code"] | string][] = [
    ["/file", { kind: "create" }, "already-exists"],
    ["/to-file", { kind: "create" }, "already-exists"],
    ["/to-file", { kind: "replace" }, "/file"],
    ["/dangling", { kind: "create" }, "/new"],
    ["/dir", { kind: "replace" }, "is-a-directory"],
    ["/to-dir", { kind: "replace" }, "is-a-directory"],
    ["/", { kind: "replace" }, "is-a-directory"],
    ["/to-dir/x", { kind: "create" }, "/dir/x"],
    ["/none/x", { kind: "replace" }, "not-found"],
    ["/file/x", { kind: "replace" }, "not-a-directory"],
    ["/loop", { kind: "replace" }, "link-loop"],
    ["/file", { kind: "if-version", versionId }, "/file"],
    ["/file", { kind: "if-version", versionId: other }, "version-conflict"],
    ["/none", { kind: "if-version", versionId }, "version-conflict"],
  ];
  const uploads = table.map(([at, condition]) => openOf(world.uploadId(), at, { condition }));
  const { results } = await world.admin.openUploads({ uploads });
  const told = results.map((result) => result.ok ? result.path : result.problem.code);
  assert.deepEqual(told, table.map(([, , expected]) => expected));
  assert.equal(
    (await world.admin.status({})).uploadsOpen,
    told.filter((t) => /^\//.test(t)).length,
  );
});

Deno.test("open repeated is the same upload with a longer lease", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const upload = openOf(world.uploadId(), "/file");
  await open(world, upload);
  await world.pass(1000);
  await open(world, { ...upload, path: "/else" });
  await committed(world, commitOf(upload.uploadId, [], []));
  const stat = await world.admin.stat({ target: { path: "/file" }, follow: false });
  assert.equal(stat.chunkCount, 0);
  await open(world, upload);
  assert.equal((await world.admin.status({})).uploadsOpen, 0);
});

Deno.test("place names distinct seeders, counts what is held, puts those to avoid last", async () => {
  const world = await TrackerWorld.open({ seeders: 4 });
  const upload = openOf(world.uploadId(), "/file");
  await open(world, upload);
  const { uploadId } = upload;
  const first = await place(world, uploadId, chunkOf(1));
  assert.deepEqual([first.held, first.wanted, first.places.length], [0, 2, 4]);
  const avoid = first.places.slice(0, 2).map((each) => each.seederId);
  const request = { chunks: [{ ...chunkOf(1), uploadId, avoid }] };
  const [again] = (await world.admin.placeChunks(request)).results;
  assert(again?.ok);
  const order = again.placement.places.map((each) => each.seederId);
  assert.deepEqual(new Set(order.slice(2)), new Set(avoid));

  const held = await world.store(uploadId, chunkOf(1));
  assert.equal(held.length, 2);
  await record(world, uploadId, { ...chunkOf(1), index: 0, receipts: held.slice(0, 1) });
  const half = await place(world, uploadId, chunkOf(1));
  assert.deepEqual([half.held, half.wanted], [1, 2]);
  assert(half.places.every((each) => each.seederId !== held[0]?.seederId));
  await record(world, uploadId, { ...chunkOf(1), index: 0, receipts: held.slice(1) });
  assert.deepEqual(await place(world, uploadId, chunkOf(1)), { held: 2, wanted: 2, places: [] });
  const other = await place(world, uploadId, { ...chunkOf(1), sizeBytes: 999 });
  assert.equal(other.held, 0, "a copy of another size is none");
  await refusedWith("size-mismatch", place(world, uploadId, chunkOf(2, full + 1)));
  await refusedWith("upload-unknown", place(world, world.uploadId(), chunkOf(2)));
});

Deno.test("place follows the seeders that are there", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  const [one, two] = world.seeders;
  assert(one && two);
  const { uploadId } = openOf(world.uploadId(), "/file");
  await open(world, openOf(uploadId, "/file"));
  const count = async () => (await place(world, uploadId, chunkOf(1))).places.length;
  assert.equal(await count(), 3);
  await one.beat({ writable: false, trouble: "read-only" });
  assert.equal(await count(), 2);
  await one.beat({ space: { totalBytes: 100, freeBytes: 0, usedBytes: 0 } });
  assert.equal(await count(), 2);
  await one.beat();
  await world.pass(limits.yellowAfterMs, [one]);
  assert.equal(await count(), 2);
  await two.connection.signOut({ seederId: two.seederId });
  // The first has been silent for a moment only: whoever asks shall ask again.
  await refusedWith("unavailable", count());
  await world.pass(limits.redAfterMs - limits.yellowAfterMs, [one, two]);
  const fault = await refusedWith("too-few-seeders", count());
  assert.match(fault.message, /2 copies are needed.*1 of 3/);
  await world.pass(1000, [one]);
  assert.equal(await count(), 2);
});

Deno.test("record refuses receipts that are not good, and keeps what it was told", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one] = world.seeders;
  assert(one);
  const { uploadId } = openOf(world.uploadId(), "/file");
  await open(world, openOf(uploadId, "/file", { sizeBytes: full + 5 }));
  const chunk = chunkOf(1, full);
  const { places } = await place(world, uploadId, chunk);
  const placeAt = places.find((each) => each.seederId === one.seederId);
  assert(placeAt);
  const good = one.store(chunk, placeAt.leave);
  const { key, seederId } = one;
  const stranger = world.newSeeder("stranger");
  const forged = [
    { ...good, proof: good.proof.slice(0, -2) + (good.proof.at(-2) === "A" ? "B" : "A") + "A" },
    { ...good, seederId: world.seeders[1]?.seederId ?? seederId },
    makeReceipt(key, seederId, chunk.chunkId, 17, placeAt.leave),
    makeReceipt(key, seederId, chunkOf(2).chunkId, full, placeAt.leave),
  ];
  const entry = { ...chunk, index: 0 };
  for (const receipt of forged) {
    await refusedWith("leave-invalid", record(world, uploadId, { ...entry, receipts: [receipt] }));
  }
  // As if there were none: a seeder that was forgotten meanwhile is a stranger too.
  const strange = [{ ...good, seederId: stranger.seederId }];
  await refusedWith("copies-missing", record(world, uploadId, { ...entry, receipts: strange }));
  const both = { ...entry, receipts: [good, forged[0] as Receipt] };
  await refusedWith("leave-invalid", record(world, uploadId, both));
  await refusedWith("copies-missing", record(world, uploadId, { ...entry, receipts: [] }));
  const receipts = [good];
  await refusedWith("size-mismatch", record(world, uploadId, { ...entry, index: 1, receipts }));
  await refusedWith("size-mismatch", record(world, uploadId, { ...entry, index: 2, receipts }));
  assert.equal(await record(world, uploadId, { ...entry, receipts }), 1);
  assert.equal(await record(world, uploadId, { ...entry, receipts: [] }), 1);
  const short = { ...chunk, sizeBytes: 5, index: 1, receipts: [] };
  await refusedWith("size-mismatch", record(world, uploadId, short));
  await world.pass(limits.leaveLifeMs);
  const late = limits.receiptGraceMs + 1000;
  await record(world, uploadId, { ...entry, receipts });
  await world.pass(late);
  await refusedWith("leave-invalid", record(world, uploadId, { ...entry, receipts }));
});

Deno.test("a chunk that stands twice in a batch needs its receipts once", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const { uploadId } = openOf(world.uploadId(), "/zeros");
  await open(world, openOf(uploadId, "/zeros"));
  const chunk = chunkOf("zeros", full);
  const receipts = await world.store(uploadId, chunk);
  const chunks = [0, 1, 2].map((index) => ({
    ...chunk,
    index,
    receipts: index === 1 ? receipts : [],
  }));
  assert.equal((await committed(world, commitOf(uploadId, chunks, chunks))).copies, 2);
});

Deno.test("commit refuses what is not whole, names what is missing, and then goes on", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  const { uploadId } = openOf(world.uploadId(), "/file");
  await open(world, openOf(uploadId, "/file"));
  const chunks = [0, 1, 2, 3].map((i) => chunkOf(i, i === 3 ? 9 : full));
  const stored: Recorded[] = [];
  for (const [index, chunk] of chunks.entries()) {
    stored.push({ ...chunk, index, receipts: await world.store(uploadId, chunk) });
  }
  const at = (index: number) => stored[index] as Recorded;
  const whole = commitOf(uploadId, chunks, []);
  const missing = async (recorded: Recorded[]) => {
    const result = await commit(world, { ...whole, chunks: recorded });
    assert(!result.ok && result.problem.code === "copies-missing", JSON.stringify(result));
    return result.missing;
  };
  const names = await namesOf(world.catalog);
  assert.deepEqual(await missing([]), [0, 1, 2, 3]);
  assert.deepEqual(await missing([at(1)]), [0, 2, 3]);
  assert.deepEqual(await missing([{ ...at(2), receipts: at(2).receipts.slice(0, 1) }]), [0, 2, 3]);
  // Nobody holds it, and it comes without a receipt.
  assert.deepEqual(await missing([{ ...at(0), receipts: [] }]), [0, 2, 3]);
  assert.deepEqual(await missing([at(0), at(2)]), [3]);
  const refusals: [Partial<typeof whole>, Fault["code"]][] = [
    [{ sizeBytes: whole.sizeBytes - 1, chunks: [at(3)] }, "size-mismatch"],
    [{ sizeBytes: full, chunks: [] }, "size-mismatch"],
    [{ manifestDigest: "0".repeat(64), chunks: [at(3)] }, "digest-mismatch"],
    [{ chunks: [{ ...at(3), index: 9 }] }, "size-mismatch"],
    [{ uploadId: world.uploadId(), chunks: [at(3)] }, "upload-unknown"],
  ];
  for (const [change, code] of refusals) {
    const result = await commit(world, { ...whole, ...change });
    assert(!result.ok && result.problem.code === code, `${code} ${JSON.stringify(result)}`);
  }
  assert.deepEqual(await namesOf(world.catalog), names);
  const done = await committed(world, whole);
  assert.deepEqual([done.path, done.copies, done.wanted], ["/file", 2, 2]);
  assert.deepEqual(await committed(world, whole), done);
  const log = await world.catalog.read((view) => view.logHead());
  assert.deepEqual(await committed(world, whole), done);
  assert.deepEqual(await world.catalog.read((view) => view.logHead()), log);
});

Deno.test("commit refuses a size other than announced", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const { uploadId } = openOf(world.uploadId(), "/file");
  await open(world, openOf(uploadId, "/file", { sizeBytes: 10 }));
  const result = await commit(world, commitOf(uploadId, [], []));
  assert(!result.ok && result.problem.code === "size-mismatch");
});

Deno.test("of two uploads racing to create one path exactly one is committed", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const condition = { kind: "create" } as const;
  const ids = [world.uploadId(), world.uploadId()];
  const commits = await Promise.all(ids.map(async (uploadId, i) => {
    await open(world, openOf(uploadId, "/one", { condition }));
    const recorded = { ...chunkOf(i), index: 0, receipts: await world.store(uploadId, chunkOf(i)) };
    return commitOf(uploadId, [chunkOf(i)], [recorded]);
  }));
  const results = await Promise.all(commits.map((each) => commit(world, each)));
  assert.equal(results.filter((result) => result.ok).length, 1);
  const loser = results.find((result) => !result.ok);
  assert(loser && !loser.ok && loser.problem.code === "already-exists");
  const winner = results.find((result) => result.ok);
  const { versionId } = await world.admin.stat({ target: { path: "/one" }, follow: true });
  assert(winner?.ok && winner.versionId === versionId);
});

Deno.test("a replaced version answers its commit again, and is gone from the tables", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.admin.setPolicy({ path: "/", versions: 0 });
  const { uploadId } = openOf(world.uploadId(), "/file");
  await open(world, openOf(uploadId, "/file"));
  const recorded = { ...chunkOf(1), index: 0, receipts: await world.store(uploadId, chunkOf(1)) };
  const first = commitOf(uploadId, [chunkOf(1)], [recorded]);
  const done = await committed(world, first);
  const next = await world.upload("/file", [chunkOf(2)], {
    kind: "if-version",
    versionId: done.versionId,
  });
  assert.deepEqual(await committed(world, first), done);
  const { versionId } = await world.admin.stat({ target: { path: "/file" }, follow: true });
  assert.equal(versionId, next);
  const status = await world.admin.status({});
  assert.deepEqual([status.files, status.chunks], [1, 1]);
});

Deno.test("a commit fails when the directory or the condition went away meanwhile", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const { admin } = world;
  await admin.makeDirectories({ paths: ["/dir"], parents: false });
  const start = async (at: string, condition: Opening["condition"]) => {
    const uploadId = world.uploadId();
    await open(world, openOf(uploadId, at, { condition }));
    return commitOf(uploadId, [], []);
  };
  const inDir = await start("/dir/x", { kind: "replace" });
  const create = await start("/new", { kind: "create" });
  const replace = await start("/later", { kind: "replace" });
  await admin.remove({ path: "/dir", what: "tree" });
  await world.upload("/new", []);
  await admin.makeDirectories({ paths: ["/later"], parents: false });
  const codes = [];
  for (const each of [inDir, create, replace]) {
    const result = await commit(world, each);
    codes.push(result.ok ? "done" : result.problem.code);
  }
  assert.deepEqual(codes, ["not-found", "already-exists", "is-a-directory"]);
});

Deno.test("copies asked for beyond the seeders are lowered, never below the least", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.admin.setPolicy({ path: "/", copies: 3 });
  const { uploadId } = openOf(world.uploadId(), "/file");
  await open(world, openOf(uploadId, "/file"));
  const chunk = chunkOf(1);
  assert.equal((await place(world, uploadId, chunk)).wanted, 2);
  const receipts = await world.store(uploadId, chunk);
  const recorded = { ...chunk, index: 0, receipts };
  const [one] = world.seeders;
  assert(one);
  await world.pass(limits.redAfterMs, [one]);
  const refusal = await commit(world, commitOf(uploadId, [chunk], [recorded]));
  assert(!refusal.ok && refusal.problem.code === "copies-missing");
  await one.beat();
  const done = await committed(world, commitOf(uploadId, [chunk], []));
  assert.deepEqual([done.copies, done.wanted], [2, 3]);
  const status = await world.admin.status({});
  assert.deepEqual([status.chunksAtRisk, status.chunksUnavailable], [1, 0]);

  const alone = await TrackerWorld.open({ seeders: 1 });
  await alone.upload("/file", [chunkOf(1)]);
  const stat = await alone.admin.stat({ target: { path: "/file" }, follow: true });
  assert.deepEqual([stat.copiesWanted, stat.copiesLeast], [2, 1]);
});

Deno.test("a batch gives every item its own result, whatever the others are", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("good", "empty", "digest", "size", "unknown", "missing", "taken"), {
        minLength: 1,
        maxLength: 12,
      }),
      async (kinds) => {
        const world = await TrackerWorld.open({ seeders: 2 });
        await world.upload("/taken", []);
        const condition = { kind: "create" } as const;
        const uploads: ReturnType<typeof commitOf>[] = [];
        for (const [i, kind] of kinds.entries()) {
          const uploadId = world.uploadId();
          if (kind !== "unknown") {
            const opening = openOf(uploadId, `/${kind}${i}`, { condition });
            await open(world, opening);
          }
          if (kind === "taken") await world.upload(`/taken${i}`, []);
          const chunks = kind === "empty" ? [] : [chunkOf(`${kind}${i}`, 10)];
          const recorded: Recorded[] = [];
          for (const [index, chunk] of chunks.entries()) {
            const send = kind !== "missing" && kind !== "unknown";
            const receipts = send ? await world.store(uploadId, chunk) : [];
            recorded.push({ ...chunk, index, receipts });
          }
          const made = commitOf(uploadId, chunks, recorded);
          if (kind === "digest") made.manifestDigest = "0".repeat(64);
          if (kind === "size") made.sizeBytes = 11;
          uploads.push(made);
        }
        const { results } = await world.admin.commitUploads({ uploads });
        const codes: Record<string, string> = {
          good: "done",
          empty: "done",
          digest: "digest-mismatch",
          size: "size-mismatch",
          unknown: "upload-unknown",
          missing: "copies-missing",
          taken: "already-exists",
        };
        const told = results.map((result) => result.ok ? "done" : result.problem.code);
        assert.deepEqual(told, kinds.map((kind) => codes[kind]));
        const good = kinds.filter((kind) => ["good", "empty", "taken"].includes(kind)).length;
        assert.equal((await world.admin.status({})).files, 1 + good);
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("abandon gives uploads up and counts those that were there", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const { uploadId } = openOf(world.uploadId(), "/file");
  await open(world, openOf(uploadId, "/file"));
  const uploadIds = [uploadId, uploadId, world.uploadId()];
  assert.equal((await world.admin.abandonUploads({ uploadIds })).abandoned, 1);
  await refusedWith("upload-unknown", committed(world, commitOf(uploadId, [], [])));
});

Deno.test("a catalog that fails in the middle of a batch leaves nothing of it", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const uploads: ReturnType<typeof commitOf>[] = [];
  for (let i = 0; i < 3; i++) {
    const uploadId = world.uploadId();
    await open(world, openOf(uploadId, `/file${i}`));
    const recorded = { ...chunkOf(i), index: 0, receipts: await world.store(uploadId, chunkOf(i)) };
    uploads.push(commitOf(uploadId, [chunkOf(i)], i === 1 ? [] : [recorded]));
  }
  const before = await stateOf(world.catalog);
  const commitAll = () => world.admin.commitUploads({ uploads });
  let failures = 0;
  for (;; failures++) {
    world.callsUntilFull = failures;
    const reply = await commitAll().catch((error) => {
      assert(error instanceof Fault && error.code === "disk-full", String(error));
      return undefined;
    });
    world.callsUntilFull = Infinity;
    if (reply !== undefined) {
      assert.deepEqual(reply.results.map((result) => result.ok), [true, false, true]);
      break;
    }
    assert.equal(await stateOf(world.catalog), before, `after ${failures} calls`);
  }
  assert(failures > 20, `${failures} places to fail at`);
});
