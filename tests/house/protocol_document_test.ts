/** `docs/PROTOCOL.md` says what `protocol/` does: its tables are those generated from the code. */
import assert from "node:assert/strict";
import { documentUrl, withTables } from "../../docs/generate_protocol.ts";
import { faultCodes, seederRoutes, trackerRoutes } from "../../protocol/mod.ts";

Deno.test("PROTOCOL.md is current", async () => {
  const document = await Deno.readTextFile(documentUrl);
  assert.equal(document, withTables(document), "PROTOCOL.md is behind: run deno task docs");
});

Deno.test("PROTOCOL.md names every route and every fault", async () => {
  const document = await Deno.readTextFile(documentUrl);
  for (const table of [trackerRoutes, seederRoutes]) {
    for (const route of Object.values(table)) {
      assert.ok(document.includes(`\`${route.method} ${route.path}\``), route.path);
    }
  }
  for (const code of faultCodes) assert.ok(document.includes(`\`${code}\``), code);
});

Deno.test("withTables writes over what stands between the markers, and misses none", () => {
  const names = ["tracker routes", "seeder routes", "faults", "limits"];
  const empty = names.map((name) => `<!-- begin ${name} -->STALE<!-- end ${name} -->`).join("\n");
  const once = withTables(empty);
  assert.ok(!once.includes("STALE"));
  assert.equal(withTables(once), once);
  assert.throws(() => withTables(empty.replace("begin faults", "")), /"faults"/);
});
