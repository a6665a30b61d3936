/** Uploads against the real tracker and seeders that misbehave on command. */
import assert from "node:assert/strict";
import { Fault, problemOf } from "../../../../protocol/mod.ts";
import { uploadFiles, type UploadSource } from "../../../../roles/client/transfer/upload.ts";
import {
  assertDownloads,
  fewestCopies,
  localFile,
  modifiedMs,
  upload,
  uploaded,
} from "../transfers.ts";
import { bytesOf, mib, remote, tallyObserver, withWorld, type World } from "../world.ts";

for (const sizeBytes of [0, 1, mib - 1, mib, mib + 1, 5 * mib + 17]) {
  Deno.test(`uploadFiles stores ${sizeBytes} bytes in two copies`, () =>
    withWorld(3, async (world) => {
      const bytes = bytesOf(sizeBytes, 3);
      const { results, tally } = await uploaded(world, [await localFile(world, "a", bytes)]);
      assert.equal(results[0]?.copies, 2);
      assert.equal(results[0]?.bytesMoved, sizeBytes);
      assert.deepEqual([tally.expected, tally.done], [sizeBytes, sizeBytes]);
      if (sizeBytes > 0) assert.equal(fewestCopies(world), 2);
      await assertDownloads(world, "a", bytes);
    }));
}

Deno.test("uploadFiles reads a stream of unknown length", () =>
  withWorld(3, async (world) => {
    const bytes = bytesOf(2 * mib + 5, 4);
    await uploaded(world, [streamSource("s", bytes)]);
    await uploaded(world, [streamSource("empty", new Uint8Array())]);
    await assertDownloads(world, "s", bytes);
    await assertDownloads(world, "empty", new Uint8Array());
  }));

Deno.test("uploadFiles sends three hundred small files in a few calls", () =>
  withWorld(3, async (world) => {
    const sources = await manySmall(world, 300);
    const { results, tally } = await uploaded(world, sources);
    assert.equal(results.length, 300);
    assert.equal(tally.done, tally.expected);
    assert.equal(world.trackerCalls.get("/v1/uploads/commit"), 2);
    const posts = world.seeders.reduce((sum, seeder) => sum + seeder.calls.batch, 0);
    assert.ok(posts <= 2 * 3, `${posts} batch bodies`);
    await assertDownloads(world, "small-7", bytesOf(500 + 7, 7));
  }));

Deno.test("uploadFiles sends nothing a second time", () =>
  withWorld(3, async (world) => {
    const source = await localFile(world, "a", bytesOf(3 * mib, 5));
    await uploaded(world, [source]);
    const { results, tally } = await uploaded(world, [{ ...source, path: remote("/b") }]);
    assert.equal(results[0]?.bytesMoved, 0);
    assert.equal(tally.through.size, 0);
    assert.equal(tally.done, 3 * mib);
  }));

Deno.test("uploadFiles sends equal chunks of one file once", () =>
  withWorld(3, async (world) => {
    const { results } = await uploaded(world, [
      await localFile(world, "z", new Uint8Array(6 * mib)),
    ]);
    assert.equal(results[0]?.bytesMoved, mib);
    await assertDownloads(world, "z", new Uint8Array(6 * mib));
  }));

Deno.test("uploadFiles goes elsewhere when a seeder is down", () =>
  withWorld(4, async (world) => {
    const [dead] = world.seeders;
    if (dead !== undefined) dead.down = true;
    const bytes = bytesOf(6 * mib, 6);
    const small = await manySmall(world, 20);
    const { results, tally } = await uploaded(world, [
      await localFile(world, "a", bytes),
      ...small,
    ]);
    assert.ok(results.every((one) => one.copies === 2));
    assert.equal(dead?.chunks.size, 0);
    assert.equal(fewestCopies(world), 2);
    assert.ok(tally.notes.length <= 2, tally.notes.join("\n"));
    await assertDownloads(world, "a", bytes);
  }));

Deno.test("uploadFiles goes elsewhere when a seeder dies in the middle", () =>
  withWorld(4, async (world) => {
    const [dying] = world.seeders;
    if (dying === undefined) return;
    dying.behave = ({ kind, nth }) => kind === "store" && nth >= 2 ? "unreachable" : "ok";
    const bytes = bytesOf(12 * mib, 8);
    const { results } = await uploaded(world, [await localFile(world, "a", bytes)]);
    assert.equal(results[0]?.copies, 2);
    await assertDownloads(world, "a", bytes);
  }));

for (
  const behaviour of [
    "silent",
    "lose-reply",
    new Fault("disk-full", "no room"),
    new Fault("leave-expired", "too late"),
    new Fault("internal", "broken"),
  ] as const
) {
  const told = behaviour instanceof Fault ? behaviour.code : behaviour;
  Deno.test(`uploadFiles copes with a seeder that answers ${told}`, () =>
    withWorld(4, async (world) => {
      const [odd] = world.seeders;
      if (odd === undefined) return;
      odd.behave = ({ kind, nth }) => kind !== "read" && nth < 3 ? behaviour : "ok";
      const bytes = bytesOf(4 * mib, 9);
      const sources = [await localFile(world, "a", bytes), ...await manySmall(world, 10)];
      const { results } = await uploaded(world, sources);
      assert.ok(results.every((one) => one.copies === 2));
      await assertDownloads(world, "a", bytes);
    }));
}

Deno.test("uploadFiles fails clearly, and shows nothing, when nobody takes the data", () =>
  withWorld(2, async (world) => {
    for (const seeder of world.seeders) seeder.down = true;
    const sources = [
      await localFile(world, "a", bytesOf(2 * mib, 1)),
      ...await manySmall(world, 2),
    ];
    const { results } = await upload(world, sources);
    assert.equal(results.length, 3);
    for (const { fault } of results) {
      assert.ok(
        ["seeder-unreachable", "too-few-seeders"].includes(fault?.code ?? ""),
        String(fault),
      );
    }
    const { entries } = await world.session.tracker.list({ path: remote("/") });
    assert.deepEqual(entries, []);
    const { uploadsOpen } = await world.session.tracker.status({});
    assert.equal(uploadsOpen, 0);
  }));

Deno.test("uploadFiles asks again when the reply to a commit was lost", () =>
  withWorld(3, async (world) => {
    world.trackerBehave = (path, nth) =>
      path === "/v1/uploads/commit" && nth % 2 === 0 ? "lose-reply" : "ok";
    const sources = [
      await localFile(world, "a", bytesOf(2 * mib, 2)),
      ...await manySmall(world, 5),
    ];
    const { results } = await uploaded(world, sources);
    assert.equal(results.length, 6);
  }));

Deno.test("uploadFiles waits for a tracker that is away for a while", () =>
  withWorld(3, async (world) => {
    world.trackerBehave = (_path, nth) => nth % 3 === 0 ? "unreachable" : "ok";
    const bytes = bytesOf(3 * mib, 2);
    await uploaded(world, [await localFile(world, "a", bytes)]);
    await assertDownloads(world, "a", bytes);
    assert.ok(world.waits.length > 0);
  }));

Deno.test("uploadFiles sends chunks again whose copies are missing at the commit", () =>
  withWorld(3, async (world) => {
    // Recording fails for a reason that may pass, so the commit finds chunks missing.
    const problem = problemOf(new Fault("unavailable", "not now"));
    const results = Array.from({ length: 16 }, () => ({ ok: false, problem }));
    world.trackerBehave = (path, nth) =>
      path === "/v1/uploads/record" && nth === 0 ? { reply: { results, leaseMs: 1000 } } : "ok";
    const bytes = bytesOf(18 * mib, 12);
    const { tally } = await uploaded(world, [await localFile(world, "a", bytes)]);
    assert.ok(tally.notes.some((note) => note.includes("again")));
    assert.equal(world.trackerCalls.get("/v1/uploads/commit"), 2);
    const stream = await upload(world, [streamSource("s", bytesOf(18 * mib, 13))]);
    assert.equal(stream.results[0]?.fault, undefined);
    world.trackerCalls.delete("/v1/uploads/record");
    const cut = await upload(world, [streamSource("t", bytesOf(18 * mib, 14))]);
    assert.equal(cut.results[0]?.fault?.code, "copies-missing");
    assert.match(cut.results[0]?.fault?.message ?? "", /stream/);
    await assertDownloads(world, "a", bytes);
  }));

for (const code of ["upload-unknown", "leave-invalid"] as const) {
  for (const step of ["place", "record", "commit"]) {
    Deno.test(`uploadFiles begins again where ${step} is told ${code}`, () =>
      withWorld(3, async (world) => {
        const problem = problemOf(new Fault(code, "a clock jumped"));
        const results = Array.from({ length: 16 }, () => ({ ok: false, problem }));
        const refusing = () => {
          world.trackerCalls.clear();
          world.trackerBehave = (path, nth) =>
            path === `/v1/uploads/${step}` && nth === 0
              ? { reply: { results, ...(step === "record" ? { leaseMs: 1000 } : {}) } }
              : "ok";
        };
        refusing();
        const bytes = bytesOf(18 * mib, 21);
        const { tally } = await uploaded(world, [await localFile(world, "a", bytes)]);
        assert.ok(tally.notes.some((note) => note.includes("again")), String(tally.notes));
        assert.ok(tally.done <= tally.expected, `${tally.done} of ${tally.expected}`);
        await assertDownloads(world, "a", bytes);
        assert.equal(fewestCopies(world), 2);
        if (step === "record") return;
        refusing();
        await uploaded(world, await manySmall(world, 12));
        await assertDownloads(world, "small-7", bytesOf(500 + 7, 7));
      }));
  }
}

Deno.test("uploadFiles tells of a stream that cannot begin again, and leaves nothing", () =>
  withWorld(3, async (world) => {
    const problem = problemOf(new Fault("upload-unknown", "forgotten"));
    world.trackerBehave = (path) =>
      path === "/v1/uploads/commit" ? { reply: { results: [{ ok: false, problem }] } } : "ok";
    const { results } = await upload(world, [streamSource("s", bytesOf(mib, 22))]);
    assert.equal(results[0]?.fault?.code, "upload-unknown");
    assert.deepEqual((await world.session.tracker.list({ path: remote("/") })).entries, []);
    // A file is not begun for ever either.
    const file = await upload(world, [await localFile(world, "a", bytesOf(mib, 23))]);
    assert.equal(file.results[0]?.fault?.code, "upload-unknown");
  }));

Deno.test("uploadFiles refuses a file that changed while it was read", () =>
  withWorld(3, async (world) => {
    const source = await localFile(world, "a", bytesOf(4 * mib, 2));
    world.trackerBehave = (path) => {
      if (path === "/v1/uploads/place") {
        Deno.utimeSync(`${world.directory}/a`, new Date(5), new Date(5));
      }
      return "ok";
    };
    const { results } = await upload(world, [source]);
    assert.equal(results[0]?.fault?.code, "local-failed");
    assert.match(results[0]?.fault?.message ?? "", /changed/);
    const { entries } = await world.session.tracker.list({ path: remote("/") });
    assert.deepEqual(entries, []);
  }));

Deno.test("uploadFiles refuses a file whose place another took while it was read", () =>
  withWorld(3, async (world) => {
    const source = await localFile(world, "a", bytesOf(4 * mib, 2));
    const { mtime } = await Deno.stat(`${world.directory}/a`);
    let swapped = false;
    world.trackerBehave = (path) => {
      if (path === "/v1/uploads/place" && !swapped) {
        swapped = true;
        Deno.renameSync(`${world.directory}/a`, `${world.directory}/before`);
        Deno.writeFileSync(`${world.directory}/a`, bytesOf(4 * mib, 3));
        Deno.utimeSync(`${world.directory}/a`, mtime!, mtime!);
      }
      return "ok";
    };
    const { results } = await upload(world, [source]);
    assert.equal(results[0]?.fault?.code, "local-failed");
    assert.match(results[0]?.fault?.message ?? "", /another took its place/);
    const { entries } = await world.session.tracker.list({ path: remote("/") });
    assert.deepEqual(entries, []);
  }));

Deno.test("uploadFiles tells of a bad source and goes on with the rest", () =>
  withWorld(3, async (world) => {
    const good = await localFile(world, "good", bytesOf(100, 1));
    const gone: UploadSource = {
      ...good,
      path: remote("/gone"),
      content: { kind: "file", localPath: `${world.directory}/gone`, sizeBytes: 5 },
    };
    const directory: UploadSource = {
      ...good,
      path: remote("/dir"),
      content: { kind: "file", localPath: world.directory, sizeBytes: 2 * mib },
    };
    const lost: UploadSource = { ...good, path: remote("/no/such/place") };
    const { results } = await upload(world, [gone, directory, lost, good]);
    const codes = new Map(results.map((one) => [one.path, one.fault?.code]));
    assert.deepEqual(
      codes,
      new Map([
        ["/gone", "local-not-found"],
        ["/dir", "is-a-directory"],
        ["/no/such/place", "not-found"],
        ["/good", undefined],
      ].toSorted((a, b) => order(results, a[0]) - order(results, b[0])) as [string, undefined][]),
    );
  }));

Deno.test("uploadFiles stops at once when the signal fires", () =>
  withWorld(3, async (world) => {
    const stop = new AbortController();
    for (const seeder of world.seeders) {
      seeder.behave = ({ nth }) => {
        if (nth === 1) stop.abort();
        return "silent";
      };
    }
    const source = await localFile(world, "a", bytesOf(10 * mib, 2));
    await assert.rejects(upload(world, [source], { signal: stop.signal }), { code: "interrupted" });
    const { entries } = await world.session.tracker.list({ path: remote("/") });
    assert.deepEqual(entries, []);
    const { uploadsOpen } = await world.session.tracker.status({});
    assert.equal(uploadsOpen, 0);
  }));

Deno.test("uploadFiles takes sources lazily and stops when its reader does", () =>
  withWorld(3, async (world) => {
    let taken = 0;
    async function* sources() {
      for (let i = 0; i < 40; i++) {
        taken++;
        yield await localFile(world, `large-${i}`, bytesOf(mib, 100 + i));
      }
    }
    const { observer } = tallyObserver();
    const options = { condition: { kind: "create" as const }, observer };
    for await (const result of uploadFiles(world.session, sources(), options)) {
      assert.equal(result.fault, undefined);
      assert.ok(taken <= 10, `${taken} sources were taken when the first was done`);
      break;
    }
    assert.ok(taken <= 12);
  }));

function order(results: readonly { path: string }[], path: string | undefined): number {
  return results.findIndex((one) => one.path === path);
}

async function manySmall(world: World, count: number): Promise<UploadSource[]> {
  const sources = [];
  for (let i = 0; i < count; i++) {
    sources.push(await localFile(world, `small-${i}`, bytesOf(500 + i, i)));
  }
  return sources;
}

function streamSource(name: string, bytes: Uint8Array<ArrayBuffer>): UploadSource {
  const stream = new Blob([bytes]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
  return { path: remote(`/${name}`), content: { kind: "stream", stream }, modifiedMs, mode: 0o600 };
}
