import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("policy shows, sets and inherits copies and earlier versions", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "-p", "/a/b"]);
  const tell = async (...words: string[]) => (await world.run(["policy", ...words])).output;
  const kept = "10 earlier versions kept for 30 days";
  assert.equal(await tell("/a"), `/a: 2 copies, ${kept}\n`);
  assert.equal(await tell("/a", "3"), `/a: 3 copies, ${kept}\n`);
  assert.equal(await tell("/a/b"), `/a/b: 3 copies, ${kept}\n`);
  assert.equal(await tell("/a/b", "1"), `/a/b: 1 copy, ${kept}\n`);
  assert.equal(await tell("/a/b", "inherit"), `/a/b: 3 copies, ${kept}\n`);
  const some = "/a: 3 copies, 1 earlier version kept for 7 days\n";
  assert.equal(await tell("/a", "--versions", "1", "--version-days", "7"), some);
  assert.equal(await tell("/a/b", "--versions", "0"), "/a/b: 3 copies, no earlier versions kept\n");
  assert.match((await world.run(["stat", "/a/b"])).output, /versions +no earlier versions kept/);
  assert.equal(await tell("/a/b", "2", "--versions", "inherit"), some.replace("/a: 3", "/a/b: 2"));
  const json = (await world.run(["policy", "/a", "--json"])).json();
  assert.deepEqual(json, [{ path: "/a", copies: 3, versions: 1, versionDays: 7 }]);
  for (const [option, wrong] of [["versions", "501"], ["versions", "x"], ["version-days", "0"]]) {
    assert.equal((await world.run(["policy", "/a", `--${option}`, wrong ?? ""])).code, 2, wrong);
  }
  for (const wrong of ["0", "17", "many", "-1", "2.5", ""]) {
    assert.equal((await world.run(["policy", "/a", "--", wrong])).code, 2, wrong);
  }
  assert.equal((await world.run(["policy", "/none", "2"])).code, 3);
});

Deno.test("join-code and login-code print a code alone, and its use to a person", async () => {
  await using world = await openClientWorld();
  for (const purpose of ["join", "login"]) {
    const piped = await world.run([`${purpose}-code`]);
    assert.match(piped.output, new RegExp(`^offshore-${purpose}-\\S+\n$`));
    assert.equal(piped.error, "");
    const shown = await world.run([`${purpose}-code`], { outputIsTerminal: true });
    assert.match(shown.error, /it serves once, for 15 min 00 s: offshore /);
    const [json] = (await world.run([`${purpose}-code`, "--json"])).json();
    assert.equal(typeof json?.code, "string");
    const wide = ["--uses", "3", "--for", "2h"];
    const [three] = (await world.run([`${purpose}-code`, ...wide, "--json"])).json();
    assert.deepEqual([three?.uses, three?.lifeMs], [3, 7_200_000]);
    for (const wrong of ["0", "many", "1001"]) {
      assert.equal((await world.run([`${purpose}-code`, "--uses", wrong])).code, 2);
    }
  }
});
