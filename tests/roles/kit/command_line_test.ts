import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../../protocol/mod.ts";
import {
  type CommandRun,
  type CommandSpec,
  environmentNameOf,
  helpOf,
  parseCommandLine,
} from "../../../roles/kit/command_line.ts";

const tree: CommandSpec = {
  name: "offshore",
  summary: "A store.",
  bare: true,
  version: "1.2.3",
  options: [
    { name: "tracker", value: "url", summary: "where it is", environment: true },
    { name: "json", summary: "for programs", environment: true },
    { name: "log-level", value: "level", summary: "how much", choices: ["info", "warn"] },
    { name: "count", value: "n", summary: "how many", default: "7", environment: true },
  ],
  commands: [
    {
      name: "list",
      aliases: ["ls"],
      changes: "nothing",
      summary: "List a directory.",
      group: "Files",
      arguments: [{ name: "path", summary: "what", optional: true, repeated: true }],
      options: [
        { name: "long", short: "l", summary: "one line each" },
        { name: "no-links", short: "n", summary: "without links" },
      ],
      examples: ["ls -l /x"],
    },
    {
      name: "move",
      summary: "Rename.",
      arguments: [{ name: "from", summary: "this" }, { name: "to", summary: "that" }],
    },
  ],
};

function run(words: string[], environment = {}): CommandRun {
  const parsed = parseCommandLine(tree, words, environment);
  assert(parsed.kind === "run");
  return parsed;
}

function print(words: string[]): string {
  const parsed = parseCommandLine(tree, words);
  assert(parsed.kind === "print");
  return parsed.text;
}

function faultOf(work: () => unknown): Fault {
  try {
    work();
  } catch (error) {
    assert(error instanceof Fault);
    return error;
  }
  throw new Error("nothing was thrown");
}

Deno.test("parseCommandLine resolves aliases, options and arguments", () => {
  const list = run(["ls", "-l", "/a", "b c", "--tracker", "http://x:1"]);
  assert.deepEqual(list.path, ["list"]);
  assert.deepEqual(list.words("path"), ["/a", "b c"]);
  assert.equal(list.isSet("long"), true);
  assert.equal(list.isSet("json"), false);
  assert.equal(list.text("tracker"), "http://x:1");
  assert.equal(list.source("tracker"), "--tracker");
  assert.equal(list.isSet("no-links"), false);
  assert.equal(run(["ls", "-ln"]).isSet("no-links"), true);
  assert.equal(run(["ls", "--no-links"]).isSet("no-links"), true);
  assert.equal(list.called, "ls");
  assert.equal(run(["--json", "list", "ls"]).called, "list");
  assert.equal(run(["--tracker", "http://x:1", "ls", "list"]).called, "ls");
  const move = run(["move", "a", "b"]);
  assert.equal(move.word("from"), "a");
  assert.equal(move.word("to"), "b");
});

Deno.test("parseCommandLine runs a bare root, and prints help for one that is not bare", () => {
  const bare = run(["--json", "--log-level", "warn"]);
  assert.deepEqual([bare.path, bare.called], [[], ""]);
  assert.equal(bare.isSet("json"), true);
  assert.equal(bare.text("log-level"), "warn");
  const parsed = parseCommandLine({ ...tree, bare: false }, []);
  assert(parsed.kind === "print");
  assert.match(parsed.text, /List a directory/);
});

Deno.test("parseCommandLine takes the environment, then the default", () => {
  assert.equal(environmentNameOf("login-code-file"), "OFFSHORE_LOGIN_CODE_FILE");
  const environment = { OFFSHORE_TRACKER: "http://e:1", OFFSHORE_JSON: "yes" };
  assert.equal(run(["ls"], environment).text("tracker"), "http://e:1");
  assert.equal(run(["ls"], environment).isSet("json"), true);
  assert.equal(run(["ls", "--tracker", "http://l:1"], environment).text("tracker"), "http://l:1");
  assert.equal(run(["ls"]).text("count"), "7");
  assert.equal(run(["ls"]).source("count"), "default");
  assert.equal(run(["ls"], { OFFSHORE_COUNT: "8" }).text("count"), "8");
  assert.equal(faultOf(() => run(["ls"], { OFFSHORE_JSON: "maybe" })).code, "config-invalid");
});

Deno.test("parseCommandLine answers mistakes with usage faults that say what to type", () => {
  const cases: [string[], RegExp, RegExp][] = [
    [["lst"], /unknown command 'lst'/, /did you mean list/],
    [["ls", "--lnog"], /unknown option '--lnog'/, /did you mean --long/],
    [["move", "a"], /missing required argument 'to'/, /offshore move --help/],
    [["move", "a", "b", "c"], /too many arguments/, /offshore move --help/],
    [["ls", "--tracker"], /argument missing/, /offshore list --help/],
    [["ls", "--log-level", "loud"], /invalid/, /list --help/],
  ];
  for (const [words, message, next] of cases) {
    const fault = faultOf(() => parseCommandLine(tree, words));
    assert.equal(fault.code, "usage");
    assert.match(fault.message, message);
    assert.match(fault.next, next);
    assert.doesNotMatch(fault.message, /^error:|\n/);
  }
});

Deno.test("parseCommandLine prints help at every level, and the version", () => {
  assert.equal(print(["--version"]), "1.2.3\n");
  const root = print(["--help"]);
  assert.match(root, /Usage: offshore \[options\] \[COMMAND\]/);
  assert.match(root, /Files:\n {2}list, ls +List a directory/);
  assert.match(root, /OFFSHORE_COUNT, default: 7/);
  const list = print(["ls", "--help"]);
  assert.match(list, /Usage: offshore list\|ls \[options\] \[PATH\.\.\.\]/);
  assert.match(list, /Examples:\n {2}ls -l \/x/);
  assert.equal(helpOf(tree, ["list"]), list);
  assert.equal(faultOf(() => helpOf(tree, ["nothing"])).code, "usage");
});

Deno.test("parseCommandLine hands words on unread where the spec says so", () => {
  const outer: CommandSpec = {
    name: "offshore",
    summary: "A store.",
    passThrough: true,
    options: [{ name: "role", value: "role", summary: "which" }],
    arguments: [{ name: "rest", summary: "for the role", optional: true, repeated: true }],
  };
  const parsed = parseCommandLine(outer, ["--role", "client", "--tracker", "x", "ls", "--role"]);
  assert(parsed.kind === "run");
  assert.equal(parsed.text("role"), "client");
  assert.deepEqual(parsed.words("rest"), ["--tracker", "x", "ls", "--role"]);
});

Deno.test("parseCommandLine keeps nothing between lines and survives any words", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (words) => {
      try {
        parseCommandLine(tree, words);
      } catch (error) {
        assert(error instanceof Fault, String(error));
      }
      assert.equal(run(["ls"]).isSet("long"), false);
      assert.deepEqual(run(["ls"]).words("path"), []);
    }),
    { numRuns: 60 },
  );
});
