/** A `RemotePath` has one spelling, and whatever passes the schema is safe to write to any disk. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import * as z from "zod";
import {
  childOf,
  isWithin,
  limits,
  nameOf,
  parentOf,
  pathOf,
  pathProblem,
  RemotePath,
  resolvePath,
  rootPath,
  segmentProblem,
  segmentsOf,
} from "../../protocol/mod.ts";
import { anyPath, anySegment, hostilePath } from "./arbitraries.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text).length;
const isZodError = (error: unknown) => error instanceof z.ZodError;

Deno.test("RemotePath takes absolute paths in any script", () => {
  for (const path of ["/", "/a", "/a/b.txt", "/ ", "/...", "/日本/é", "/e\u0301", "/-rf", "/\n"]) {
    assert.equal(RemotePath.parse(path), path);
  }
});

Deno.test("RemotePath says what is wrong with a bad path", () => {
  const cases: [string, RegExp][] = [
    ["", /begins with a slash/],
    ["a", /begins with a slash/],
    ["//", /empty/],
    ["/a/", /empty/],
    ["/a//b", /empty/],
    ["/.", /"\." is not a name/],
    ["/a/../b", /"\.\." is not a name/],
    ["/a\0b", /NUL/],
    ["/\ud800", /Unicode/],
    ["/" + "x".repeat(256), /256 bytes, more than 255/],
    ["/" + "é".repeat(128), /256 bytes, more than 255/],
    [("/" + "x".repeat(255)).repeat(16) + "/x", /4098 bytes, more than 4096/],
  ];
  for (const [path, expected] of cases) {
    assert.match(pathProblem(path) ?? "nothing wrong", expected, JSON.stringify(path));
    const parsed = RemotePath.safeParse(path);
    assert.equal(parsed.success, false);
    assert.match(parsed.error?.issues[0]?.message ?? "", expected);
  }
});

Deno.test("RemotePath takes names and paths exactly as long as the limits", () => {
  const name = "x".repeat(limits.segmentBytesMax);
  assert.equal(RemotePath.safeParse("/" + name).success, true);
  assert.equal(RemotePath.safeParse("/" + "é".repeat(127)).success, true);
  const longest = ("/" + name).repeat(16);
  assert.equal(bytesOf(longest), limits.pathBytesMax);
  assert.equal(RemotePath.safeParse(longest).success, true);
});

Deno.test("segmentProblem refuses a slash", () => {
  assert.match(segmentProblem("a/b") ?? "", /slash/);
});

Deno.test("RemotePath lets nothing hostile through", () => {
  fc.assert(
    fc.property(hostilePath, (text) => {
      const parsed = RemotePath.safeParse(text);
      if (!parsed.success) return;
      assert.equal(parsed.data, text);
      assert.ok(text.startsWith("/") && bytesOf(text) <= limits.pathBytesMax);
      assert.ok(text.isWellFormed() && !text.includes("\0"));
      for (const segment of segmentsOf(parsed.data)) {
        assert.ok(segment !== "" && segment !== "." && segment !== "..");
        assert.ok(bytesOf(segment) <= limits.segmentBytesMax);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("pathOf undoes segmentsOf, parentOf and nameOf undo childOf", () => {
  fc.assert(fc.property(anyPath, anySegment, (path, name) => {
    assert.equal(pathOf(segmentsOf(path)), path);
    const child = childOf(path, name);
    assert.equal(parentOf(child), path);
    assert.equal(nameOf(child), name);
    assert.ok(isWithin(child, path) && isWithin(path, path) && isWithin(child, rootPath));
    assert.equal(isWithin(path, child), false);
  }));
});

Deno.test("parentOf and nameOf of the root stay at the root", () => {
  assert.equal(parentOf(rootPath), "/");
  assert.equal(nameOf(rootPath), "");
  assert.deepEqual(segmentsOf(rootPath), []);
});

Deno.test("childOf takes several segments and refuses to climb", () => {
  assert.equal(childOf(RemotePath.parse("/a"), "b/c"), "/a/b/c");
  for (const name of ["..", ".", "", "b/../c", "/b"]) {
    assert.throws(() => childOf(RemotePath.parse("/a"), name), isZodError, name);
  }
});

Deno.test("isWithin compares whole segments", () => {
  assert.equal(isWithin(RemotePath.parse("/ab"), RemotePath.parse("/a")), false);
  assert.equal(isWithin(RemotePath.parse("/a/b"), RemotePath.parse("/a")), true);
});

Deno.test("resolvePath reads what a shell's cd would", () => {
  const cases: [string, string, string][] = [
    ["/", "", "/"],
    ["/a/b", ".", "/a/b"],
    ["/a/b", "..", "/a"],
    ["/a/b", "../..", "/"],
    ["/a/b", "../../../..", "/"],
    ["/a/b", "/c", "/c"],
    ["/a/b", "c//d/./", "/a/b/c/d"],
    ["/a/b", "../c", "/a/c"],
    ["/a", "/", "/"],
    ["/a", "...", "/a/..."],
  ];
  for (const [directory, typed, expected] of cases) {
    assert.equal(
      resolvePath(RemotePath.parse(directory), typed),
      expected,
      `${directory} ${typed}`,
    );
  }
  assert.throws(() => resolvePath(rootPath, "a\0"));
});

Deno.test("resolvePath answers a path or throws, and never leaves the root", () => {
  fc.assert(fc.property(anyPath, hostilePath, (directory, typed) => {
    let path;
    try {
      path = resolvePath(directory, typed);
    } catch {
      return;
    }
    assert.equal(pathProblem(path), undefined);
    assert.equal(resolvePath(rootPath, path), path);
  }));
});
