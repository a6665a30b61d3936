import assert from "node:assert/strict";
import fc from "fast-check";
import { justBefore, planCompletion } from "../../../../roles/client/terminal/completion.ts";
import { FakeTerminal, openClientWorld } from "../client_world.ts";

Deno.test("Tab completes commands, options, remote and local paths", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "-p", "/photos/2025", "/photos/2026", "/my stuff"]);
  await Deno.mkdir(`${world.local}/papers`);
  await Deno.writeTextFile(`${world.local}/pa'per.txt`, "");
  const wanted: [string, string[]][] = [
    ["jo", ["join-code "]],
    ["ls --l", ["--long "]],
    ["ls /ph", ["/photos/"]],
    ["cd photos/202", ["photos/2025/", "photos/2026/"]],
    ["cd my", ["my\\ stuff/"]],
    ['cd "my', ['"my stuff/']],
    ["put pap", ["papers/"]],
    ["put pa", ["pa\\'per.txt ", "papers/"]],
    ["put x ph", ["photos/"]],
    ["pwd x", []],
    ["nothing x", []],
  ];
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: async (parts) => {
      for (const [line, candidates] of wanted) {
        const completion = await parts.complete(line);
        assert.deepEqual(completion.candidates, candidates, line);
        assert(line.endsWith(completion.typed));
      }
      return undefined;
    },
  });
  assert.equal((await world.run([], terminal)).code, 0, terminal.error);
});

Deno.test("Tab offers of many names what they have in common, and cuts none silently", async () => {
  await using world = await openClientWorld();
  const many = Array.from({ length: 1200 }, (_, i) => `/wide/img-${i}`);
  await world.run(["mkdir", "-p", "/wide/imgs", ...many]);
  await Deno.mkdir(`${world.local}/wide`);
  for (let i = 0; i < 210; i++) await Deno.writeTextFile(`${world.local}/wide/it's-${i}`, "");
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: async (parts) => {
      const offered = async (line: string) => {
        const { candidates, note } = await parts.complete(line);
        return note ?? candidates;
      };
      assert.deepEqual(await offered("ls /wide/i"), ["/wide/img"]);
      assert.deepEqual(await offered("ls '/wide/i"), ["'/wide/img"]);
      assert.deepEqual(await offered("ls /wide/img"), "1201 names begin so: type more of it");
      assert.deepEqual(await offered("ls /wide/imgs"), ["/wide/imgs/"]);
      assert.equal((await offered("ls /wide/img-11")).length, 111);
      assert.deepEqual(await offered("put wide/"), ["wide/it\\'s-"]);
      assert.deepEqual(await offered("put wide/it\\'s-"), "210 names begin so: type more of it");
      return undefined;
    },
  });
  assert.equal((await world.run([], terminal)).code, 0, terminal.error);
});

Deno.test("Tab offers no name that would be read as an id", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "./@facade", "@types", "./@12"]);
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: async (parts) => {
      assert.deepEqual((await parts.complete("ls @")).candidates, ["@types/"]);
      const { candidates } = await parts.complete("ls ./@");
      assert.deepEqual(candidates, ["./@12/", "./@facade/", "./@types/"]);
      return undefined;
    },
  });
  assert.equal((await world.run([], terminal)).code, 0, terminal.error);
});

Deno.test("planCompletion tells what the end of a line stands for", () => {
  const cases: [string, string, string][] = [
    ["", "command", ""],
    ["l", "command", "l"],
    ["ls ", "remote", ""],
    ["ls -l /a", "remote", "/a"],
    ["ls --lo", "option", "--lo"],
    ["put ", "local", ""],
    ["put 'a b", "local", "a b"],
    ["put a b", "remote", "b"],
    ["get a ", "local", ""],
    ["help c", "command", "c"],
    ["exit ", "nothing", ""],
    ["unknown x", "nothing", "x"],
  ];
  for (const [line, what, word] of cases) {
    const plan = planCompletion(line);
    assert.deepEqual([plan.what, plan.word], [what, word], line);
  }
});

Deno.test("planCompletion answers any line, and what it replaces is its end", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."ls get'\"\\ -/#") }), (line) => {
    assert(line.endsWith(planCompletion(line).typed));
  }));
});

Deno.test("justBefore sorts before every name with the prefix, in order of UTF-8 bytes", () => {
  const compare = (a: string, b: string) => {
    const [x, y] = [a, b].map((text) => new TextEncoder().encode(text).toHex());
    return x === y ? 0 : (x ?? "") < (y ?? "") ? -1 : 1;
  };
  const prefix = fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 });
  fc.assert(fc.property(prefix, fc.string({ unit: "grapheme" }), (begin, rest) => {
    const before = justBefore(begin);
    if (before !== undefined) assert(compare(before, begin + rest) < 0);
  }));
  assert.equal(justBefore(""), undefined);
});
