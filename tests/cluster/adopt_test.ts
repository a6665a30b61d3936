/**
 * A real folder of real files on a seeder that joins: all of it appears under / and comes down byte
 * for byte, through a kill in the middle of it; what a person then removes or changes by hand is
 * mended; and nobody but that person has touched a file.
 */
import assert from "node:assert/strict";
import { sha256sum, TestCluster, treeDigest, until } from "./cluster.ts";

const mib = 1024 * 1024;
const smallCount = 2_000;

function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(count, at + 65_536)));
  }
  return bytes;
}

async function plantTree(root: string): Promise<void> {
  for (let folder = 0; folder < 20; folder++) {
    const path = `${root}/tree/Ordner ${folder}`;
    await Deno.mkdir(path, { recursive: true });
    for (let i = 0; i < smallCount / 20; i++) {
      await Deno.writeFile(`${path}/klein-${i}.txt`, randomBytes(1 + (i * 997) % 9000));
    }
  }
  await Deno.writeFile(`${root}/tree/empty`, new Uint8Array());
  for (const [name, size] of [["groß.bin", 41], ["mittel.bin", 9], ["weg.bin", 6]] as const) {
    await Deno.writeFile(`${root}/tree/${name}`, randomBytes(size * mib + 13));
  }
  await Deno.symlink("groß.bin", `${root}/tree/link`);
}

/** Every file with what would tell that somebody touched it. */
async function facts(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [path, digest] of await treeDigest(root)) {
    if (path.startsWith(".offshore") || !digest.startsWith("f ")) continue;
    const { mtime, mode, ino } = await Deno.lstat(`${root}/${path}`);
    found.set(path, `${digest} ${mtime?.getTime()} ${mode} ${ino}`);
  }
  return found;
}

Deno.test("a folder full of files is adopted in place, through a kill, and mended by hand", async () => {
  await using cluster = await TestCluster.start(2);
  const disk = cluster.diskOf("seeder-3"), back = `${cluster.directory}/back`;
  await plantTree(disk);
  await cluster.ok(["mkdir", "-p", "/tree/Ordner 3"]);
  await cluster.ok(["put", "-", "/tree/Ordner 3/klein-7.txt"], { stdin: "it was here first" });
  const before = await facts(disk);
  assert.equal(before.size, smallCount + 4);

  await cluster.startRole("seeder-3");
  const journal = `${disk}/.offshore/seeder/adopted.log`;
  const told = () => Deno.readTextFile(journal).catch(() => "");
  const identity = () => Deno.stat(`${disk}/.offshore/seeder/seeder.json`).catch(() => undefined);
  await until("it has joined and is in the middle of it", async () => {
    return await identity() !== undefined && (await told()).split("\n").length > smallCount / 4;
  });
  await cluster.end("seeder-3", "SIGKILL");
  assert(!(await told()).includes(`"offered":${smallCount + 4}`), "it was killed before the end");
  await cluster.startRole("seeder-3");

  interface Status {
    readonly files: number;
    readonly chunksAtRisk: number;
    readonly healing: { readonly copying: number };
  }
  const status = async () => await cluster.status() as unknown as Status;
  const beganMs = Date.now();
  await until("all are listed", async () => (await status()).files === smallCount + 5);
  console.log(`listed ${Date.now() - beganMs} ms after the second start`);
  const safe = async () => {
    const { chunksAtRisk, healing } = await status();
    return chunksAtRisk === 0 && healing.copying === 0;
  };
  await until("all have two copies", safe, 180_000);
  console.log(`in two copies ${Date.now() - beganMs} ms after the second start`);
  const shown = await cluster.ok(["adopted", "seeder-3"]);
  assert.match(shown, /klein-7\.txt on seeder-3 is \/tree\/Ordner 3\/klein-7 \(seeder-3\)\.txt/);
  assert.match(shown, /\/tree\/link: it is a symbolic link/);

  const expected = new Map(
    [...await treeDigest(disk)].filter(([path, digest]) =>
      path.startsWith("tree") && !digest.startsWith("l ")
    ).map((
      [path, digest],
    ) => [path.replace("Ordner 3/klein-7.txt", "Ordner 3/klein-7 (seeder-3).txt"), digest]),
  );
  const first = `${back}/first`;
  await Deno.mkdir(first, { recursive: true });
  const compare = async (local: string) => {
    await cluster.ok(["get", "-r", "/tree", `${local}/tree`]);
    const found = await treeDigest(local);
    const [mine] = ["tree/Ordner 3/klein-7.txt"];
    assert.equal(await Deno.readTextFile(`${local}/${mine}`), "it was here first");
    found.delete(mine ?? "");
    assert.deepEqual([...found].sort(), [...expected].sort());
  };
  await compare(first);
  const { mtime } = await Deno.stat(`${first}/tree/groß.bin`);
  assert.equal(mtime?.getTime(), (await Deno.stat(`${disk}/tree/groß.bin`)).mtime?.getTime());

  // By hand: some files go, some change.
  const gone = ["tree/weg.bin", "tree/Ordner 0/klein-3.txt", "tree/Ordner 19/klein-99.txt"];
  const changed = ["tree/mittel.bin", "tree/Ordner 1/klein-1.txt"];
  for (const path of gone) await Deno.remove(`${disk}/${path}`);
  for (const path of changed) {
    await Deno.writeFile(`${disk}/${path}`, randomBytes(500_000));
    expected.set(path, `f ${await sha256sum(`${disk}/${path}`)}`);
  }
  // Whoever reads them there finds out, or the look at the next start.
  await cluster.ok(["get", "/tree/weg.bin", `${back}/weg.bin`]);
  await cluster.end("seeder-3", "SIGTERM");
  await cluster.startRole("seeder-3");
  for (const path of changed) {
    await until(`${path} is what it is on the disk`, async () => {
      const out = await cluster.ok(["stat", "--json", `/${path}`]);
      return (JSON.parse(out) as { sizeBytes: number }).sizeBytes === 500_000;
    });
  }
  interface Explained {
    /** Of the lines about one chunk; the last line, a sum, has none. */
    readonly copies?: readonly { readonly adopted?: true }[];
  }
  for (const path of gone) {
    await until(`${path} has two copies of the seeders' own`, async () => {
      const out = await cluster.ok(["explain", "--json", `/${path}`]);
      const lines = out.trim().split("\n").map((line) => JSON.parse(line) as Explained);
      const chunks = lines.flatMap(({ copies }) => copies === undefined ? [] : [copies]);
      return chunks.every((copies) =>
        copies.length >= 2 && copies.every(({ adopted }) => adopted !== true)
      );
    }, 300_000);
  }
  await until("it is mended", safe, 180_000);
  const second = `${back}/second`;
  await Deno.mkdir(second);
  await compare(second);

  const after = await facts(disk);
  for (const path of [...gone, ...changed]) before.delete(path);
  for (const path of changed) after.delete(path);
  assert.deepEqual([...after].sort(), [...before].sort(), "nobody touched the others");
  await cluster.stop();
  const replicas = await cluster.replicasOnDisks();
  const [sum] = [await sha256sum(`${second}/tree/Ordner 0/klein-3.txt`)];
  assert((replicas.get(sum ?? "") ?? []).length >= 2, "what was removed is on two disks");
});
