/** Files opened where others may write: only files, and without waiting for anybody. */
import assert from "node:assert/strict";
import { openPlainFile } from "../../../roles/kit/plain_file.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";

Deno.test("openPlainFile opens files, and neither links nor pipes nor directories", async () => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-plain-" });
  try {
    await Deno.writeTextFile(`${folder}/file`, "hello world");
    await Deno.symlink("file", `${folder}/link`);
    await Deno.mkdir(`${folder}/directory`);
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    const disk = systemDisk();
    for (const name of ["link", "pipe", "directory"]) {
      await assert.rejects(openPlainFile(`${folder}/${name}`), name);
      await assert.rejects(disk.open(`${folder}/${name}`, "plain"), { code: "disk-failed" }, name);
    }
    await assert.rejects(disk.open(`${folder}/none`, "plain"), { code: "local-not-found" });
    const file = await openPlainFile(`${folder}/file`);
    const buffer = new Uint8Array(8);
    assert.equal(await file.read(buffer, 6), 5);
    assert.equal(new TextDecoder().decode(buffer.subarray(0, 5)), "world");
    assert.equal(await file.read(buffer, 11), 0);
    assert.deepEqual(await file.stat(), await disk.stat(`${folder}/file`));
    assert.equal(await file.sizeBytes(), 11);
    await assert.rejects(file.write(new Uint8Array(1), 0), { code: "disk-failed" });
    file.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
