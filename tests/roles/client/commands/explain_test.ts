import assert from "node:assert/strict";
import { limits } from "../../../../protocol/mod.ts";
import { openClientWorld } from "../client_world.ts";

Deno.test("explain says where the copies of a file are and why", async () => {
  await using world = await openClientWorld(3);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const ran = await world.run(["explain", "/a"]);
  assert.equal(ran.code, 0, ran.error);
  assert.match(ran.output, /^\/a: 10 B in 1 chunk, 2 copies of each wanted\n/);
  assert.match(ran.output, /seeder-\d \(place 1\), seeder-\d \(place 2\)/);
  assert.match(
    ran.output,
    /SEEDER +STATE +ZONE +CHUNKS +BYTES +BEST +VERIFIED\n +seeder-\d +green/,
  );
  assert.match(ran.output, /1 chunk with 2 copies\n$/);
  const json = (await world.run(["explain", "--json", "/a"])).json();
  assert.deepEqual(json.at(-1)?.["chunksByCopies"], { "2": 1 });
  assert.equal((json[0]?.["copies"] as unknown[]).length, 2);
});

Deno.test("explain sums a long file up unless every chunk is asked for", async () => {
  await using world = await openClientWorld(2);
  // Nine chunks, all alike but the last.
  const input = new Uint8Array(8 * limits.chunkBytesDefault + 1);
  assert.equal((await world.run(["put", "-", "/long"], { input })).code, 0);
  const short = (await world.run(["explain", "/long"])).output;
  assert.match(short, /in 9 chunks/);
  assert.doesNotMatch(short, /place 1/);
  const long = (await world.run(["explain", "--chunks", "/long"])).output;
  assert.equal(long.match(/\(place 1\)/g)?.length, 9);
  assert.match(long, /9 chunks with 2 copies\n$/);
  await world.run(["mkdir", "/d"]);
  assert.equal((await world.run(["explain", "/d"])).code, 4);
  assert.equal((await world.run(["explain", "/none"])).code, 3);
});
