/** What a person may say about seeders, through the tracker's routes. */
import assert from "node:assert/strict";
import { limits } from "../../../../protocol/mod.ts";
import { chunkOf, refusedWith, TrackerWorld } from "../tracker_world.ts";

const full = limits.chunkBytesMin;

Deno.test("drain is refused where a policy asks for more copies than others can hold", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  await world.admin.setPolicy({ path: "/", copies: 3 });
  await world.upload("/file", [chunkOf(1, full), chunkOf(2)]);
  const { seederId, name } = world.seeders[0]!;
  const fault = await refusedWith(
    "too-few-seeders",
    world.admin.drain({ seederId, cancel: false }),
  );
  assert.match(fault.message, new RegExp(`${name} cannot be drained: 2 of its chunks`));
  assert.match(fault.message, /shall have 3 copies, and 2 other seeders/);
  assert.match(fault.next ?? "", /add 1 more .join-code.*policy DIRECTORY 2/);
  const fourth = world.newSeeder("seeder-4");
  await fourth.join();
  await fourth.beat();
  assert.deepEqual(await world.admin.drain({ seederId, cancel: false }), { draining: true });
  assert.deepEqual(await world.admin.drain({ seederId, cancel: true }), { draining: false });
});

Deno.test("a seeder that holds nothing may be drained whatever the policies ask for", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const { seederId } = world.seeders[0]!;
  assert.deepEqual(await world.admin.drain({ seederId, cancel: false }), { draining: true });
  const { healing } = await world.admin.status({});
  assert.deepEqual(healing.drains, [
    { seederId, chunksLeft: 0, chunksUnproved: 0, bytesLeft: 0 },
  ]);
});
