/**
 * Snapshots with real processes and real SQLite files: logs that are cut, a tracker rebuilt from a
 * snapshot and what came after it, backups of a cut log, and tables damaged behind the tracker's
 * back that are found and built anew.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { TestCluster, treeDigest, until } from "./cluster.ts";

/** A snapshot every few changes, and no more of the log than they need. */
const often = {
  OFFSHORE_SNAPSHOT_OPERATIONS: "20",
  OFFSHORE_LOG_OPERATIONS: "0",
};

/** A file with the code, kept where no disk that is lost in a test is. */
async function recoveryCodeOf(cluster: TestCluster): Promise<string> {
  const kept = `${cluster.directory}/recovery-code`;
  await Deno.copyFile(`${cluster.codes}/recovery`, kept);
  return kept;
}

async function makeTree(root: string, files: number): Promise<void> {
  await Deno.mkdir(`${root}/empty`, { recursive: true });
  for (let i = 0; i < files; i++) {
    await Deno.mkdir(`${root}/d${i % 7}`, { recursive: true });
    await Deno.writeTextFile(`${root}/d${i % 7}/f${i}`, `file ${i} `.repeat(i % 50 + 1));
  }
  await Deno.symlink("d1/f1", `${root}/link`);
}

async function namesIn(directory: string, ending: RegExp): Promise<string[]> {
  const names = [];
  for await (const { name } of Deno.readDir(directory)) if (ending.test(name)) names.push(name);
  return names.sort();
}

/** The first that the tracker's own log has. */
function firstOperation(cluster: TestCluster): number {
  const path = `${cluster.diskOf("tracker")}/.offshore/tracker/catalog.sqlite`;
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return Number(database.prepare("SELECT min(sequence) AS first FROM log").get()?.["first"]);
  } finally {
    database.close();
  }
}

function logOf(cluster: TestCluster, seeder: string): string {
  return `${cluster.diskOf(seeder)}/.offshore/seeder/log`;
}

/** Everything a person sees of the namespace. */
async function seen(cluster: TestCluster): Promise<string> {
  const parts = [
    await cluster.ok(["ls", "-l", "/", "/tree"]),
    await cluster.ok(["ls", "-l", ...[0, 1, 3, 4, 5, 6].map((i) => `/tree/d${i}`)]),
    await cluster.ok(["trash", "--json"]),
    await cluster.ok(["versions", "/tree/d1/f1", "--json"]),
    await cluster.ok(["policy", "/tree"]),
  ];
  return parts.join("\n");
}

/** Files, versions, trash and policies, and logs that were cut. */
async function filled(cluster: TestCluster): Promise<string> {
  const tree = `${cluster.directory}/tree`;
  await makeTree(tree, 120);
  await cluster.ok(["policy", "/", "--versions", "3"]);
  await cluster.ok(["put", "-r", tree, "/tree"]);
  await cluster.ok(["policy", "/tree", "3"]);
  await Deno.writeTextFile(`${tree}/d1/f1`, "written again");
  await cluster.ok(["put", `${tree}/d1/f1`, "/tree/d1/f1"]);
  await cluster.ok(["rm", "-r", "/tree/d2"]);
  await Deno.remove(`${tree}/d2`, { recursive: true });
  let i = 0;
  await until("every seeder has cut its log", async () => {
    await cluster.ok(["mkdir", ...Array.from({ length: 8 }, () => `/more-${i++}`)]);
    const firsts = await Promise.all(
      cluster.seeders.map((name) => namesIn(logOf(cluster, name), /^\d+\.log$/)),
    );
    return firsts.every(([first]) => first !== undefined && first !== "000000000001.log");
  });
  return tree;
}

Deno.test("a tracker is rebuilt from a snapshot and the log after it", async () => {
  await using cluster = await TestCluster.start(3, often);
  const tree = await filled(cluster);
  for (const seeder of cluster.seeders) {
    const snapshots = await namesIn(logOf(cluster, seeder), /\.snapshot$/);
    assert.ok(snapshots.length >= 2, `${seeder} keeps the two newest: ${snapshots}`);
    // As docs/DISK.md says how to check one by hand.
    const file = `${logOf(cluster, seeder)}/${snapshots.at(-1)}`;
    const script = `tail -n 1 "$1" | grep -q "$(head -n -1 "$1" | sha256sum | cut -d ' ' -f 1)"`;
    const { code } = await new Deno.Command("sh", { args: ["-c", script, "sh", file] }).output();
    assert.equal(code, 0, "the last line has the SHA-256 of those before it");
  }
  await cluster.ok(["put", `${tree}/d3/f3`, "/the-last-thing"]);
  const before = await seen(cluster);
  const code = await recoveryCodeOf(cluster);
  await cluster.end("tracker", "SIGKILL");
  await Deno.remove(cluster.diskOf("tracker"), { recursive: true });
  await cluster.startRole("tracker", often, ["--rebuild", "--recovery-code-file", code]);
  await cluster.untilGreen(3);
  assert.ok(firstOperation(cluster) > 100, "what was before came in a snapshot");
  assert.equal(await seen(cluster), before);
  await until(
    "every chunk is known to be somewhere",
    async () => (await cluster.status()).chunksUnavailable === 0,
  );
  const back = `${cluster.directory}/back`;
  await cluster.ok(["get", "-r", "/tree", back]);
  assert.deepEqual(await treeDigest(back), await treeDigest(tree));
  await cluster.ok(["get", "/the-last-thing", `${cluster.directory}/last`]);
  await until("nothing is wrong", async () => (await cluster.client(["fsck"])).code === 0);
});

Deno.test("a backup of a log that was cut is read back, checked, and restored", async () => {
  await using cluster = await TestCluster.start(3, often);
  const tree = await filled(cluster);
  const before = await seen(cluster);
  const file = `${cluster.directory}/offshore.backup`;
  assert.match(await cluster.ok(["backup", file]), /a snapshot at \d+ and .*read back/);
  assert.match(await cluster.ok(["backup", "--check", file]), /whole/);
  const damaged = `${cluster.directory}/damaged.backup`;
  const bytes = await Deno.readFile(file);
  bytes[bytes.length >> 1]! ^= 1;
  await Deno.writeFile(damaged, bytes);
  assert.notEqual((await cluster.client(["backup", "--check", damaged])).code, 0);
  const code = await recoveryCodeOf(cluster);
  await cluster.ok(["mkdir", "/after-the-backup"]);
  await cluster.end("tracker", "SIGKILL");
  await Deno.remove(cluster.diskOf("tracker"), { recursive: true });
  await cluster.startRole("tracker", often, ["--restore", file, "--recovery-code-file", code]);
  await cluster.untilGreen(3);
  assert.equal(await seen(cluster), before);
  await until(
    "every chunk is known to be somewhere",
    async () => (await cluster.status()).chunksUnavailable === 0,
  );
  await cluster.ok(["get", "-r", "/tree", `${cluster.directory}/back`]);
  assert.deepEqual(await treeDigest(`${cluster.directory}/back`), await treeDigest(tree));
  // The seeders lay their other log aside and go on after the snapshot.
  await cluster.ok(["mkdir", "/goes-on"]);
  await until("nothing is wrong", async () => (await cluster.client(["fsck"])).code === 0);
});

Deno.test("tables damaged behind the tracker's back are found and built anew", async () => {
  await using cluster = await TestCluster.start(3, often);
  await filled(cluster);
  await until("nothing is wrong", async () => (await cluster.client(["fsck"])).code === 0);
  const before = await seen(cluster);
  await cluster.end("tracker", "SIGTERM");
  const path = `${cluster.diskOf("tracker")}/.offshore/tracker/catalog.sqlite`;
  const database = new DatabaseSync(path);
  database.exec("UPDATE nodes SET name = 'wrong' WHERE name = 'f3'");
  database.exec("DELETE FROM trash");
  database.exec(
    "UPDATE chunks SET named = named + 1 WHERE chunk_key IN (SELECT min(chunk_key) FROM chunks)",
  );
  database.close();
  await cluster.startRole("tracker", often);
  await cluster.untilGreen(3);
  const found = await cluster.client(["fsck"]);
  assert.equal(found.code, 1);
  assert.match(found.out, /table node has .*wrong/);
  assert.match(found.out, /table trash lacks/);
  await cluster.client(["fsck", "--repair"]);
  await until("the tracker is back", async () => (await cluster.client(["status"])).code <= 1);
  await cluster.untilGreen(3);
  await until("nothing is wrong", async () => (await cluster.client(["fsck"])).code === 0);
  assert.equal(await seen(cluster), before);
  const folder = `${cluster.diskOf("tracker")}/.offshore/tracker`;
  assert.equal((await namesIn(folder, /^catalog\.sqlite\.damaged-\d+$/)).length, 1);
  await cluster.ok(["mkdir", "/goes-on"]);
  await cluster.end("tracker", "SIGKILL");
  await cluster.startRole("tracker", often);
  assert.match(await cluster.ok(["ls", "/"]), /goes-on/);
});
