import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("fsck says that all agree, from words to exit code", async () => {
  await using world = await openClientWorld(2);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const ran = await world.run(["fsck"]);
  assert.equal(ran.code, 0, ran.error);
  assert.match(
    ran.output,
    /1 file version with 1 chunk, 2 holdings, \d seeders? checked: all agree\.\n$/,
  );
  const [json] = (await world.run(["fsck", "--repair", "--json"])).json();
  assert.deepEqual([json?.["healthy"], json?.["findings"]], [true, []]);
  assert.equal((await world.run(["fsck", "extra"])).code, 2);
});
