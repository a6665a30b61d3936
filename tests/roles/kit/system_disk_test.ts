/**
 * The real file system behind `Disk`, in a folder of its own: what is written is read back, and
 * every failure the machine can be brought to show has its fault.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Fault, type FaultCode } from "../../../protocol/mod.ts";
import { diskFault, systemDisk } from "../../../roles/kit/system_disk.ts";

const disk = systemDisk();
const bytesOf = (text: string) => new TextEncoder().encode(text);

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "offshore-disk-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function codeOf(work: Promise<unknown>): Promise<FaultCode | "none"> {
  const caught = await work.then(() => undefined, (error) => error);
  if (caught === undefined) return "none";
  assert.ok(caught instanceof Fault, `a fault is thrown, not ${caught}`);
  return caught.code;
}

Deno.test("systemDisk reads back what was written, at any offset", () =>
  withFolder(async (folder) => {
    const file = await disk.open(`${folder}/f`, "create");
    try {
      await file.write(bytesOf("hello world"), 0);
      await file.write(bytesOf("W"), 6);
      await file.write(bytesOf("!"), 20);
      assert.equal(await file.sizeBytes(), 21);
      const buffer = new Uint8Array(30);
      assert.equal(await file.read(buffer, 0), 21);
      const expected = "hello World" + "\0".repeat(9) + "!";
      assert.equal(new TextDecoder().decode(buffer.subarray(0, 21)), expected);
      assert.equal(await file.read(buffer, 21), 0);
      assert.equal(await file.read(buffer, 999), 0);
      await file.truncate(5);
      await file.sync();
      assert.equal(await file.sizeBytes(), 5);
    } finally {
      file.close();
    }
    assert.equal(await Deno.readTextFile(`${folder}/f`), "hello");
  }));

Deno.test("systemDisk carries out calls on one file in the order made", () =>
  withFolder(async (folder) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ at: fc.nat(40), bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }) }),
        ),
        async (writes) => {
          const path = `${folder}/ordered`;
          const file = await disk.open(path, "create");
          const model = new Uint8Array(60);
          try {
            const calls = writes.map(({ at, bytes }) => file.write(new Uint8Array(bytes), at));
            const seen = new Uint8Array(60);
            const read = file.read(seen, 0);
            await Promise.all(calls);
            for (const { at, bytes } of writes) model.set(bytes, at);
            await read;
            assert.deepEqual(seen, model);
          } finally {
            file.close();
            await disk.remove(path);
          }
        },
      ),
      { numRuns: 30 },
    );
  }));

Deno.test("systemDisk goes on with a file after a call on it failed", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/f`, "abc");
    const file = await disk.open(`${folder}/f`, "read");
    try {
      const refused = file.write(bytesOf("x"), 0);
      const buffer = new Uint8Array(3);
      const read = file.read(buffer, 0);
      await assert.rejects(refused, Fault);
      assert.equal(await read, 3);
      assert.deepEqual(buffer, bytesOf("abc"));
    } finally {
      file.close();
    }
  }));

Deno.test("systemDisk streams exactly the bytes asked for", () =>
  withFolder(async (folder) => {
    const bytes = new Uint8Array(200_000).map((_, i) => (i * 7) % 256);
    await Deno.writeFile(`${folder}/f`, bytes);
    const cases = [[0, 200_000], [0, 1], [199_999, 200_000], [65_530, 65_550], [1, 200_000], [
      0,
      999_999,
    ]];
    for (const [start = 0, end = 0] of cases) {
      const stream = await disk.stream(`${folder}/f`, start, end);
      assert.deepEqual(
        await new Response(stream).bytes(),
        bytes.slice(start, end),
        `${start}-${end}`,
      );
    }
  }));

Deno.test("systemDisk closes the file behind a stream that is cancelled", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/f`, new Uint8Array(300_000));
    for (const end of [300_000, 100_000]) {
      const stream = await disk.stream(`${folder}/f`, 0, end);
      const reader = stream.getReader();
      await reader.read();
      await reader.cancel();
      // The test runner fails this test when a file is left open.
    }
  }));

Deno.test("systemDisk tells files, directories and links apart, and links are not followed", () =>
  withFolder(async (folder) => {
    await disk.makeDirectory(`${folder}/a/b`);
    await disk.makeDirectory(`${folder}/a/b`);
    await Deno.writeTextFile(`${folder}/f`, "abc");
    await disk.makeLink(`${folder}/l`, "a/b");
    await disk.makeLink(`${folder}/dangling`, "nowhere");
    const kinds = Object.fromEntries((await disk.list(folder)).map((e) => [e.name, e.kind]));
    assert.deepEqual(kinds, { a: "directory", f: "file", l: "link", dangling: "link" });
    assert.equal((await disk.stat(`${folder}/l`))?.kind, "link");
    assert.equal((await disk.stat(`${folder}/f`))?.sizeBytes, 3);
    assert.equal(await disk.stat(`${folder}/absent`), undefined);
    assert.equal(await disk.stat(`${folder}/f/below`), undefined);
    assert.equal(await disk.readLink(`${folder}/l`), "a/b");
    const real = await Deno.realPath(folder);
    assert.equal(await disk.realPath(`${folder}/l`), `${real}/a/b`);
  }));

Deno.test("systemDisk sets mode and time, renames over a file, and removes", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/new`, "new");
    await Deno.writeTextFile(`${folder}/old`, "old");
    await disk.setAttributes(`${folder}/new`, { mode: 0o751, modifiedMs: 1_234_567_000 });
    await disk.rename(`${folder}/new`, `${folder}/old`);
    const stat = await disk.stat(`${folder}/old`);
    assert.deepEqual([stat?.mode, stat?.modifiedMs, stat?.sizeBytes], [0o751, 1_234_567_000, 3]);
    assert.equal(await disk.stat(`${folder}/new`), undefined);
    await disk.makeLink(`${folder}/l`, "old");
    await disk.remove(`${folder}/l`);
    assert.equal(await Deno.readTextFile(`${folder}/old`), "new");
    await disk.remove(`${folder}/old`);
    await disk.makeDirectory(`${folder}/d`);
    await disk.remove(`${folder}/d`);
    assert.deepEqual(await disk.list(folder), []);
    await disk.syncDirectory(folder);
  }));

Deno.test("systemDisk tells the space of the file system", () =>
  withFolder(async (folder) => {
    const { totalBytes, freeBytes } = await disk.space(folder);
    assert.ok(Number.isSafeInteger(totalBytes) && Number.isSafeInteger(freeBytes));
    assert.ok(freeBytes > 0 && freeBytes <= totalBytes);
  }));

Deno.test("systemDisk answers each failure with its fault", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/f`, "abc");
    await disk.makeDirectory(`${folder}/d/sub`);
    const f = `${folder}/f`, d = `${folder}/d`, absent = `${folder}/absent`;
    const cases: [string, () => Promise<unknown>, FaultCode][] = [
      ["open absent", () => disk.open(absent, "read"), "local-not-found"],
      ["update absent", () => disk.open(absent, "update"), "local-not-found"],
      ["create below absent", () => disk.open(`${absent}/x`, "create"), "local-not-found"],
      ["stream absent", () => disk.stream(absent, 0, 1), "local-not-found"],
      ["rename absent", () => disk.rename(absent, f), "local-not-found"],
      ["remove absent", () => disk.remove(absent), "local-not-found"],
      ["list absent", () => disk.list(absent), "local-not-found"],
      ["real path of absent", () => disk.realPath(absent), "local-not-found"],
      ["read link absent", () => disk.readLink(absent), "local-not-found"],
      ["space of absent", () => disk.space(absent), "local-not-found"],
      ["sync absent", () => disk.syncDirectory(absent), "local-not-found"],
      ["create over a file", () => disk.open(f, "create"), "local-exists"],
      ["create over a directory", () => disk.open(d, "create"), "local-exists"],
      ["link over a file", () => disk.makeLink(f, "x"), "local-exists"],
      ["directory over a file", () => disk.makeDirectory(f), "local-exists"],
      ["update a directory", () => disk.open(d, "update"), "is-a-directory"],
      ["rename a file over a directory", () => disk.rename(f, d), "is-a-directory"],
      ["open below a file", () => disk.open(`${f}/x`, "read"), "not-a-directory"],
      ["list a file", () => disk.list(f), "not-a-directory"],
      ["rename a directory over a file", () => disk.rename(d, f), "not-a-directory"],
      ["directory below a file", () => disk.makeDirectory(`${f}/x`), "not-a-directory"],
      ["remove a full directory", () => disk.remove(d), "directory-not-empty"],
      ["name too long", () => disk.open(`${folder}/${"x".repeat(256)}`, "create"), "disk-failed"],
      [
        "write on a read-only file system",
        () => disk.open("/proc/new", "create"),
        "local-not-found",
      ],
    ];
    for (const [what, work, expected] of cases) assert.equal(await codeOf(work()), expected, what);
    assert.equal(await Deno.readTextFile(f), "abc");
  }));

Deno.test("systemDisk calls a full device disk-full", async () => {
  const file = await disk.open("/dev/full", "update");
  try {
    assert.equal(await codeOf(file.write(bytesOf("x"), 0)), "disk-full");
  } finally {
    file.close();
  }
});

Deno.test("diskFault names the path and keeps the cause, for errors of Deno and of node", () => {
  const node = (code: string) => Object.assign(new Error(`${code}: failed`), { code });
  const cases: [Error, FaultCode][] = [
    [node("ENOENT"), "local-not-found"],
    [node("EEXIST"), "local-exists"],
    [node("EISDIR"), "is-a-directory"],
    [node("ENOTDIR"), "not-a-directory"],
    [node("ENOTEMPTY"), "directory-not-empty"],
    [node("ENOSPC"), "disk-full"],
    [node("EDQUOT"), "disk-full"],
    [node("EACCES"), "disk-unusable"],
    [node("EPERM"), "disk-unusable"],
    [node("EROFS"), "disk-unusable"],
    [node("EIO"), "disk-failed"],
    [new Error("Disk quota exceeded (os error 122)"), "disk-full"],
    [new Error("Read-only file system (os error 30)"), "disk-unusable"],
    [new Deno.errors.PermissionDenied("no"), "disk-unusable"],
    [new Error("anything else"), "disk-failed"],
  ];
  for (const [error, code] of cases) {
    const fault = diskFault(error, "/disk/f");
    assert.equal(fault.code, code, error.message);
    assert.match(fault.message, /^\/disk\/f: /);
    assert.equal(fault.cause, error);
  }
  const fault = new Fault("disk-full", "x");
  assert.equal(diskFault(fault, "/disk/f"), fault);
  assert.equal(diskFault("text", "/disk/f").message, "/disk/f: text");
});
