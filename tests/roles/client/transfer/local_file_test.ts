/** The part of a download and its sidecar, on a real disk. */
import assert from "node:assert/strict";
import { chunkIdOf, type LocatedFile, RemotePath, VersionId } from "../../../../protocol/mod.ts";
import { freshBuffers } from "../../../../roles/client/transfer/buffers.ts";
import { LocalPart, type LocalPartSettings } from "../../../../roles/client/transfer/local_file.ts";
import { partPathOf } from "../../../../roles/client/transfer/local_names.ts";
import { systemDisk } from "../../../../roles/kit/system_disk.ts";
import { assertSame } from "../transfers.ts";
import { bytesOf, hastyClock, mib } from "../world.ts";

const bytes = bytesOf(3 * mib + 9, 4);
const file: LocatedFile = {
  path: RemotePath.parse("/f"),
  versionId: VersionId.parse("1".repeat(32)),
  sizeBytes: bytes.length,
  chunkSizeBytes: mib,
  chunkCount: 4,
  manifestDigest: "0".repeat(64),
  modifiedMs: 1_500_000_000_000,
  mode: 0o600,
  chunks: [],
};
const never = new AbortController().signal;

async function withPart(work: (settings: LocalPartSettings) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "offshore-part-" });
  const localPath = `${directory}/f`;
  const own = { disk: systemDisk(), clock: hastyClock(), localPath, file };
  try {
    await work({ ...own, force: false, resumable: true });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function chunk(index: number): Uint8Array<ArrayBuffer> {
  return bytes.slice(index * mib, (index + 1) * mib);
}

function has(part: LocalPart, index: number): Promise<boolean> {
  const entry = { chunkId: chunkIdOf(chunk(index)), sizeBytes: chunk(index).length };
  return part.has(index, entry, freshBuffers, never);
}

Deno.test("LocalPart gathers chunks in any order and finishes in one step", () =>
  withPart(async (settings) => {
    const part = await LocalPart.open(settings);
    for (const index of [3, 1, 0, 2]) await part.write(index, chunk(index));
    assert.equal(await settings.disk.stat(settings.localPath), undefined);
    await part.finish();
    assertSame(await Deno.readFile(settings.localPath), bytes);
    const stat = await settings.disk.stat(settings.localPath);
    assert.deepEqual([stat?.mode, stat?.modifiedMs], [file.mode, file.modifiedMs]);
    const parent = settings.localPath.slice(0, -2);
    assert.deepEqual((await settings.disk.list(parent)).map((one) => one.name), ["f"]);
  }));

Deno.test("LocalPart goes on where it was, and only with bytes that are right", () =>
  withPart(async (settings) => {
    const first = await LocalPart.open(settings);
    await first.write(0, chunk(0));
    await first.write(2, chunk(2));
    await first.giveUp();
    const part = partPathOf(settings.localPath);
    const damaged = await Deno.open(part, { write: true });
    await damaged.write(new Uint8Array(5));
    damaged.close();

    const second = await LocalPart.open(settings);
    assert.deepEqual(
      await Promise.all([0, 1, 2, 3].map((index) => has(second, index))),
      [false, false, true, false],
    );
    await second.giveUp();
    const other = VersionId.parse("2".repeat(32));
    const third = await LocalPart.open({ ...settings, file: { ...file, versionId: other } });
    assert.equal(await has(third, 2), false);
    await third.giveUp();
  }));

Deno.test("LocalPart leaves nothing of a file that cannot be resumed", () =>
  withPart(async (settings) => {
    const part = await LocalPart.open({ ...settings, resumable: false });
    await part.write(0, chunk(0));
    await part.giveUp();
    assert.deepEqual(await settings.disk.list(settings.localPath.slice(0, -2)), []);
  }));

Deno.test("LocalPart refuses a taken name at the beginning and at the end", () =>
  withPart(async (settings) => {
    const part = await LocalPart.open(settings);
    for (const index of [0, 1, 2, 3]) await part.write(index, chunk(index));
    await Deno.writeTextFile(settings.localPath, "somebody's");
    await assert.rejects(LocalPart.open(settings), { code: "local-exists" });
    await assert.rejects(part.finish(), { code: "local-exists" });
    await part.giveUp();
    assert.equal(await Deno.readTextFile(settings.localPath), "somebody's");
    const forced = await LocalPart.open({ ...settings, force: true });
    assert.equal(await has(forced, 3), true);
    await forced.finish();
    assertSame(await Deno.readFile(settings.localPath), bytes);
  }));

Deno.test("LocalPart does not finish a part that somebody cut short", () =>
  withPart(async (settings) => {
    const part = await LocalPart.open(settings);
    for (const index of [0, 1, 2, 3]) await part.write(index, chunk(index));
    await Deno.truncate(partPathOf(settings.localPath), 7);
    await assert.rejects(part.finish(), { code: "local-failed" });
    await part.giveUp();
  }));

Deno.test("LocalPart fails clearly where the directory is missing", () =>
  withPart(async (settings) => {
    const localPath = `${settings.localPath}/no/where`;
    await assert.rejects(LocalPart.open({ ...settings, localPath }), { code: "local-not-found" });
  }));

Deno.test("partPathOf keeps within what a file system allows", () => {
  assert.equal(partPathOf("/d/name"), "/d/name.offshore-part");
  const long = partPathOf(`/d/${"ä".repeat(127)}`);
  assert.match(long, /^\/d\/\.[0-9a-f]{32}\.offshore-part$/);
  assert.notEqual(long, partPathOf(`/d/${"ö".repeat(127)}`));
});
