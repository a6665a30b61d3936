import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import { faultLines } from "../../../roles/kit/telling.ts";

Deno.test("faultLines says what happened, why, and what to type next, and no causes", () => {
  const cause = new Error("EACCES: 13");
  const fault = new Fault("disk-unusable", "/disk cannot be written", { cause, next: "chown it" });
  assert.equal(
    faultLines("offshore", fault),
    "offshore: /disk cannot be written\n  next: chown it\n",
  );
});
