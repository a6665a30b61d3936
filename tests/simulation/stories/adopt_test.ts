/**
 * Stories of files that people left on seeders' disks: they appear under `/`, are read in place,
 * get their copies, and what a person does to them behind the seeder's back is a lost copy.
 */
import assert from "node:assert/strict";
import { RemotePath } from "../../../protocol/mod.ts";
import { AdoptStory, bytesOf, mib } from "./adopt_story.ts";
import { stateOf } from "../machine/cluster.ts";

Deno.test("story: a file on a seeder's disk appears, is read, and gets its copies", async () => {
  const story = new AdoptStory(41, 3);
  const film = bytesOf(1, 9 * mib + 5), note = bytesOf(2, 700);
  story.plant(story.seeder(1), "/films/sea.mp4", film);
  story.plant(story.seeder(1), "/note.txt", note);
  await story.cluster.begin();
  await story.untilListed("/films/sea.mp4", "/note.txt");
  assert.deepEqual(await story.read("/films/sea.mp4"), film);
  assert.deepEqual(await story.read("/note.txt"), note);
  await story.untilSafe();
  const held = (await story.status()).seeders.reduce((sum, one) => sum + one.chunkCount, 0);
  assert.equal(held, 2 * 4, "each chunk is there twice, once in place");
  assert.equal(story.seeder(1).disk.files(`${stateOf.seeder}/chunks`).length, 0, "not copied");
  await story.end();
});

Deno.test("story: equal files are replicas at once, clashing ones are named apart", async () => {
  const story = new AdoptStory(42, 3);
  const [one, two] = [story.seeder(1), story.seeder(2)];
  const same = bytesOf(3, 5 * mib), left = bytesOf(4, 90_000), right = bytesOf(5, 90_000);
  for (const machine of [one, two]) story.plant(machine, "/same.bin", same);
  story.plant(one, "/note.txt", left);
  story.plant(two, "/note.txt", right);
  // A folder where the other has a file, and the other way round.
  story.plant(one, "/box", bytesOf(6, 10));
  story.plant(two, "/box/a", bytesOf(7, 10));
  await story.cluster.begin();
  await story.until("all are listed", async () => (await story.paths()).length === 5);
  const paths = await story.paths();
  const notes = await Promise.all([...paths].filter((path) => path.startsWith("/note")));
  const [first, second] = await story.read("/note.txt").then((bytes) =>
    bytes.toString() === left.toString() ? [one, two] as const : [two, one] as const
  );
  assert.deepEqual(notes.toSorted(), [`/note (${second.name}).txt`, "/note.txt"]);
  assert.deepEqual(
    await story.read(`/note (${second.name}).txt`),
    first === one ? right : left,
  );
  const boxes = paths.filter((path) => path.startsWith("/box"));
  const fileFirst = ["/box", `/box (${two.name})/a`], folderFirst = ["/box (seeder-1)", "/box/a"];
  assert([fileFirst, folderFirst].some((each) => `${each}` === `${boxes}`), `${boxes}`);
  await story.untilSafe();
  const adopted = await story.world.timeline.run(story.session.tracker.adopted({}));
  assert.equal(adopted.clashes.length, 2, JSON.stringify(adopted.clashes));
  const own = story.cluster.seeders.flatMap(({ disk }) => disk.files(`${stateOf.seeder}/chunks`));
  assert.equal(own.length, 0, "what two have in place was not copied");
  await story.end();
});

Deno.test("story: a file removed behind the seeder's back is a lost copy, and mended", async () => {
  const story = new AdoptStory(43, 3);
  const film = bytesOf(8, 6 * mib);
  story.plant(story.seeder(1), "/film.mp4", film);
  await story.cluster.begin();
  await story.untilListed("/film.mp4");
  await story.untilSafe();
  story.uproot(story.seeder(1), "/film.mp4");
  // Whoever reads it there finds out, and is served by the other.
  assert.deepEqual(await story.read("/film.mp4"), film);
  await story.world.timeline.pass(11 * 60_000);
  await story.untilSafe();
  assert.deepEqual(await story.read("/film.mp4"), film);
  assert.deepEqual(await story.paths(), ["/film.mp4"], "the name stays");
  const { seeders, chunks } = await story.status();
  assert.equal(seeders.reduce((sum, { chunkCount }) => sum + chunkCount, 0), 2 * chunks);
  await story.end();
});

Deno.test("story: a file changed behind the seeder's back is the next version", async () => {
  const story = new AdoptStory(44, 3);
  const before = bytesOf(9, 2 * mib), after = bytesOf(10, 3 * mib);
  story.plant(story.seeder(1), "/page", before);
  story.plant(story.seeder(2), "/mine", before);
  await story.cluster.begin();
  await story.untilListed("/mine", "/page");
  await story.untilSafe();
  const node = { target: { path: RemotePath.parse("/page") }, follow: true };
  const old = await story.world.timeline.run(story.session.tracker.stat(node));
  story.plant(story.seeder(1), "/page", after);
  await story.until("the change is seen", async () => {
    const now = await story.world.timeline.run(story.session.tracker.stat(node));
    return now.versionId !== old.versionId;
  }, 700_000);
  assert.deepEqual(await story.read("/page"), after);
  assert.deepEqual(await story.read("/mine"), before, "its copy on the other is none the worse");
  await story.untilSafe();
  assert.deepEqual(await story.paths(), ["/mine", "/page"]);
  await story.end();
});

Deno.test("story: what a person removed does not come back, not even with a lost index", async () => {
  const story = new AdoptStory(45, 2);
  story.plant(story.seeder(1), "/keep", bytesOf(11, 1000));
  story.plant(story.seeder(1), "/away", bytesOf(12, 2 * mib));
  await story.cluster.begin();
  await story.untilListed("/away", "/keep");
  const path = RemotePath.parse("/away");
  const removed = { path, what: "file", now: true } as const;
  await story.world.timeline.run(story.session.tracker.remove(removed));
  // Longer than the grace of garbage: its copies are given up, the file is not.
  await story.world.timeline.pass(20 * 60_000);
  const restart = async () => {
    const machine = story.seeder(1);
    machine.kill();
    machine.start();
    await story.world.timeline.pass(60_000);
    assert.deepEqual(await story.paths(), ["/keep"]);
  };
  await restart();
  const { chunks } = await story.status();
  assert.equal(chunks, 1);
  const journal = `${stateOf.seeder}/adopted.log`;
  const bytes = story.seeder(1).disk.peek(journal);
  assert(bytes !== undefined);
  bytes[3] = (bytes[3] ?? 0) ^ 1;
  story.seeder(1).kill();
  story.seeder(1).disk.plant(journal, bytes);
  story.seeder(1).start();
  await story.world.timeline.pass(60_000);
  assert.deepEqual(await story.paths(), ["/keep"]);
  assert.deepEqual(await story.read("/keep"), bytesOf(11, 1000));
  // Changed, it is another file.
  story.plant(story.seeder(1), "/away", bytesOf(13, 1000));
  await story.until("it is listed", async () => (await story.paths()).length === 2, 700_000);
  await story.end();
});

Deno.test("story: an upload of what a file holds has its copies apart from it", async () => {
  const story = new AdoptStory(46, 3);
  const film = bytesOf(14, 4 * mib);
  for (const number of [1, 2]) story.plant(story.seeder(number), "/film", film);
  await story.cluster.begin();
  await story.untilListed("/film");
  await story.untilSafe();
  await story.upload("/sent", film);
  const { chunks, chunksAtRisk } = await story.status();
  assert.deepEqual([chunks, chunksAtRisk], [1, 0], "the same chunk");
  for (const number of [1, 2]) story.uproot(story.seeder(number), "/film");
  const [one] = story.cluster.seeders;
  one?.cutPower();
  assert.deepEqual(await story.read("/sent"), film, "one of its own copies is left at least");
  one?.start();
  assert(await story.cluster.allGreen(60_000));
  await story.world.timeline.pass(11 * 60_000);
  await story.untilSafe();
  await story.end();
});

for (const [seed, who] of [[47, "seeder"], [48, "tracker"], [49, "power"]] as const) {
  Deno.test(`story: halfway the ${who} goes, and no file is missing`, async () => {
    const story = new AdoptStory(seed, 3);
    const one = story.seeder(1);
    const paths: string[] = [];
    for (let i = 0; i < 400; i++) {
      const path = `/many/${i % 7}/file-${i}`;
      paths.push(path);
      story.plant(one, path, bytesOf(1000 + i, 100 + i));
    }
    story.plant(one, "/large", bytesOf(2000, 21 * mib));
    paths.push("/large");
    one.disk.faults.slowMs = 20;
    await story.cluster.begin();
    const counts: number[] = [];
    for (let times = 0; times < 4; times++) {
      await story.world.timeline.pass(1_000 + 700 * times);
      counts.push((await story.paths()).length);
      const machine = who === "tracker" ? story.cluster.tracker : one;
      if (who === "power") machine.cutPower();
      else machine.kill();
      machine.start();
      assert(await story.world.until(() => machine.ready, 60_000));
    }
    console.log(`listed when it went: ${counts}`);
    assert(counts.some((count) => count > 0 && count < paths.length), "it was halfway");
    assert(await story.cluster.allGreen(60_000));
    await story.untilListed(...paths);
    await story.untilSafe();
    for (const path of [paths[0], paths[399], "/large"]) {
      const planted = story.planted.get(`${one.name} ${path}`);
      assert.deepEqual(await story.read(path ?? ""), planted?.bytes);
    }
    await story.end();
  });
}

Deno.test("story: files in place stay where they are while seeders join and the rest settles", async () => {
  const story = new AdoptStory(50, 3);
  for (let i = 0; i < 40; i++) {
    story.plant(story.seeder(1), `/a-${i}`, bytesOf(3000 + i, 300_000));
    if (i % 2 === 0) story.plant(story.seeder(2), `/a-${i}`, bytesOf(3000 + i, 300_000));
  }
  await story.cluster.begin();
  await story.until("listed", async () => (await story.paths()).length === 40);
  await story.untilSafe();
  const joined = story.cluster.newSeeder();
  joined.disk.plantDirectory(stateOf.seeder);
  joined.start();
  await story.world.timeline.pass(5_000);
  let calm = 0, copies = 0;
  await story.until("it settles", async () => {
    const { healing, seeders } = await story.status();
    const now = seeders.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
    calm = healing.copying > 0 || healing.moving || now !== copies ? 0 : calm + 1;
    copies = now;
    return calm > 90;
  }, 1_800_000);
  // Of half the files there are two copies in place already.
  assert.equal(copies, 80);
  const own = (await story.status()).seeders.find(({ name }) => name === joined.name)?.chunkCount;
  assert(own !== undefined && own > 0, "the new one takes its share of the others");
  await story.end();
});

Deno.test("story: the tracker is rebuilt, and knows what was adopted and what was removed", async () => {
  const story = new AdoptStory(51, 3);
  const [keep, late] = [bytesOf(20, 2 * mib), bytesOf(21, 5000)];
  story.plant(story.seeder(1), "/keep", keep);
  story.plant(story.seeder(1), "/away", bytesOf(22, 100));
  await story.cluster.begin();
  await story.untilListed("/away", "/keep");
  await story.untilSafe();
  const removed = { path: RemotePath.parse("/away"), what: "file", now: true } as const;
  await story.world.timeline.run(story.session.tracker.remove(removed));
  await story.world.timeline.pass(5_000);
  assert(story.cluster.loseTrackerDisk());
  story.plant(story.seeder(2), "/late", late);
  story.seeder(2).kill();
  for (const machine of [story.cluster.tracker, story.seeder(2)]) machine.start();
  assert(await story.cluster.allGreen(120_000));
  await story.untilListed("/keep", "/late");
  await story.untilSafe();
  assert.deepEqual(await story.read("/keep"), keep);
  const { seeders } = await story.world.timeline.run(story.session.tracker.adopted({}));
  assert.deepEqual(seeders.map(({ files }) => files), [2, 1, 0]);
  await story.end();
});
