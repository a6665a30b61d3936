/**
 * The house rules, held against every TypeScript file of the repository; and each rule held against
 * a sample that breaks it, so that a rule that stopped biting is noticed.
 */
import assert from "node:assert/strict";
import { sourceFiles } from "./source_files.ts";
import { doors, entrances, excuseFor, forms, testedElsewhere } from "./excuses.ts";
import {
  columnsMax,
  complaintsAbout,
  importsOf,
  linesMax,
  unimported,
  untested,
  withoutComments,
} from "./tidy_rules.ts";

Deno.test("tidy: every file keeps the house rules", async () => {
  const files = await sourceFiles();
  assert.ok(files.size > 50, "the files were found");
  const complaints = [...files].flatMap(([file, text]) =>
    complaintsAbout(file, text, file in doors)
  );
  const told = complaints.filter(({ file, rule }) => forms[file]?.rule !== rule).map((
    { file, line, rule, message },
  ) => `${file}:${line} ${rule}: ${message}`);
  assert.deepEqual(told, []);
});

Deno.test("tidy: every source file is imported by another", async () => {
  const files = await sourceFiles();
  assert.deepEqual(unimported(files).filter((file) => !(file in entrances)), []);
});

Deno.test("tidy: every source file has a test of its name, or a reason why not", async () => {
  const files = await sourceFiles();
  assert.deepEqual(untested(files).filter((file) => excuseFor(file) === undefined), []);
});

Deno.test("tidy: every excuse is still needed and gives its reason", async () => {
  const files = await sourceFiles();
  const alone = unimported(files), bare = untested(files);
  const stale = [
    ...Object.entries(forms).filter(([file, { rule }]) =>
      !complaintsAbout(file, files.get(file) ?? "", false).some((one) => one.rule === rule)
    ).map(([file]) => file),
    ...Object.keys(doors).filter((file) =>
      complaintsAbout(file, files.get(file) ?? "", false).every(({ rule }) => rule === "header")
    ),
    ...Object.keys(entrances).filter((file) => !alone.includes(file)),
    ...Object.keys(testedElsewhere).filter((place) =>
      !bare.some((file) => file === place || file.slice(0, file.lastIndexOf("/") + 1) === place)
    ),
  ];
  assert.deepEqual(stale, []);
  for (const list of [doors, entrances, testedElsewhere]) {
    for (const [file, reason] of Object.entries(list)) {
      assert.ok(reason.length > 10, file);
      const named = /\btests\/\S+/.exec(reason)?.[0];
      if (named !== undefined) assert.ok(files.has(named), `${file}: ${named} is there`);
    }
  }
});

const header = "/** A sample. */\n";

/** The rules that complain about a sample in the tracker. */
function rulesAgainst(code: string, file = "roles/tracker/sample.ts", isDoor = false): string[] {
  return complaintsAbout(file, header + code, isDoor).map(({ rule }) => rule);
}

const badSamples: [string, string[]][] = [
  ["time", ["const t = Date.now();", "new Date()", "performance.now()"]],
  ["timers", ["setTimeout(f, 1);", "setInterval(f, 1)", "setImmediate(f)"]],
  ["deadlines", ["AbortSignal.timeout(5)"]],
  ["dice", ["Math.random()", "crypto.getRandomValues(b)", "crypto.randomUUID()", "randomBytes(9)"]],
  ["subtle", ["await crypto.subtle.digest(a, b)", "const { subtle } = c; subtle.digest(a)"]],
  ["fetch", ["await fetch(url)", "globalThis.fetch"]],
  ["files", ["Deno.readFile(p)", 'import { open } from "node:fs/promises";', "Deno.env.get(x)"]],
  ["console", ["console.log(1)", "console.error(2)"]],
  ["any", ["(x as " + "any).y", "let x: " + "any;", "f<" + "any>()"]],
  ["ignore", ["// @ts-" + "ignore", "// deno-lint-" + "ignore no-explicit-any"]],
  ["leftover", ["// TO" + "DO: later", "/* FIX" + "ME */", "const a = 1; // HA" + "CK"]],
  ["only", ["Deno.test." + "only(f)", "Deno.test({ igno" + "re: true, fn })"]],
  ["zod", ['import { z } from "zo' + 'd";', 'import z from "zo' + 'd";']],
  ["width", [`const a = "${"x".repeat(columnsMax)}";`]],
  ["length", ["a;\n".repeat(linesMax)]],
  ["arrows", [
    'import { a } from "../seeder/mod.ts";',
    'export * from "../client/mod.ts";',
    'await import("../client/mod.ts")',
  ]],
];

for (const [rule, samples] of badSamples) {
  Deno.test(`tidy: the rule "${rule}" complains about what it forbids`, () => {
    for (const sample of samples) {
      assert.ok(rulesAgainst(sample).includes(rule), sample);
    }
  });
}

Deno.test("tidy: an ordinary file draws no complaint", () => {
  const code = `import { limits } from "../../protocol/mod.ts";
// Date.now() and fetch() are named in prose only, and Math.random() too.
export async function ask(clock: Clock, app: App): Promise<number> {
  await app.fetch(request);
  await prefetch(clock);
  const many: Company = anything("see: any, console.log");
  return clock.now() - Date.parse("2026-01-01") + limits.leaveLifeMs;
}
`;
  assert.deepEqual(rulesAgainst(code), []);
});

Deno.test("tidy: doors, tests and scripts may reach the system, roles may not", () => {
  const code = "const now = Date.now(); await Deno.readFile(p);";
  assert.deepEqual(rulesAgainst(code), ["time", "files"]);
  assert.deepEqual(rulesAgainst(code, "roles/kit/clock.ts", true), []);
  assert.deepEqual(rulesAgainst(code, "tests/roles/kit/clock_test.ts"), []);
  assert.deepEqual(rulesAgainst(code, "main.ts"), []);
});

Deno.test("tidy: a file without a header, or with an empty name, draws a complaint", () => {
  const rules = (file: string, text: string) =>
    complaintsAbout(file, text, false).map((c) => c.rule);
  assert.deepEqual(rules("roles/kit/a.ts", "const a = 1;\n"), ["header"]);
  assert.deepEqual(rules("main.ts", "#!/usr/bin/env deno\n/** Starts. */\n"), []);
  for (const name of ["utils.ts", "string_utils.ts", "helpers.ts", "common.ts", "utils_test.ts"]) {
    assert.deepEqual(rules(`roles/kit/${name}`, header), ["name"], name);
  }
});

Deno.test("tidy: a plan may import the protocol and other plans, and nothing else", () => {
  const rules = (source: string) =>
    rulesAgainst(`import { a } from "${source}";`, "roles/tracker/plan/repair.ts");
  assert.deepEqual(rules("../../../protocol/mod.ts"), []);
  assert.deepEqual(rules("./view.ts"), []);
  for (const source of ["../roster.ts", "../../kit/clock.ts", "node:crypto"]) {
    assert.deepEqual(rules(source), ["arrows"], source);
  }
});

Deno.test("withoutComments blanks comments, keeps strings and every line", () => {
  const text = 'a; // b "c"\nconst u = "http://x"; /* d\n e */ f(`//g`);\n';
  assert.equal(
    withoutComments(text),
    'a;         \nconst u = "http://x";     \n      f(`//g`);\n',
  );
});

Deno.test("importsOf finds long imports, re-exports, dynamic ones and workers", () => {
  const text = `import a from "./a.ts";
import {
  b,
  type C,
} from "./b.ts";
export * from "./d.ts";
import "./e.ts";
// import "./f.ts";
await import("./g.ts");
new Worker(new URL("./h.ts", import.meta.url));
`;
  const found = importsOf(text).map(({ source, line }) => `${source} ${line}`);
  assert.deepEqual(found, [
    "./a.ts 1",
    "./b.ts 5",
    "./d.ts 6",
    "./e.ts 7",
    "./g.ts 9",
    "./h.ts 10",
  ]);
});

Deno.test("unimported names a source file that only tests import", () => {
  const files = new Map([
    ["main.ts", 'import "./roles/kit/used.ts";'],
    ["roles/kit/used.ts", 'import "./used.ts";'],
    ["roles/kit/lonely.ts", ""],
    ["tests/roles/kit/lonely_test.ts", 'import "../../../roles/kit/lonely.ts";'],
  ]);
  assert.deepEqual(unimported(files), ["roles/kit/lonely.ts"]);
});

Deno.test("untested names a source file without a test of its name", () => {
  const files = new Map([
    "roles/kit/bare.ts",
    "roles/kit/good.ts",
    "protocol/trust.ts",
    "roles/seeder/store/chunk_store.ts",
    "tests/roles/kit/good_test.ts",
    "tests/protocol/trust_codes_test.ts",
    "tests/conformance/chunk_store_test.ts",
    "tests/protocol/bare_test.ts",
  ].map((file) => [file, ""]));
  assert.deepEqual(untested(files), ["roles/kit/bare.ts"]);
});
