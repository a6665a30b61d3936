/** What the system's shell does for the program; in the executable: tests/executable. */
import assert from "node:assert/strict";
import { textOfBytes } from "../../../roles/kit/foreign_names.ts";
import {
  kindThroughShell,
  namesThroughShell,
  readThroughShell,
} from "../../../roles/kit/shell_door.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";

Deno.test("the shell tells kinds, bytes of names, and what has no size", async () => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-door-" });
  try {
    const odd = `${folder}/a'b "c" $(d) -e`;
    await Deno.writeTextFile(odd, "text");
    await Deno.symlink("none", `${folder}/link`);
    await new Deno.Command("sh", {
      args: [
        "-c",
        `cd "$1" && : >"$(printf 'caf\\351')" && : >"$(printf 'caf\\350')"`,
        "sh",
        folder,
      ],
    }).output();
    await Deno.writeTextFile(`${folder}/caf\ufffd`, "");
    assert.equal(await kindThroughShell(odd), "file");
    assert.equal(await kindThroughShell(folder), "directory");
    assert.equal(await kindThroughShell(`${folder}/link`), "link");
    assert.equal(await kindThroughShell("/dev/null"), "other");
    assert.equal(await kindThroughShell(`${folder}/none`), undefined);
    assert.equal(await new Response(readThroughShell(odd)).text(), "text");
    const version = await new Response(readThroughShell("/proc/version")).text();
    assert.equal(version, await Deno.readTextFile("/proc/version"));
    const names = (await namesThroughShell(folder)).map(textOfBytes);
    for (const name of ["caf\udce9", "caf\udce8", "caf\ufffd", "link"]) {
      assert.ok(names.includes(name), name);
    }
    assert.deepEqual(await namesThroughShell(`${folder}/none`), []);

    const disk = systemDisk();
    const listed = (await disk.list(folder)).map(({ name }) => name).sort();
    assert.deepEqual(listed, ['a\'b "c" $(d) -e', "caf\udce8", "caf\udce9", "caf\ufffd", "link"]);
    for (const name of ["caf\udce8", "caf\udc00"]) {
      for (
        const call of [
          disk.stat(`${folder}/${name}`),
          disk.open(`${folder}/${name}`, "read"),
          disk.rename(`${folder}/link`, `${folder}/${name}`),
          disk.makeLink(`${folder}/new`, name),
          disk.list(`${folder}/${name}`),
        ]
      ) await assert.rejects(call, { code: "invalid-name", message: /not valid UTF-8/ });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
