/**
 * Earlier versions through the whole program: real processes, real disks. An overwrite keeps what
 * was there, byte for byte and in two copies; it comes back without a byte being sent; and when it
 * is given up, the seeders' disks give its bytes back.
 */
import assert from "node:assert/strict";
import { type ChunkId, chunkIdOf, limits } from "../../protocol/mod.ts";
import { sha256sum, TestCluster, until } from "./cluster.ts";

/** Noise of so many chunks, the last of them short. */
function noise(chunks: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((chunks - 1) * limits.chunkBytesDefault + 300_000);
  for (let at = 0; at < bytes.length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

function chunksOf(bytes: Uint8Array<ArrayBuffer>): ChunkId[] {
  const found: ChunkId[] = [];
  for (let at = 0; at < bytes.length; at += limits.chunkBytesDefault) {
    found.push(chunkIdOf(bytes.subarray(at, at + limits.chunkBytesDefault)));
  }
  return found;
}

/** The chunks that lie on all seeders' disks in files of their own, each once for each copy. */
async function onDisks(cluster: TestCluster): Promise<string[]> {
  const found: string[] = [];
  for (const name of cluster.seeders) {
    const chunks = `${cluster.diskOf(name)}/.offshore/seeder/chunks`;
    for await (const shelf of Deno.readDir(chunks)) {
      for await (const file of Deno.readDir(`${chunks}/${shelf.name}`)) found.push(file.name);
    }
  }
  return found.sort();
}

interface Listed {
  readonly versionId: string;
  readonly current: boolean;
  readonly sizeBytes: number;
}

Deno.test("an overwritten file's earlier versions are kept, come back, and give their bytes back", async () => {
  await using cluster = await TestCluster.start(3, { OFFSHORE_GARBAGE_MINUTES: "0" });
  const local = `${cluster.directory}/local`;
  await Deno.mkdir(local);
  const contents = [noise(3), noise(2), noise(1)];
  for (const [i, bytes] of contents.entries()) {
    await Deno.writeFile(`${local}/${i}`, bytes);
    await cluster.ok(["put", `${local}/${i}`, "/film"]);
  }
  const list = async () =>
    (await cluster.ok(["versions", "/film", "--json"])).trim().split("\n")
      .map((line) => JSON.parse(line) as Listed);
  const listed = await list();
  assert.deepEqual(
    listed.map(({ sizeBytes, current }) => [sizeBytes, current]),
    contents.map((bytes, i) => [bytes.length, i === 2]).reverse(),
  );
  const twice = (some: readonly Uint8Array<ArrayBuffer>[]) =>
    some.flatMap(chunksOf).flatMap((chunkId) => [chunkId, chunkId]).sort();
  assert.deepEqual(await onDisks(cluster), twice(contents), "two copies of each, the old ones too");

  // The tracker dies without a word: its log and its tables agree on what is kept.
  await cluster.end("tracker", "SIGKILL");
  await cluster.startRole("tracker", { OFFSHORE_GARBAGE_MINUTES: "0" });
  await cluster.untilGreen(3);
  assert.deepEqual(await list(), listed);
  assert.match(await cluster.ok(["fsck"]), /3 file versions with 6 chunks.*: all agree/);
  for (const [i, { versionId }] of listed.toReversed().entries()) {
    await cluster.ok(["get", versionId.slice(0, 12), `${local}/back-${i}`]);
    assert.equal(await sha256sum(`${local}/back-${i}`), await sha256sum(`${local}/${i}`));
  }

  const first = listed[2]?.versionId ?? "";
  const told = await cluster.ok(["revert", "/film", `@${first.slice(0, 12)}`]);
  assert.match(told, /^\/film is .* again; .* is kept\n$/);
  await cluster.ok(["get", "/film", `${local}/reverted`]);
  assert.equal(await sha256sum(`${local}/reverted`), await sha256sum(`${local}/0`));
  assert.deepEqual(
    (await list()).map(({ sizeBytes }) => sizeBytes),
    [0, 2, 1].map((i) => contents[i]?.length),
  );
  assert.deepEqual(await onDisks(cluster), twice(contents), "no byte was copied");

  // Removed and back, by one word: the versions came along.
  await cluster.ok(["rm", "/film"]);
  assert.match(await cluster.ok(["undo"]), /^\/film, removed .*, is back: 1 file\n$/);
  assert.equal((await list()).length, 3);
  const status = await cluster.status();
  const kept = (contents[1]?.length ?? 0) + (contents[2]?.length ?? 0);
  assert.deepEqual((status["oldVersions"] as { fileBytes: number }).fileBytes, kept);

  await cluster.ok(["versions", "empty", "/film"]);
  assert.deepEqual((await list()).map(({ versionId }) => versionId), [first]);
  const left = twice(contents.slice(0, 1));
  await until("the disks give the bytes back", async () => {
    return (await onDisks(cluster)).length <= left.length;
  }, 90_000);
  assert.deepEqual(await onDisks(cluster), left, "and no others");
  await cluster.ok(["get", "--force", "/film", `${local}/reverted`]);
  assert.equal(await sha256sum(`${local}/reverted`), await sha256sum(`${local}/0`));
});
