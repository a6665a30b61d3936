import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("policy shows, sets and inherits the number of copies", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "-p", "/a/b"]);
  const tell = async (...words: string[]) => (await world.run(["policy", ...words])).output;
  assert.equal(await tell("/a"), "/a: 2 copies\n");
  assert.equal(await tell("/a", "3"), "/a: 3 copies\n");
  assert.equal(await tell("/a/b"), "/a/b: 3 copies\n");
  assert.equal(await tell("/a/b", "1"), "/a/b: 1 copy\n");
  assert.equal(await tell("/a/b", "inherit"), "/a/b: 3 copies\n");
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
    assert.match(shown.error, /use it within 1 d 0 h: offshore /);
    const [json] = (await world.run([`${purpose}-code`, "--json"])).json();
    assert.equal(typeof json?.code, "string");
  }
});
