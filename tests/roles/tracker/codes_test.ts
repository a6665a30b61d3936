/** How often a code serves, over restarts and lost replies, and who has to wait after it. */
import assert from "node:assert/strict";
import { asFault, limits } from "../../../protocol/mod.ts";
import { readWhole } from "../../../roles/kit/disk.ts";
import { loginBy } from "../../protocol/by_code.ts";
import { chunkOf, openOf, refusedWith, stateDirectory, TrackerWorld } from "./tracker_world.ts";

async function kept(world: TrackerWorld, name: string): Promise<string> {
  return new TextDecoder().decode(await readWhole(world.disk, `${stateDirectory}/codes/${name}`));
}

Deno.test("a join code serves one seeder, who may ask again, and nobody else, over restarts", async () => {
  const world = await TrackerWorld.open();
  const code = world.tracker.joinCode();
  const one = world.newSeeder("one"), two = world.newSeeder("two");
  await one.join({}, code);
  const { key } = one;
  await world.start();
  await one.join({ generation: 0 }, code);
  assert.equal(one.key, key, "its reply was lost, perhaps");
  const refused = await refusedWith("code-invalid", two.join({}, code));
  assert.match(refused.message, /serves once, and was used/);
  await two.join();
});

Deno.test("of two seeders that join at once with a code for one, one is let in", async () => {
  const world = await TrackerWorld.open();
  const code = world.tracker.joinCode();
  const seeders = ["one", "two", "three"].map((name) => world.newSeeder(name));
  const outcomes = await Promise.all(
    seeders.map((seeder) => seeder.join({}, code).then(() => "in", (error) => asFault(error).code)),
  );
  assert.deepEqual(outcomes.toSorted(), ["code-invalid", "code-invalid", "in"]);
  assert.equal((await world.admin.status({})).seeders.length, 1);
});

Deno.test("a code serves as often as it says, and no longer", async () => {
  const world = await TrackerWorld.open();
  const wishes = { uses: 2, lifeMs: 3_600_000 };
  const { code } = await world.admin.mintCode({ purpose: "join", ...wishes });
  await world.newSeeder("one").join({}, code);
  world.clock.advance(3_600_000);
  await world.newSeeder("two").join({}, code);
  await refusedWith("code-invalid", world.newSeeder("three").join({}, code));
  const { code: late } = await world.admin.mintCode({ purpose: "join", ...wishes });
  world.clock.advance(3_600_001);
  await refusedWith("code-invalid", world.newSeeder("four").join({}, late));
  // A seeder that was forgotten is one more: what it had of the code is spent.
  assert.equal((await world.admin.status({})).seeders.length, 2);
});

Deno.test("a login code serves once, and its client twice", async () => {
  const world = await TrackerWorld.open();
  const code = world.tracker.loginCode();
  const nonce = "7".repeat(32);
  const first = await loginBy(world.connection(), code, nonce);
  await world.start();
  world.clock.advance(1000);
  assert.deepEqual(await loginBy(world.connection(), code, nonce), first, "its reply was lost");
  const refused = await refusedWith("code-invalid", loginBy(world.connection(), code));
  assert.match(refused.next, /login-code/);
  assert.equal((await world.connection(first.token).status({})).seeders.length, 0);
});

Deno.test("what was used is out of the files at once, and the other file stays", async () => {
  const world = await TrackerWorld.open();
  const [join, login] = [await kept(world, "join"), await kept(world, "login")];
  await world.newSeeder("one").join({}, join);
  assert.notEqual(await kept(world, "join"), join);
  assert.equal(await kept(world, "login"), login);
  const other = await kept(world, "join");
  await world.newSeeder("two").join();
  assert.equal(await kept(world, "join"), other, "another code was used");
});

Deno.test("a pending seeder reports and waits: no files, no log, no offers, until it is accepted", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const { code } = await world.admin.mintCode({ purpose: "join", pending: true });
  const late = world.newSeeder("late");
  await late.join({ capacityBytes: 5000 }, code);
  const { seederId } = late;
  for (let start = 0; start < 2; start++) {
    const reply = await late.beat();
    assert.deepEqual([reply.pending, reply.orders, reply.inventoryWanted], [true, [], false]);
    await refusedWith("forbidden", late.tellInventory());
    await refusedWith("forbidden", late.connection.signOut({ seederId }));
    const { seeders, outsiders, copiesDefault } = await world.admin.status({});
    assert.deepEqual([seeders.length, copiesDefault], [1, 2]);
    const [waiting] = outsiders;
    assert.deepEqual([waiting?.standing, waiting?.name], ["pending", "late"]);
    const uploadId = world.uploadId();
    await world.admin.openUploads({ uploads: [openOf(uploadId, `/f${start}`)] });
    const chunk = { ...chunkOf(start), uploadId, avoid: [] };
    const [placed] = (await world.admin.placeChunks({ chunks: [chunk] })).results;
    const places = placed?.ok ? placed.placement.places : [];
    assert(places.every((place) => place.seederId !== seederId));
    await world.start();
    await world.seeders[0]?.beat();
  }
  const { before, now } = await world.admin.acceptSeeder({ seederId });
  assert.deepEqual([before.standing, now.standing], ["pending", "member"]);
  await late.beat();
  assert.equal((await late.beat()).pending, undefined);
  const { seeders, outsiders } = await world.admin.status({});
  assert.deepEqual([seeders.length, outsiders.length], [2, 0]);
  assert(limits.codeUsesMax > 1);
});
