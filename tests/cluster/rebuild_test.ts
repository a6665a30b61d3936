/**
 * The tracker's disk is lost, with real processes: it is killed, its folder deleted, and a new one
 * is rebuilt from the seeders, under writers that never stop. What was acknowledged is there, byte
 * for byte; the old tracker that comes back is refused.
 */
import assert from "node:assert/strict";
import { sha256sum, TestCluster, treeDigest, until } from "./cluster.ts";

/** A file with the code, kept where no disk that is lost in a test is. */
async function recoveryCodeOf(cluster: TestCluster): Promise<string> {
  const kept = `${cluster.directory}/recovery-code`;
  await Deno.copyFile(`${cluster.codes}/recovery`, kept);
  return kept;
}

async function writeNoise(path: string, sizeBytes: number): Promise<void> {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  await Deno.writeFile(path, bytes);
}

/** A tree of small and larger files, with links and empty directories. */
async function makeTree(root: string): Promise<void> {
  for (let i = 0; i < 8; i++) {
    await Deno.mkdir(`${root}/d${i}/deep`, { recursive: true });
    for (let k = 0; k < 12; k++) await writeNoise(`${root}/d${i}/f${k}`, 500 + 700 * k * i);
    await Deno.symlink("../f1", `${root}/d${i}/deep/link`);
  }
  await Deno.mkdir(`${root}/empty`);
  await writeNoise(`${root}/large`, 9_000_000);
}

async function listing(cluster: TestCluster): Promise<string> {
  const folders = ["/", "/tree", "/tree/d3", "/tree/d3/deep", "/kept"];
  const parts = [];
  for (const folder of folders) parts.push(await cluster.ok(["ls", "-l", folder]));
  return parts.join("\n");
}

Deno.test("a tracker with an empty disk is rebuilt; the old one is fenced", async () => {
  await using cluster = await TestCluster.start();
  const tree = `${cluster.directory}/tree`;
  await makeTree(tree);
  await cluster.ok(["put", "-r", tree, "/tree"]);
  await cluster.ok(["mkdir", "/kept"]);
  await cluster.ok(["policy", "/kept", "3"]);
  await cluster.ok(["mv", "/tree/d1/f1", "/kept/moved"]);
  await cluster.ok(["rm", "-r", "/tree/d2"]);
  await Deno.rename(`${tree}/d1/f1`, `${cluster.directory}/moved`);
  await Deno.remove(`${tree}/d2`, { recursive: true });
  const before = await listing(cluster);
  const code = await recoveryCodeOf(cluster);
  const epoch = (await cluster.status()).epoch as number;

  await cluster.end("tracker", "SIGKILL");
  const old = `${cluster.directory}/old-tracker`;
  await Deno.rename(cluster.diskOf("tracker"), old);
  await cluster.startRole("tracker", {}, ["--rebuild", "--recovery-code-file", code]);
  await cluster.untilGreen(3);

  assert.equal(await listing(cluster), before);
  assert.match(await cluster.ok(["policy", "/kept"]), /3 copies/);
  assert.equal((await cluster.status()).epoch, 1_000_000);
  const back = `${cluster.directory}/back`;
  await until(
    "every chunk is known to be somewhere",
    async () => (await cluster.status()).chunksUnavailable === 0,
  );
  await cluster.ok(["get", "-r", "/tree", back]);
  assert.deepEqual(await treeDigest(back), await treeDigest(tree));
  await cluster.ok(["get", "/kept/moved", `${cluster.directory}/moved-back`]);
  assert.equal(
    await sha256sum(`${cluster.directory}/moved-back`),
    await sha256sum(`${cluster.directory}/moved`),
  );
  await cluster.ok(["put", `${tree}/large`, "/written-after"]);

  await cluster.end("tracker", "SIGTERM");
  const env = { OFFSHORE_DISK: old };
  await cluster.startRole("tracker", env);
  assert.ok(epoch + 1 < 1_000_000);
  const refused = await cluster.client(["mkdir", "/by-the-old-one"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.err, /epoch/);
  await cluster.end("tracker", "SIGKILL");
  await cluster.startRole("tracker", env);
  const again = await cluster.client(["mkdir", "/by-the-old-one"]);
  assert.match(again.err, /another tracker has taken over/, "it remembers over a restart");
  await cluster.end("tracker", "SIGTERM");

  await cluster.startRole("tracker");
  await cluster.untilGreen(3);
  assert.match(await cluster.ok(["ls", "/"]), /written-after/);
});

Deno.test("what was acknowledged before the disk was lost is there, writers never stopping", async () => {
  await using cluster = await TestCluster.start();
  const code = await recoveryCodeOf(cluster);
  const acknowledged = new Map<string, string>();
  let stopping = false;
  let next = 0;
  // Each keeps its own state: a login is not what is tested here.
  const writers = Array.from({ length: 3 }, async () => {
    while (!stopping) {
      const name = `file-${next++}`;
      const path = `${cluster.directory}/${name}`;
      await writeNoise(path, 20_000 + next);
      const { code } = await cluster.client(["put", path, `/${name}`]);
      if (code === 0) acknowledged.set(name, await sha256sum(path));
    }
  });
  for (let round = 0; round < 3; round++) {
    const before = acknowledged.size;
    await until("some files are acknowledged", () => acknowledged.size >= before + 3);
    await cluster.end("tracker", "SIGKILL");
    await Deno.remove(cluster.diskOf("tracker"), { recursive: true });
    await cluster.startRole("tracker", {}, ["--rebuild", "--recovery-code-file", code]);
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

Deno.test("a backup brings a tracker back without its seeders' logs", async () => {
  await using cluster = await TestCluster.start(2);
  await cluster.ok(["mkdir", "/one"]);
  const file = `${cluster.directory}/offshore.backup`;
  await cluster.ok(["backup", file]);
  const code = await recoveryCodeOf(cluster);
  await cluster.ok(["mkdir", "/after-the-backup"]);
  await cluster.end("tracker", "SIGKILL");
  await Deno.remove(cluster.diskOf("tracker"), { recursive: true });
  await cluster.startRole("tracker", {}, ["--restore", file, "--recovery-code-file", code]);
  await cluster.untilGreen(2);
  assert.match(await cluster.ok(["ls", "/"]), /one/);
  assert.doesNotMatch(await cluster.ok(["ls", "/"]), /after-the-backup/);
  await cluster.ok(["mkdir", "/goes-on"]);
  await until("the seeders have set the other log aside", async () => {
    const { stdout } = await new Deno.Command("find", {
      args: [cluster.directory, "-name", "aside-*"],
    }).output();
    return new TextDecoder().decode(stdout).trim().split("\n").length === 2;
  });
});
