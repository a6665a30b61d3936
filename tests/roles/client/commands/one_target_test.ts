import assert from "node:assert/strict";
import { refuseOneTarget } from "../../../../roles/client/commands/one_target.ts";

Deno.test("refuseOneTarget names the two sources, and takes any number of others", () => {
  refuseOneTarget([]);
  refuseOneTarget([{ from: "a/x", to: "/x" }, { from: "a/y", to: "/y" }]);
  assert.throws(
    () =>
      refuseOneTarget(
        ["a/x", "b/y", "c/x"].map((from) => ({ from, to: from.slice(1) })),
      ),
    { code: "usage", message: /^a\/x and c\/x would both become \/x/ },
  );
});
