import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../../../protocol/mod.ts";
import { quoteWord, splitLine, wordsOf } from "../../../../roles/client/terminal/words.ts";

Deno.test("wordsOf undoes quotes and escapes like a shell", () => {
  const cases: [string, string[]][] = [
    ["", []],
    ["  ls   -l\t/x ", ["ls", "-l", "/x"]],
    [`put 'a b' "c d" e\\ f`, ["put", "a b", "c d", "e f"]],
    [`a"b"'c'd`, ["abcd"]],
    [`"" ''`, ["", ""]],
    [`"a\\"b\\\\c\\d"`, ['a"b\\c\\d']],
    [`'a\\'`, ["a\\"]],
    ["ls # all of it", ["ls"]],
    ["# nothing", []],
    ["a#b '#c' \\#d", ["a#b", "#c", "#d"]],
    ["'*.txt' $HOME \\| \"a;b\" x]}", ["*.txt", "$HOME", "|", "a;b", "x]}"]],
    ["ls # a | b > *", ["ls"]],
  ];
  for (const [line, words] of cases) assert.deepEqual(wordsOf(line), words, line);
});

Deno.test("wordsOf refuses an open quote and a dangling backslash", () => {
  for (const line of ["put 'a b", 'put "a', "put a\\", `put "a\\`]) {
    assert.throws(() => wordsOf(line), (error) => error instanceof Fault && error.code === "usage");
  }
});

Deno.test("wordsOf refuses what would mean more than words elsewhere, and says what to type", () => {
  const cases: [string, string][] = [
    ["rm -r --now /ja && ls /jb", "&&"],
    ["mkdir a || pwd", "||"],
    ["cd /x;ls", ";"],
    ["ls|wc", "|"],
    ["cat a>b", ">"],
    ["cat <b", "<"],
    ["put a &", "&"],
    ["rm *.txt", "*"],
    ["rm a?", "?"],
    ["rm a[0-9]", "["],
    ["mkdir a{b,c}", "{"],
    [`rm "a"*'b'`, "*"],
    ["rm 'a b' c\\ *", "*"],
    ["echo 'open && ", "'"],
  ];
  for (const [line, special] of cases) {
    assert.throws(
      () => wordsOf(line),
      (error) =>
        error instanceof Fault && error.code === "usage" && error.message.includes(special),
      line,
    );
  }
  assert.throws(() => wordsOf("rm 'a b'*"), { next: /where a name holds it: 'a b\*'$/ });
});

Deno.test("splitLine tells where each word stands", () => {
  assert.deepEqual(splitLine("get  'a b"), {
    words: [{ text: "get", start: 0, end: 3 }, { text: "a b", start: 5, end: 9 }],
    open: "'",
    special: undefined,
  });
});

Deno.test("quoteWord is undone by wordsOf, in every kind of quote", () => {
  const open = fc.constantFrom(undefined, "'" as const, '"' as const);
  fc.assert(fc.property(fc.array(fc.tuple(fc.string({ unit: "binary" }), open)), (parts) => {
    const line = parts.map(([text, quote]) => quoteWord(text, quote)).join(" ");
    assert.deepEqual(wordsOf(line), parts.map(([text]) => text));
  }));
});

Deno.test("splitLine keeps words apart and inside the line, whatever is typed", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."ab '\"\\#\t&|;*{") }), (line) => {
    let last = 0;
    for (const word of splitLine(line).words) {
      assert(word.start >= last && word.end > word.start && word.end <= line.length);
      last = word.end;
    }
  }));
});
