/**
 * Roles that die at bad moments, as real processes: a seeder killed during a download and during an
 * upload, a tracker killed and started again. What was acknowledged stays; what was not is absent.
 */
import assert from "node:assert/strict";
import { sha256sum, TestCluster, until } from "./cluster.ts";

const mib = 1024 * 1024;

async function writeNoise(path: string, sizeBytes: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const part = new Uint8Array(65_536);
  for (let left = sizeBytes; left > 0; left -= part.length) {
    crypto.getRandomValues(part);
    await file.write(part.subarray(0, Math.min(left, part.length)));
  }
}

/** Bytes on the client's disk so far, of a download under way or done. */
/** Those there are; none of a folder that has gone meanwhile. */
function entriesOf(directory: string): Promise<Deno.DirEntry[]> {
  return Array.fromAsync(Deno.readDir(directory)).catch(() => []);
}

async function bytesUnder(directory: string): Promise<number> {
  let total = 0;
  for (const { name, isDirectory } of await entriesOf(directory)) {
    const path = `${directory}/${name}`;
    // Blocks, not size: a part has its full size from the start. It lies in a folder of its own.
    total += isDirectory
      ? await bytesUnder(path)
      : ((await Deno.stat(path).catch(() => undefined))?.blocks ?? 0) * 512;
  }
  return total;
}

/** What a transfer with --json says it moved: the last line sums up. */
function moved(out: string): number {
  const last = out.trim().split("\n").at(-1) ?? "";
  return (JSON.parse(last) as { bytesMoved: number }).bytesMoved;
}

Deno.test("a seeder killed during a download costs no byte", async () => {
  await using cluster = await TestCluster.start();
  const big = `${cluster.directory}/big`, back = `${cluster.directory}/back`;
  await writeNoise(big, 384 * mib);
  await Deno.mkdir(back);
  await cluster.ok(["put", big, "/big"]);
  const download = cluster.spawnClient(["get", "/big", `${back}/big`]);
  const finished = download.output();
  await until("the download is under way", async () => await bytesUnder(back) > 16 * mib);
  await cluster.end("seeder-2", "SIGKILL");
  const { code, stderr } = await finished;
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.equal(await sha256sum(`${back}/big`), await sha256sum(big));
});

Deno.test("a frozen seeder does not hold up a download", async () => {
  await using cluster = await TestCluster.start();
  const big = `${cluster.directory}/big`, back = `${cluster.directory}/back`;
  await writeNoise(big, 256 * mib);
  await Deno.mkdir(back);
  await cluster.ok(["put", big, "/big"]);
  cluster.signal("seeder-3", "SIGSTOP");
  await cluster.ok(["get", "/big", `${back}/big`]);
  cluster.signal("seeder-3", "SIGCONT");
  assert.equal(await sha256sum(`${back}/big`), await sha256sum(big));
});

Deno.test("a seeder killed during an upload leaves a whole file with full copies", async () => {
  await using cluster = await TestCluster.start(4);
  const big = `${cluster.directory}/big`;
  await writeNoise(big, 384 * mib);
  const upload = cluster.spawnClient(["put", big, "/big"]);
  const finished = upload.output();
  const store = `${cluster.diskOf("seeder-1")}/.offshore`;
  await until("the upload is under way", async () => {
    const { stdout } = await new Deno.Command("du", { args: ["-sm", store] }).output();
    return Number.parseInt(new TextDecoder().decode(stdout)) >= 16;
  });
  const listed = await cluster.client(["stat", "/big"]);
  assert.equal(listed.code, 3, "nothing is visible before the commit");
  await cluster.end("seeder-1", "SIGKILL");
  const { code, stderr } = await finished;
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const back = `${cluster.directory}/back`;
  await cluster.ok(["get", "/big", back]);
  assert.equal(await sha256sum(back), await sha256sum(big));
  await cluster.stop();
  const replicas = await cluster.replicasOnDisks();
  for (const [chunkId, names] of replicas) {
    assert.ok(new Set(names).size >= 2, `${chunkId} lies only on ${names}`);
  }
});

Deno.test("an upload with too few seeders left fails clearly and shows nothing", async () => {
  await using cluster = await TestCluster.start(2);
  const big = `${cluster.directory}/big`;
  await writeNoise(big, 16 * mib);
  await cluster.end("seeder-1", "SIGKILL");
  const { code, err } = await cluster.client(["put", big, "/big"]);
  assert.notEqual(code, 0, "two copies were promised, one seeder is left");
  assert.match(err, /next: /);
  assert.equal((await cluster.client(["stat", "/big"])).code, 3);
  await cluster.startRole("seeder-1");
  await cluster.untilGreen(2);
  await cluster.ok(["put", big, "/big"]);
  assert.match(await cluster.ok(["ls", "/"]), /big/);
  await cluster.end("seeder-1", "SIGTERM");
  const starts = (await cluster.logOf("seeder-1")).split("\n")
    .filter((line) => line.includes('"chunk store open"'));
  assert.equal(starts.length, 2, "the log has both lives");
});

Deno.test("a tracker killed and started again has every acknowledged file", async () => {
  await using cluster = await TestCluster.start();
  const acknowledged = new Map<string, string>();
  let stopping = false;
  let next = 0;
  const writers = Array.from({ length: 3 }, async () => {
    while (!stopping) {
      const name = `file-${next++}`;
      const path = `${cluster.directory}/${name}`;
      await writeNoise(path, 300_000 + next);
      const { code } = await cluster.client(["put", path, `/${name}`]);
      if (code === 0) acknowledged.set(name, await sha256sum(path));
    }
  });
  for (let round = 0; round < 3; round++) {
    const before = acknowledged.size;
    await until("some files are acknowledged", () => acknowledged.size >= before + 3);
    await cluster.end("tracker", "SIGKILL");
    await cluster.startRole("tracker");
  }
  stopping = true;
  await Promise.all(writers);
  await cluster.untilGreen(3);
  const back = `${cluster.directory}/back`;
  await Deno.mkdir(back);
  for (const [name, digest] of acknowledged) {
    await cluster.ok(["get", `/${name}`, `${back}/${name}`]);
    assert.equal(await sha256sum(`${back}/${name}`), digest, name);
  }
  assert.ok(acknowledged.size >= 9);
});

Deno.test("an interrupted get continues its part, an interrupted put sends only what is missing", async () => {
  await using cluster = await TestCluster.start();
  const big = `${cluster.directory}/big`, back = `${cluster.directory}/back`;
  await writeNoise(big, 256 * mib);
  await Deno.mkdir(back);

  const upload = cluster.spawnClient(["put", big, "/big"]);
  const store = `${cluster.diskOf("seeder-1")}/.offshore`;
  await until("half of the upload is stored", async () => {
    const { stdout } = await new Deno.Command("du", { args: ["-sm", store] }).output();
    return Number.parseInt(new TextDecoder().decode(stdout)) >= 80;
  });
  upload.kill("SIGKILL");
  await upload.output();
  assert.equal((await cluster.client(["stat", "/big"])).code, 3);
  const sent = moved(await cluster.ok(["put", "--json", big, "/big"]));
  assert.ok(sent < 200 * mib, `${sent} bytes were sent again`);

  const download = cluster.spawnClient(["get", "/big", `${back}/big`]);
  await until("half of the download is written", async () => await bytesUnder(back) > 128 * mib);
  download.kill("SIGKILL");
  await download.output();
  assert.equal(await Deno.stat(`${back}/big`).catch(() => undefined), undefined);
  const fetched = moved(await cluster.ok(["get", "--json", "/big", `${back}/big`]));
  assert.ok(fetched < 200 * mib, `${fetched} bytes were fetched again`);
  assert.equal(await sha256sum(`${back}/big`), await sha256sum(big));
  const left = (await Array.fromAsync(Deno.readDir(back))).map((entry) => entry.name);
  assert.deepEqual(left, ["big"]);
});
