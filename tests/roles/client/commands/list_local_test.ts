import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("ll lists this machine's names, safely", async () => {
  await using world = await openClientWorld();
  await Deno.mkdir(`${world.local}/t/sub`, { recursive: true });
  await Deno.writeTextFile(`${world.local}/t/a\x1b`, "1234", { mode: 0o640 });
  await Deno.symlink("a", `${world.local}/t/link`);
  const list = async (...words: string[]) => await world.run(["ll", ...words]);
  assert.equal((await list("t")).output, "a\\e\nlink\nsub\n");
  const terminal = { outputIsTerminal: true };
  assert.equal((await world.run(["ll", "t"], terminal)).output, "a\\e  link@  sub/\n");
  const long = (await list("-l", "t")).output.split("\n");
  assert.match(long[0] ?? "", /^-rw-r----- +4 B +\S+ \S+ +a\\e$/);
  assert.match(long[1] ?? "", /^l.*link -> a$/);
  assert.deepEqual((await list("--json", "t")).json().map(({ kind }) => kind), [
    "file",
    "link",
    "directory",
  ]);
  assert.equal((await list("none")).code, 3);
  assert.match((await world.script(["lcd t", "ll -l a*", "ll ."])).error, /local|none|a\*/);
});
