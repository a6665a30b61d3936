import assert from "node:assert/strict";
import fc from "fast-check";
import { limits, segmentProblem } from "../../../../protocol/mod.ts";
import { adoptedName } from "../../../../roles/tracker/plan/adopt.ts";

Deno.test("adoptedName puts the seeder's name before the extension, then counts", () => {
  const names = [0, 1, 2, 3].map((attempt) => adoptedName("film.mp4", "file", "seeder-2", attempt));
  assert.deepEqual(names, [
    "film.mp4",
    "film (seeder-2).mp4",
    "film (seeder-2) 2.mp4",
    "film (seeder-2) 3.mp4",
  ]);
});

Deno.test("adoptedName leaves hidden files, long endings and folders whole", () => {
  const of = (name: string, kind: "file" | "directory" = "file") => adoptedName(name, kind, "s", 1);
  assert.equal(of(".bashrc"), ".bashrc (s)");
  assert.equal(of("README"), "README (s)");
  assert.equal(of("a.tar.gz"), "a.tar (s).gz");
  assert.equal(of("see v1. and then all of it"), "see v1. and then all of it (s)");
  assert.equal(of("photos.2024", "directory"), "photos.2024 (s)");
});

Deno.test("adoptedName makes valid names, all different, from any valid name", () => {
  const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 255 })
    .filter((text) => segmentProblem(text) === undefined);
  const seeder = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/);
  fc.assert(fc.property(name, seeder, fc.constantFrom("file", "directory"), (text, by, kind) => {
    const tried = Array.from({ length: 12 }, (_, i) => adoptedName(text, kind, by, i));
    for (const one of tried) assert.equal(segmentProblem(one), undefined, one);
    assert.equal(new Set(tried).size, tried.length);
  }));
  const long = adoptedName(`${"é".repeat(125)}.jpeg`, "file", "seeder-1", 12);
  assert.ok(new TextEncoder().encode(long).length <= limits.segmentBytesMax);
  assert.match(long, /^é+ \(seeder-1\) 12\.jpeg$/);
});
