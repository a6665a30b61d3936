/**
 * Real trees and awkward sizes through a real cluster: the system's documentation tree, Deno's own
 * executable, and generated files around the chunk size up to 1 GiB. Every digest is compared by
 * the system's sha256sum, and the copies of every chunk are counted on the seeders' disks.
 */
import assert from "node:assert/strict";
import { chunkIdOf, limits } from "../../protocol/mod.ts";
import { seededRandom } from "../../roles/kit/random.ts";
import { sha256sum, TestCluster, treeDigest } from "./cluster.ts";

const documentation = "/usr/share/doc";
const mib = 1024 * 1024;

/** A file of pseudo-random bytes, the same for the same seed, without holding it in memory. */
async function writeRandom(path: string, sizeBytes: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const words = new Uint32Array(mib / 4);
  for (let i = 0; i < words.length; i++) words[i] = random.unit() * 2 ** 32;
  const bytes = new Uint8Array(words.buffer);
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (let left = sizeBytes; left > 0; left -= mib) {
    // Each MiB differs from the others, so that no two chunks of a file are the same.
    words[0] = left;
    const part = bytes.subarray(0, Math.min(left, mib));
    for (let written = 0; written < part.length;) {
      written += await file.write(part.subarray(written));
    }
  }
}

const sizes = {
  "empty": 0,
  "one-byte": 1,
  "one-chunk": limits.chunkBytesDefault,
  "one-chunk-and-a-byte": limits.chunkBytesDefault + 1,
  "one-gib": 1024 * mib,
};

Deno.test("a cluster stores and returns real trees and awkward sizes in two copies", async (t) => {
  await using cluster = await TestCluster.start();
  const local = `${cluster.directory}/local`;
  await Deno.mkdir(`${local}/generated`, { recursive: true });
  for (const [i, [name, size]] of Object.entries(sizes).entries()) {
    await writeRandom(`${local}/generated/${name}`, size, i + 1);
  }
  // The same executable bytes as run this test, under a mode of its own.
  await Deno.copyFile(Deno.execPath(), `${local}/deno`);
  await Deno.chmod(`${local}/deno`, 0o755);

  await t.step("put takes them all", async () => {
    await cluster.ok(["mkdir", "/t"]);
    await cluster.ok(["put", "-r", documentation, "/t/doc"]);
    await cluster.ok(["put", "-r", `${local}/generated`, "/t/generated"]);
    await cluster.ok(["put", `${local}/deno`, "/t/deno"]);
  });

  await t.step("get returns the documentation tree, links and all", async () => {
    await cluster.ok(["get", "-r", "/t/doc", `${local}/doc`]);
    const before = await treeDigest(documentation), after = await treeDigest(`${local}/doc`);
    assert.ok(before.size > 1000, `${documentation} has only ${before.size} entries`);
    assert.deepEqual(after, before);
  });

  await t.step("get returns the executable, runnable", async () => {
    await cluster.ok(["get", "/t/deno", `${local}/deno.back`]);
    assert.equal(await sha256sum(`${local}/deno.back`), await sha256sum(Deno.execPath()));
    const { stdout } = await new Deno.Command(`${local}/deno.back`, { args: ["--version"] })
      .output();
    assert.match(new TextDecoder().decode(stdout), /^deno /);
  });

  await t.step("get returns the generated files", async () => {
    await cluster.ok(["get", "-r", "/t/generated", `${local}/generated.back`]);
    for (const [name, size] of Object.entries(sizes)) {
      const back = `${local}/generated.back/${name}`;
      assert.equal((await Deno.stat(back)).size, size, name);
      assert.equal(await sha256sum(back), await sha256sum(`${local}/generated/${name}`), name);
    }
  });

  await t.step("cat and a pipe carry the same bytes", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    await cluster.ok(["put", "-", "/t/piped"], { stdin: bytes });
    await cluster.ok(["get", "/t/piped", `${local}/piped`]);
    assert.deepEqual(await Deno.readFile(`${local}/piped`), bytes);
  });

  await t.step("every chunk lies on at least two disks", async () => {
    await cluster.stop();
    const replicas = await cluster.replicasOnDisks();
    const thin = [...replicas].filter(([, names]) => new Set(names).size < 2);
    assert.deepEqual(thin, []);
    // A send that a stalled disk held up too long is made good elsewhere, and may arrive after all.
    const surplus = [...replicas.values()].filter((names) => names.length > 2).length;
    console.log(`    ${replicas.size} chunks, ${surplus} of them with a copy more than asked for`);
    const first = await Deno.open(`${local}/generated/one-chunk`, { read: true });
    const bytes = new Uint8Array(await new Response(first.readable).arrayBuffer());
    assert.ok(replicas.has(chunkIdOf(bytes)), "the chunk of one-chunk is among them");
    assert.ok(replicas.size > 256 + 23, `only ${replicas.size} chunks`);
  });
});
