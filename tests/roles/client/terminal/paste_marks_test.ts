import assert from "node:assert/strict";
import fc from "fast-check";
import { PasteMarks } from "../../../../roles/client/terminal/paste_marks.ts";

Deno.test("PasteMarks replaces the marks of a paste however the bytes are cut, and nothing else", () => {
  const text = "ls\r\x1b[200~cd /x\rrm y\x1b[201~\x1b[D\x1b[2~\x1b\x1b[A\x1b[20~z";
  const expected = "ls\r\x1ccd /x\rrm y\x1d\x1b[D\x1b[2~\x1b\x1b[A\x1b[20~z";
  fc.assert(fc.property(fc.array(fc.nat(text.length)), (cuts) => {
    const marks = new PasteMarks();
    // Between the first two characters no key can be held back, for Escape is one of its own.
    const apart = cuts.filter((cut) =>
      !["\x1b", "\x1b["].some((part) => text.slice(0, cut).endsWith(part))
    );
    const ends = [...apart.toSorted((a, b) => a - b), text.length];
    const parts = ends.map((end, i) => marks.take(text.slice(ends[i - 1] ?? 0, end)));
    assert.equal(parts.join(""), expected);
  }));
  // A key alone never waits for another.
  assert.equal(new PasteMarks().take("\x1b"), "\x1b");
  assert.equal(new PasteMarks().take("\x1b["), "\x1b[");
  assert.equal(new PasteMarks().take("a\x1cb\x1d"), "ab");
});
