/** How long an announced absence may be, as people type it. */
import assert from "node:assert/strict";
import { durationOf } from "../../../../roles/client/commands/care.ts";

Deno.test("durationOf reads a number and a unit, and refuses everything else", () => {
  assert.equal(durationOf("30m"), 1_800_000);
  assert.equal(durationOf("2h"), 7_200_000);
  assert.equal(durationOf("45s"), 45_000);
  assert.equal(durationOf("30d"), 30 * 86_400_000);
  for (const word of ["", "0m", "30", "m", "-5m", "31d", "1.5h", "30 m", "9999999s"]) {
    assert.throws(() => durationOf(word), /is no duration/, word);
  }
});
