import assert from "node:assert/strict";
import { helpAbout } from "../../../roles/client/program_help.ts";
import { programSpec, shellSpec } from "../../../roles/client/settings.ts";

Deno.test("helpAbout knows commands and what the program does besides, inside and outside", async () => {
  for (const root of [programSpec, shellSpec]) {
    for (const word of ["up", "serve", "health"]) {
      assert.match(await helpAbout(root, [word], 80), new RegExp(`^Usage: offshore ${word} `));
    }
    assert.match(await helpAbout(root, ["mv"], 80), /^Usage: (offshore )?mv /);
    assert.match(await helpAbout(root, [], 80), /put, upload/);
    for (const word of ["tracker", "seeder", "nothing"]) {
      await assert.rejects(helpAbout(root, [word], 80), { code: "usage" });
    }
  }
});
