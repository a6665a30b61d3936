import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("status says that all is well on one screen", async () => {
  await using world = await openClientWorld(2);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const ran = await world.run(["status"]);
  assert.match(ran.output, /^well: all is as it should be\n\ntracker +http:\/\/tracker:1, up /);
  assert.match(ran.output, /\nfiles +1 file, 10 B, 0 directories, 0 links\n/);
  assert(ran.output.split("\n").length < 24);
  const [json] = (await world.run(["status", "--json"])).json();
  assert.deepEqual([json?.healthy, json?.problems, json?.files], [true, [], 1]);
});

Deno.test("status and seeders answer 1 when they tell of a problem, and say the state first", async () => {
  await using world = await openClientWorld(1);
  for (const command of ["status", "seeders"]) {
    const ran = await world.run([command]);
    assert.equal(ran.code, 1, command);
    assert.match(ran.output, /(^|\n\n)at-risk: .*\n! 1 seeder for 2 copies of each file\n/);
    assert.equal(ran.error, "");
    assert.equal((await world.run([command, "--json"])).code, 1);
  }
  const [json] = (await world.run(["status", "--json"])).json();
  assert.deepEqual([json?.state, json?.healthy], ["at-risk", false]);
  // A free byte counts once for each copy that it will be.
  await using two = await openClientWorld(2);
  assert.match(
    (await two.run(["df"])).output,
    /\n2 TiB free, room for 1 TiB of files in 2 copies\n/,
  );
});
