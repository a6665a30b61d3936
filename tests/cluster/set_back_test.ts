/**
 * The tracker's folder is put back as it was, with real processes: what a restored machine image
 * does. No copy is dropped, people read what was there then, and the tracker catches up.
 */
import assert from "node:assert/strict";
import { TestCluster, until } from "./cluster.ts";

/** Garbage is dropped as soon as it is seen. */
const eager = { OFFSHORE_GARBAGE_MINUTES: "0" };

async function copyFolder(from: string, to: string): Promise<void> {
  const { success } = await new Deno.Command("cp", { args: ["-a", from, to] }).output();
  assert(success, `${from} is copied`);
}

async function authorityOf(cluster: TestCluster): Promise<{ state: string; next?: string }> {
  // Whatever its exit code: what is asked for is a problem.
  const { out } = await cluster.client(["status", "--json"]);
  return JSON.parse(out).authority;
}

Deno.test("a tracker whose folder is put back destroys nothing, and catches up", async () => {
  await using cluster = await TestCluster.start(3, eager);
  const local = `${cluster.directory}/file`;
  const put = async (text: string, path: string) => {
    await Deno.writeTextFile(local, text.repeat(5_000));
    await cluster.ok(["put", local, path]);
  };
  await put("first", "/first");
  await until("it rules", async () => (await authorityOf(cluster)).state === "ruling");
  const kept = `${cluster.directory}/kept`;
  await cluster.end("tracker", "SIGKILL");
  await copyFolder(cluster.diskOf("tracker"), kept);
  await cluster.startRole("tracker", eager);
  await cluster.untilGreen(3);
  await put("second", "/second");
  const replicas = await cluster.replicasOnDisks();

  for (const name of ["tracker", ...cluster.seeders]) await cluster.end(name, "SIGTERM");
  await Deno.remove(cluster.diskOf("tracker"), { recursive: true });
  await Deno.rename(kept, cluster.diskOf("tracker"));
  await cluster.startRole("tracker", eager);
  for (const name of cluster.seeders) await cluster.startRole(name);
  await until("it is fenced", async () => (await authorityOf(cluster)).state === "fenced");
  for (let start = 0; start < 3; start++) {
    assert.equal((await authorityOf(cluster)).state, "fenced");
    assert.match((await authorityOf(cluster)).next ?? "", /--catch-up/);
    const listed = await cluster.client(["ls", "/"]);
    assert.match(listed.out, /first/);
    assert.doesNotMatch(listed.out, /second/);
    assert.match(listed.err, /as they were at/);
    const removed = await cluster.client(["rm", "--now", "/first"]);
    assert.notEqual(removed.code, 0);
    await cluster.end("tracker", "SIGKILL");
    await cluster.startRole("tracker", eager);
  }
  assert.deepEqual(await cluster.replicasOnDisks(), replicas, "no copy went");

  await cluster.end("tracker", "SIGTERM");
  await cluster.startRole("tracker", eager, ["--catch-up"]);
  await cluster.untilGreen(3);
  await until("it rules", async () => (await authorityOf(cluster)).state === "ruling");
  const back = `${cluster.directory}/back`;
  await until(
    "every chunk is known to be somewhere",
    async () => (await cluster.status()).chunksUnavailable === 0,
  );
  await cluster.ok(["get", "/second", back]);
  assert.equal(await Deno.readTextFile(back), "second".repeat(5_000));
  await put("third", "/third");
});
