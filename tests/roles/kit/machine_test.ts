/** A role's own folder on its disk: made where the disk is there, refused where it is not. */
import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import { firstAddress, prepareState } from "../../../roles/kit/machine.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";

Deno.test("prepareState makes the folder for its owner only, and again without harm", async () => {
  const path = await Deno.makeTempDir({ prefix: "offshore-state-" });
  try {
    for (let start = 0; start < 2; start++) {
      const own = await prepareState(systemDisk(), path, "seeder");
      assert.equal(own, `${path}/.offshore/seeder`);
      await Deno.writeTextFile(`${own}/kept`, "kept");
    }
    assert.equal(((await Deno.stat(`${path}/.offshore`)).mode ?? 0) & 0o777, 0o700);
    assert.equal(await Deno.readTextFile(`${path}/.offshore/seeder/kept`), "kept");
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

Deno.test("prepareState refuses a missing disk, a file, and a file in the way", async () => {
  const path = await Deno.makeTempDir({ prefix: "offshore-state-" });
  try {
    await Deno.writeTextFile(`${path}/file`, "");
    await Deno.mkdir(`${path}/blocked`);
    await Deno.writeTextFile(`${path}/blocked/.offshore`, "");
    for (const name of ["absent", "file", "blocked"]) {
      const preparing = prepareState(systemDisk(), `${path}/${name}`, "seeder");
      await assert.rejects(
        preparing,
        (error) =>
          error instanceof Fault && error.code === "disk-unusable" &&
          error.message.includes(`${path}/${name}`),
      );
    }
    assert.equal(await systemDisk().stat(`${path}/absent`), undefined, "a disk is never made");
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

Deno.test("firstAddress is never loopback", () => {
  const address = firstAddress();
  if (address !== undefined) assert.doesNotMatch(address, /^127\.|^::1$/);
});
