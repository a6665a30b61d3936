import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("help tells about commands; exit leaves; clear clears a screen only", async () => {
  await using world = await openClientWorld();
  const ran = await world.script(["h", "help mv", "clear", "e", "pwd"]);
  assert.equal(ran.code, 0, ran.error);
  assert.match(ran.output, /list, ls[^]*exit, e[^]*Usage: mv \[options\] FROM\.\.\. TO/);
  assert.doesNotMatch(ran.output, /\n\/\n/);
  assert(!ran.output.includes("\x1b"));
  for (const word of ["up", "serve", "health"]) {
    assert.match((await world.run(["help", word])).output, new RegExp(`^Usage: offshore ${word} `));
  }
  assert.match(
    (await world.run(["help", "tracker"])).error,
    /next: outside of this shell: offshore --role tracker --help\n$/,
  );
  const screen = await world.run(["clear"], { outputIsTerminal: true });
  assert.equal(screen.output, "\x1b[H\x1b[2J\x1b[3J");
});
