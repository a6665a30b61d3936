import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("status says that all is well on one screen", async () => {
  await using world = await openClientWorld(2);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const ran = await world.run(["status"]);
  assert.match(ran.output, /^All is well\.\n\ntracker +http:\/\/tracker:1, up /);
  assert.match(ran.output, /\nfiles +1 file, 10 B, 0 directories, 0 links\n/);
  assert(ran.output.split("\n").length < 24);
  const [json] = (await world.run(["status", "--json"])).json();
  assert.deepEqual([json?.healthy, json?.problems, json?.files], [true, [], 1]);
});
