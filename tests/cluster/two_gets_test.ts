/**
 * Two gets of one target at once, as real processes, held still and killed at the worst moments:
 * both are right, what a killed one left is gone on with by one run only, and nothing goes that
 * neither of them made.
 */
import assert from "node:assert/strict";
import { sha256sum, TestCluster, until } from "./cluster.ts";

const mib = 1024 * 1024;
const sizeBytes = 160 * mib;

async function writeNoise(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const part = new Uint8Array(mib);
  for (let i = 0; i < sizeBytes / mib; i++) {
    for (let at = 0; at < mib; at += 65_536) {
      crypto.getRandomValues(part.subarray(at, at + 65_536));
    }
    for (let at = 0; at < mib;) at += await file.write(part.subarray(at));
  }
}

/** What lies in work directories, by the ends of the names. */
async function leftIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.startsWith(".offshore-")) continue;
    found.push(name);
    try {
      for await (const one of Deno.readDir(`${folder}/${name}`)) {
        if (one.name !== "state") found.push(one.name.replace(/^\d+/, ""));
      }
    } catch (error) {
      // It may end at any moment.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

Deno.test("two gets of one target at once are both right, through stops and kills", async (t) => {
  await using cluster = await TestCluster.start(2);
  const local = `${cluster.directory}/local`, to = `${local}/target`;
  await Deno.mkdir(local);
  for (const name of ["x", "y"]) {
    await writeNoise(`${cluster.directory}/${name}`);
    await cluster.ok(["put", `${cluster.directory}/${name}`, `/${name}`]);
  }
  const digests = {
    x: await sha256sum(`${cluster.directory}/x`),
    y: await sha256sum(`${cluster.directory}/y`),
  };
  // Files of a person's with names that were once those of parts.
  const theirs = ["target.offshore-part", "target.offshore-part.json", "target.part"];
  for (const name of theirs) await Deno.writeTextFile(`${local}/${name}`, name);

  /** A get that is under way, when it has begun to gather; undefined when it was too quick. */
  const begun = async (name: "x" | "y", ending: string) => {
    const process = cluster.spawnClient(["get", "-f", `/${name}`, to]);
    const before = new Set(await leftIn(local));
    let over = false;
    const output = process.output().finally(() => over = true);
    await until("it gathers", async () => {
      const now = await leftIn(local);
      return over || now.some((one) => one.endsWith(ending) && !before.has(one));
    });
    return over ? undefined : { process, output };
  };
  /** The same, again until one was caught. */
  const caught = async (name: "x" | "y", ending: string, signal: Deno.Signal) => {
    for (let attempt = 1; attempt <= 20; attempt++) {
      const one = await begun(name, ending);
      if (one === undefined) continue;
      try {
        one.process.kill(signal);
      } catch {
        // It ended just now.
      }
      if (signal === "SIGKILL") await one.output;
      if ((await leftIn(local)).some((found) => found.endsWith(ending))) return one;
      if (signal === "SIGSTOP") {
        one.process.kill("SIGCONT");
        await one.output;
      }
    }
    return assert.fail("no get could be caught while it gathers");
  };

  await t.step("one is held still while the other does all its work", async () => {
    const first = await caught("x", ".part", "SIGSTOP");
    await cluster.ok(["get", "-f", "/y", to]);
    assert.equal(await sha256sum(to), digests.y);
    first.process.kill("SIGCONT");
    const { code, stderr } = await first.output;
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(await sha256sum(to), digests.x);
    assert.deepEqual(await leftIn(local), []);
  });

  await t.step("both run free, over and over, and the last one's content is whole", async () => {
    for (let round = 0; round < 3; round++) {
      const outcomes = await Promise.all(
        (["x", "y", "x"] as const).map((name) => cluster.client(["get", "-f", `/${name}`, to])),
      );
      for (const { code, err } of outcomes) assert.equal(code, 0, err);
      const digest = await sha256sum(to);
      assert.ok(digest === digests.x || digest === digests.y, "neither one nor the other");
      assert.deepEqual(await leftIn(local), []);
    }
  });

  await t.step("what a killed one left of this version is gone on with by one of two", async () => {
    await caught("x", ".json", "SIGKILL");
    const outcomes = await Promise.all(
      [1, 2].map(() => cluster.client(["get", "-f", "--json", "/x", to])),
    );
    const moved = outcomes.map(({ code, out, err }) => {
      assert.equal(code, 0, err);
      return Number(/"bytesMoved":(\d+)/.exec(out)?.[1]);
    });
    assert.equal(await sha256sum(to), digests.x);
    assert.ok(Math.min(...moved) < sizeBytes, `${moved} bytes were moved`);
    assert.equal(Math.max(...moved), sizeBytes);
    assert.deepEqual(await leftIn(local), []);
  });

  await t.step("what a killed one left of another version goes", async () => {
    await caught("x", ".json", "SIGKILL");
    await cluster.ok(["get", "-f", "/y", to]);
    assert.equal(await sha256sum(to), digests.y);
    assert.deepEqual(await leftIn(local), []);
  });

  await t.step("without --force one is refused and nothing is replaced", async () => {
    await Deno.remove(to);
    const outcomes = await Promise.all(
      (["x", "y"] as const).map((name) => cluster.client(["get", `/${name}`, to])),
    );
    const good = outcomes.filter(({ code }) => code === 0);
    assert.equal(good.length, 1, JSON.stringify(outcomes));
    assert.equal(await sha256sum(to), outcomes[0]?.code === 0 ? digests.x : digests.y);
    await Deno.remove(to);
    assert.deepEqual((await leftIn(local)).filter((one) => one === ".json").length <= 1, true);
  });

  for (const name of theirs) assert.equal(await Deno.readTextFile(`${local}/${name}`), name);
});
