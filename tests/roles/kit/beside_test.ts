/** Work directories beside a person's files, on a real disk and after a power cut. */
import assert from "node:assert/strict";
import { giveName, sweepBeside, WorkDirectory, writeBeside } from "../../../roles/kit/beside.ts";
import { readWhole } from "../../../roles/kit/disk.ts";
import { seededRandom, systemRandom } from "../../../roles/kit/random.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";

const disk = systemDisk(), random = systemRandom();
const bytesOf = (text: string) => new TextEncoder().encode(text);

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "offshore-beside-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function makeFile(path: string): Promise<void> {
  const file = await disk.open(path, "create", 0o600);
  file.close();
}

Deno.test("WorkDirectory is its owner's only, and is gone with what was in it", () =>
  withFolder(async (folder) => {
    const work = await WorkDirectory.make(disk, random, folder);
    assert.equal((await disk.stat(work.path))?.mode, 0o700);
    await makeFile(`${work.path}/1.part`);
    await work.end();
    assert.notEqual(await disk.stat(work.path), undefined, "something is left in it");
    const [left] = await WorkDirectory.leftBeside(disk, folder);
    assert.deepEqual([...left?.left ?? []], ["1.part"]);
    assert.equal(left?.next(), 2);
    await left?.remove("1.part");
    await left?.end();
    assert.deepEqual(await disk.list(folder), []);
  }));

Deno.test("WorkDirectory.leftBeside finds none of a run that lives, and none twice", () =>
  withFolder(async (folder) => {
    const living = await WorkDirectory.make(disk, random, folder);
    await makeFile(`${living.path}/1.part`);
    assert.deepEqual(await WorkDirectory.leftBeside(disk, folder), []);
    await living.end();
    const [first] = await WorkDirectory.leftBeside(disk, folder);
    assert.deepEqual(await WorkDirectory.leftBeside(disk, folder), []);
    await first?.end();
    const [again] = await WorkDirectory.leftBeside(disk, folder);
    assert.notEqual(again, undefined);
    await again?.end();
  }));

Deno.test("WorkDirectory.leftBeside takes no copy, no link and nothing that others may enter", () =>
  withFolder(async (folder) => {
    const work = await WorkDirectory.make(disk, random, folder);
    await makeFile(`${work.path}/1`);
    await work.end();
    const state = await Deno.readFile(`${work.path}/state`);
    const copy = `${folder}/.offshore-0000000000000000`;
    await Deno.mkdir(copy, { mode: 0o700 });
    await Deno.writeFile(`${copy}/state`, state);
    await Deno.writeTextFile(`${copy}/1`, "theirs");
    await Deno.symlink(work.path, `${folder}/.offshore-1111111111111111`);
    await Deno.rename(work.path, `${folder}/named by a person`);
    assert.deepEqual(await WorkDirectory.leftBeside(disk, folder), []);
    await Deno.rename(`${folder}/named by a person`, work.path);
    await Deno.chmod(work.path, 0o755);
    assert.deepEqual(await WorkDirectory.leftBeside(disk, folder), []);
    assert.equal(await Deno.readTextFile(`${copy}/1`), "theirs");
    await Deno.chmod(work.path, 0o700);
    await sweepBeside(disk, folder);
    assert.equal(await disk.stat(work.path), undefined);
    assert.notEqual(await disk.stat(copy), undefined);
  }));

Deno.test("giveName takes no name that is taken, unless it shall, and names no other file", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/to`, "theirs");
    await Deno.writeTextFile(`${folder}/from`, "ours");
    const file = await disk.open(`${folder}/from`, "read");
    try {
      const give = (replace: boolean) =>
        giveName(disk, file, `${folder}/from`, `${folder}/to`, replace);
      await assert.rejects(give(false), { code: "local-exists" });
      assert.equal(await Deno.readTextFile(`${folder}/to`), "theirs");
      await give(true);
      assert.equal(await Deno.readTextFile(`${folder}/to`), "ours");
      await Deno.writeTextFile(`${folder}/from`, "another");
      await assert.rejects(give(true), { code: "local-failed" });
      assert.equal(await Deno.readTextFile(`${folder}/to`), "ours");
    } finally {
      file.close();
    }
  }));

Deno.test("writeBeside never opens a secret to others, and many at once leave one whole", () =>
  withFolder(async (folder) => {
    const path = `${folder}/secret`;
    const texts = Array.from({ length: 8 }, (_, i) => String(i).repeat(1000));
    await Promise.all(
      texts.map((text) => writeBeside(disk, random, path, bytesOf(text), 0o600)),
    );
    assert.ok(texts.includes(await Deno.readTextFile(path)));
    assert.equal((await disk.stat(path))?.mode, 0o600);
    assert.deepEqual((await disk.list(folder)).map((one) => one.name), ["secret"]);
  }));

Deno.test("writeBeside holds before or after a power cut, whole", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const dice = seededRandom(seed);
    const sim = new SimDisk({ random: dice });
    sim.plantDirectory("/home");
    await writeBeside(sim, dice, "/home/f", bytesOf("before"), 0o600);
    let calls = Math.floor(dice.unit() * 20);
    const writing = writeBeside(sim, dice, "/home/f", bytesOf("after"), 0o600).then(
      () => "after",
      () => "either",
    );
    while (calls-- > 0) await undefined;
    sim.crash();
    const done = await writing;
    const text = new TextDecoder().decode(await readWhole(sim, "/home/f"));
    assert.ok(done === "after" ? text === "after" : ["before", "after"].includes(text), text);
    await writeBeside(sim, dice, "/home/f", bytesOf("again"), 0o600);
    assert.equal(new TextDecoder().decode(await readWhole(sim, "/home/f")), "again");
  }
});
