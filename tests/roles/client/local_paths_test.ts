import assert from "node:assert/strict";
import fc from "fast-check";
import {
  expandHome,
  localChildOf,
  localNameOf,
  localParentOf,
  resolveLocal,
} from "../../../roles/client/local_paths.ts";

Deno.test("resolveLocal makes typed paths absolute and plain", () => {
  const cases: [string, string, string][] = [
    ["/home", "a", "/home/a"],
    ["/home", "/a//b/", "/a/b"],
    ["/home", "../../..", "/"],
    ["/home", ".", "/home"],
    ["/", "a/./b/../c", "/a/c"],
  ];
  for (const [directory, typed, path] of cases) assert.equal(resolveLocal(directory, typed), path);
});

Deno.test("resolveLocal answers a path that it leaves alone", () => {
  const path = fc.string({ unit: fc.constantFrom(..."a./") });
  fc.assert(fc.property(path, path, (directory, typed) => {
    const resolved = resolveLocal(`/${directory}`, typed);
    assert.equal(resolveLocal("/elsewhere", resolved), resolved);
    assert.equal(
      localNameOf(resolved) === ""
        ? "/"
        : localChildOf(localParentOf(resolved), localNameOf(resolved)),
      resolved,
    );
  }));
});

Deno.test("expandHome replaces a leading tilde only", () => {
  assert.deepEqual(["~", "~/a", "~a", "a/~"].map((typed) => expandHome(typed, "/h")), [
    "/h",
    "/h/a",
    "~a",
    "a/~",
  ]);
  assert.equal(expandHome("~", undefined), "~");
});
