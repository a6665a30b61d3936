/** The part of a download and its sidecar, on a real disk. */
import assert from "node:assert/strict";
import { chunkIdOf, type LocatedFile, RemotePath, VersionId } from "../../../../protocol/mod.ts";
import { freshBuffers } from "../../../../roles/client/transfer/buffers.ts";
import { LocalPart, type LocalPartSettings } from "../../../../roles/client/transfer/local_file.ts";
import { WorkPlaces } from "../../../../roles/client/transfer/work_places.ts";
import { systemRandom } from "../../../../roles/kit/random.ts";
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
  const disk = systemDisk();
  const places = new WorkPlaces(disk, systemRandom());
  const own = { disk, clock: hastyClock(), places, localPath, file };
  try {
    await work({ ...own, force: false, resumable: true, preserve: false });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Another run, which knows nothing of the first. */
function another(settings: LocalPartSettings): LocalPartSettings {
  return { ...settings, places: new WorkPlaces(settings.disk, systemRandom()) };
}

/** Paths in work directories beside the file, but for what says whose they are. */
function partsBeside(settings: LocalPartSettings): string[] {
  const parent = settings.localPath.slice(0, -2);
  return [...Deno.readDirSync(parent)].filter(({ name }) => name.startsWith(".offshore-"))
    .flatMap(({ name }) =>
      [...Deno.readDirSync(`${parent}/${name}`)].map((one) => `${parent}/${name}/${one.name}`)
    ).filter((path) => !path.endsWith("/state")).sort();
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
    const [, part = ""] = partsBeside(settings);
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
    assert.equal(partsBeside(settings).length, 2, "the part of the other version is gone");
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
    const [path = ""] = partsBeside(settings);
    await Deno.truncate(path, 7);
    await assert.rejects(part.finish(), { code: "local-failed" });
    await part.giveUp();
  }));

Deno.test("LocalPart fails clearly where the directory is missing", () =>
  withPart(async (settings) => {
    const localPath = `${settings.localPath}/no/where`;
    await assert.rejects(LocalPart.open({ ...settings, localPath }), { code: "local-not-found" });
  }));

Deno.test("LocalPart of two runs at once for one name never meet: both are right", () =>
  withPart(async (settings) => {
    const one = await LocalPart.open({ ...settings, force: true });
    for (const index of [0, 1]) await one.write(index, chunk(index));
    await one.save();
    const other = await LocalPart.open({ ...another(settings), force: true });
    assert.equal(await has(other, 0), false, "the part of a run that lives is its own");
    for (const index of [0, 1, 2, 3]) await other.write(index, chunk(index));
    await other.finish();
    for (const index of [2, 3]) await one.write(index, chunk(index));
    assertSame(await Deno.readFile(settings.localPath), bytes);
    await one.finish();
    assertSame(await Deno.readFile(settings.localPath), bytes);
    assert.deepEqual(partsBeside(settings), []);
  }));

Deno.test("LocalPart gives its name to no file but the one it wrote", () =>
  withPart(async (settings) => {
    const part = await LocalPart.open(settings);
    for (const index of [0, 1, 2, 3]) await part.write(index, chunk(index));
    const [path = ""] = partsBeside(settings);
    await Deno.rename(path, `${path}.away`);
    await Deno.writeTextFile(path, "somebody's");
    await assert.rejects(part.finish(), { code: "local-failed", message: /not the file/ });
    await part.giveUp();
    assert.equal(await settings.disk.stat(settings.localPath), undefined);
  }));

Deno.test("LocalPart leaves files alone whose names look like what it makes", () =>
  withPart(async (settings) => {
    const parent = settings.localPath.slice(0, -2);
    const names = [
      "f.offshore-part",
      "f.offshore-part.json",
      ".offshore-0123456789abcdef/1.part",
      ".offshore-0123456789abcdef/1.json",
      ".offshore-0123456789abcdef/state",
    ];
    await Deno.mkdir(`${parent}/.offshore-0123456789abcdef`, { mode: 0o700 });
    for (const name of names) await Deno.writeTextFile(`${parent}/${name}`, "{}");
    const forged = { format: 1, made: "offshore", inode: 1, device: 1 };
    await Deno.writeTextFile(`${parent}/${names.at(-1)}`, JSON.stringify(forged));
    const part = await LocalPart.open(settings);
    for (const index of [0, 1, 2, 3]) await part.write(index, chunk(index));
    await part.finish();
    for (const name of names) assert.ok(await settings.disk.stat(`${parent}/${name}`), name);
  }));

Deno.test("LocalPart has no more rights at any time than the file will have", () =>
  withPart(async (settings) => {
    const umask = Deno.umask();
    for (const mode of [0o6755, 0o666, 0o600, 0o444]) {
      const expected = mode & 0o777 & ~umask;
      const wanted = { ...settings, force: true, file: { ...file, mode } };
      const part = await LocalPart.open(wanted);
      const [path = ""] = partsBeside(settings);
      assert.equal((await Deno.stat(path)).mode! & 0o7777 & ~expected, 0);
      assert.equal((await Deno.stat(path.replace(/[^/]*$/, ""))).mode! & 0o7777, 0o700);
      await part.write(0, chunk(0));
      await part.giveUp();
      const again = await LocalPart.open(another(wanted));
      assert.equal(await has(again, 0), true);
      for (const index of [1, 2, 3]) await again.write(index, chunk(index));
      await again.finish();
      assert.equal((await Deno.stat(settings.localPath)).mode! & 0o7777, expected);
    }
    const exact = await LocalPart.open({
      ...{ ...settings, force: true, preserve: true },
      file: { ...file, mode: 0o6755 },
    });
    for (const index of [0, 1, 2, 3]) await exact.write(index, chunk(index));
    await exact.finish();
    assert.equal((await Deno.stat(settings.localPath)).mode! & 0o7777, 0o6755);
  }));

Deno.test("LocalPart takes no device's place and writes through none", () =>
  withPart(async (settings) => {
    const made = await new Deno.Command("mkfifo", { args: [settings.localPath] }).output();
    assert.ok(made.success);
    await assert.rejects(LocalPart.open({ ...settings, force: true }), {
      code: "local-exists",
      message: /a device, a pipe or a socket/,
    });
    assert.equal((await settings.disk.stat(settings.localPath))?.kind, "other");
  }));
