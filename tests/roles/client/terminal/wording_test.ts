import assert from "node:assert/strict";
import fc from "fast-check";
import {
  count,
  durationText,
  modeText,
  sizeText,
  timeText,
  visible,
  visibleLines,
} from "../../../../roles/client/terminal/wording.ts";

Deno.test("visible makes whatever steers a terminal readable, and leaves names alone", () => {
  assert.equal(visible("a\x1b[31mred\x07\n"), "a\\e[31mred\\x07\\n");
  assert.equal(visible("a\u202etxt.exe"), "a\\u{202e}txt.exe");
  assert.equal(visible("\ud800x"), "\\u{d800}x");
  assert.equal(visible("caf\udce9 \udc00"), "caf\\xe9 \\x??");
  assert.equal(visible("\x9b2J"), "\\x9b2J");
  assert.equal(visible("Größe 漢字 👩‍👩‍👧.txt"), "Größe 漢字 👩‍👩‍👧.txt");
  assert.equal(visibleLines("a\tb\n\x00c\r\n"), "a\tb\n\\x00c\\r\n");
});

Deno.test("visible leaves no control character in any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(visible(text), /[\p{Cc}\p{Cs}]/u);
    assert.doesNotMatch(visibleLines(text).replace(/[\n\t]/g, ""), /[\p{Cc}\p{Cs}]/u);
  }));
});

Deno.test("sizes, times, modes and counts read as people write them", () => {
  assert.equal(sizeText(0), "0 B");
  assert.equal(sizeText(1536), "1.5 KiB");
  assert.deepEqual([400, 12_000, 185_000, 7_800_000, 273_600_000].map(durationText), [
    "0.4 s",
    "12 s",
    "3 min 05 s",
    "2 h 10 min",
    "3 d 4 h",
  ]);
  assert.equal(modeText("directory", 0o755), "drwxr-xr-x");
  assert.equal(modeText("link", 0o777), "lrwxrwxrwx");
  assert.equal(modeText("file", 0o7755), "-rwsr-sr-t");
  assert.equal(modeText("file", 0o7644), "-rwSr-Sr-T");
  assert.equal(modeText("directory", 0o1777), "drwxrwxrwt");
  assert.equal(modeText("file", 0o2640), "-rw-r-S---");
  assert.match(timeText(0), /^(1970-01-01|1969-12-31) \d\d:\d\d$/);
  assert.equal(timeText(Number.MAX_SAFE_INTEGER), "?");
  assert.deepEqual([count(1, "file"), count(0, "file")], ["1 file", "0 files"]);
});
