import assert from "node:assert/strict";
import { chunkIdOf } from "../../../../protocol/mod.ts";
import { openClientWorld } from "../client_world.ts";
import { bytesOf } from "../world.ts";

Deno.test("put -, cat and get - carry any bytes through pipes unchanged", async () => {
  await using world = await openClientWorld(3);
  const bytes = bytesOf(5_000_000, 3);
  const put = await world.run(["put", "-", "/piped"], { input: bytes });
  assert.equal(put.code, 0, put.error);
  assert.match(put.error, /^put: \/piped, 4\.77 MiB sent in .*2 copies/);
  for (const words of [["cat", "/piped"], ["get", "/piped", "-"]]) {
    const ran = await world.run(words);
    assert.equal(ran.code, 0, ran.error);
    assert.equal(chunkIdOf(ran.bytes), chunkIdOf(bytes));
    assert.equal(ran.error, "");
  }
});

Deno.test("cat prints several files one after another, and tells what is none", async () => {
  await using world = await openClientWorld(2);
  await world.run(["put", "-", "/a"], { input: "first\n" });
  await world.run(["put", "-", "/b"], { input: "second" });
  const ran = await world.run(["cat", "/a", "/", "/none", "/b"]);
  assert.equal(ran.output, "first\nsecond");
  assert.equal(ran.code, 4);
  assert.match(ran.error, /cat: \/ is a directory[^]*cat: .*\/none/);
});
