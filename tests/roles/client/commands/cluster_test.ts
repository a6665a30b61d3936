import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("seeders, df and ping tell about every seeder", async () => {
  await using world = await openClientWorld(2);
  const seeders = await world.run(["seeders"]);
  assert.match(seeders.output, /^SEEDER +STATE +HEARD +ZONE +ADDRESS\nseeder-1 +green /);
  assert.match(seeders.output, /\n\nwell: all is as it should be\n$/);
  const df = await world.run(["df"]);
  assert.match(df.output, /\nseeder-2 +green +1 TiB +0 B +1 TiB +0 % +0\n2 here +2 TiB/);
  const ping = await world.run(["ping"]);
  assert.equal(ping.code, 0, ping.error);
  assert.deepEqual(ping.output.match(/^\S+/gm), ["tracker", "seeder-1", "seeder-2"]);
  assert.equal((await world.run(["df", "--json"])).json().length, 5);
  assert.equal((await world.run(["ping", "--json"])).json().length, 3);
  assert.deepEqual((await world.run(["seeders", "--json"])).json().map((one) => one.name), [
    "seeder-1",
    "seeder-2",
  ]);
});

Deno.test("ping tells who is silent or away, answers 5 and does not wait for long", async () => {
  await using world = await openClientWorld(2);
  const [first, second] = world.cluster.seeders;
  assert(first !== undefined && second !== undefined);
  first.down = true;
  second.behave = () => "silent";
  const ran = await world.run(["ping"]);
  assert.equal(ran.code, 5);
  assert.match(ran.error, /seeder-1 at .* did not answer: connection refused/);
  assert.match(ran.error, /seeder-2 at .* did not answer within 3.0 s/);
  world.cluster.trackerBehave = () => "unreachable";
  const alone = await world.run(["ping", "--json"]);
  assert.equal(alone.code, 5);
  assert.deepEqual(alone.json().map(({ ok, code }) => [ok, code]), [[
    false,
    "tracker-unreachable",
  ]]);
});
