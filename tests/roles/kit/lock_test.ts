/**
 * One process a disk: a second one is refused and told who has it, and a dead one holds nothing.
 */
import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import { lockDirectory } from "../../../roles/kit/lock.ts";

async function refusalOf(directory: string): Promise<Fault> {
  const caught = await lockDirectory(directory).then(({ release }) => release(), (error) => error);
  assert.ok(caught instanceof Fault, `${directory} is refused with a fault`);
  return caught;
}

Deno.test("lockDirectory keeps a second holder out until it is released", async () => {
  const directory = await Deno.makeTempDir({ prefix: "offshore-lock-" });
  try {
    const { release } = await lockDirectory(directory);
    const refusal = await refusalOf(directory);
    assert.equal(refusal.code, "disk-locked");
    assert.match(refusal.message, new RegExp(`process ${Deno.pid}$`));
    release();
    (await lockDirectory(directory)).release();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("lockDirectory takes over the file that a dead process left", async () => {
  const directory = await Deno.makeTempDir({ prefix: "offshore-lock-" });
  try {
    await Deno.writeTextFile(`${directory}/lock`, "999999 and more, from a longer line\n");
    const { release } = await lockDirectory(directory);
    assert.equal(await Deno.readTextFile(`${directory}/lock`), `${Deno.pid}\n`);
    release();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("lockDirectory answers a directory that is not there with a fault", async () => {
  assert.equal((await refusalOf("/nowhere/at/all")).code, "local-not-found");
});
