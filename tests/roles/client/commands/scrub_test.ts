import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("scrub shows every seeder and has them read again, from words to exit code", async () => {
  await using world = await openClientWorld(2);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  const shown = await world.run(["scrub"]);
  assert.equal(shown.code, 0, shown.error);
  assert.match(shown.output, /^SEEDER +SCRUB +VERIFIED +READ +CORRUPT +UNREADABLE\nseeder-1 /);
  assert.match(shown.output, /read again within 14 d 0 h, at the latest within 30 d 0 h\.\n$/);
  assert.equal((await world.run(["scrub", "--status", "--json"])).json().length, 2);
  const now = await world.run(["scrub", "--now", "seeder-2"]);
  assert.match(now.output, /^1 seeder will read everything again/);
  const [asked] = (await world.run(["scrub", "seeder-2", "--json"])).json();
  assert.equal(typeof asked?.["askedMs"], "number");
  assert.equal((await world.run(["scrub", "--now", "--status"])).code, 2);
  assert.equal((await world.run(["scrub", "nobody"])).code, 3);
});

Deno.test("ls -l --copies and stat show copies and when they were verified", async () => {
  await using world = await openClientWorld(2);
  await world.run(["put", "-", "/a"], { input: "some bytes" });
  await world.run(["mkdir", "/d"]);
  const listed = await world.run(["ls", "-l", "--copies", "/"]);
  assert.match(listed.output, /\b2 copies, (not verified yet|verified .* ago) +a\n.* - +d\n$/);
  const stat = await world.run(["stat", "/a"]);
  assert.match(stat.output, /copies +2 of 2 wanted, (not verified yet|verified .* ago)/);
  const [json] = (await world.run(["ls", "--copies", "--json", "/"])).json();
  assert.equal(json?.["copiesLeast"], 2);
});
