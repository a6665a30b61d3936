import assert from "node:assert/strict";
import { faultCodes } from "../../../protocol/mod.ts";
import { exitCodeOf } from "../../../roles/client/exit_codes.ts";

Deno.test("exitCodeOf gives every fault a code other than success", () => {
  for (const code of faultCodes) assert([1, 2, 3, 4, 5].includes(exitCodeOf(code)), code);
  const told = ["usage", "not-found", "forbidden", "tracker-unreachable", "internal"] as const;
  assert.deepEqual(told.map(exitCodeOf), [2, 3, 4, 5, 1]);
});
