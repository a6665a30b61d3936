import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("cd, pwd, lcd and lpwd keep the place of the shell", async () => {
  await using world = await openClientWorld();
  await Deno.mkdir(`${world.local}/sub`);
  const ran = await world.script([
    "mkdir -p '/a b/c'",
    "cd 'a b'",
    "pwd",
    "cd c/../c",
    "pwd",
    "mkdir ../d",
    "ls ..",
    "cd",
    "pwd",
    "lcd sub",
    "lpwd",
    "lcd ~",
    "lpwd --json",
  ]);
  assert.equal(ran.code, 0, ran.error);
  const expected = ["/a b", "/a b/c", "c", "d", "/", `${world.local}/sub`];
  assert.equal(
    ran.output,
    `${expected.join("\n")}\n${JSON.stringify({ path: world.local })}\n`,
  );
  assert.equal((await world.script(["cd /none", "lcd none", "cd /"])).code, 3);
});
