/**
 * docs/PROMISES.md names tests; each must be there, in the file it is said to be in. A promise
 * without a test that exists is no promise.
 */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

/** File to names of tests, of every row of the document. */
function namedIn(document: string): [string, string][] {
  const found: [string, string][] = [];
  for (const row of document.split("\n").filter((line) => line.startsWith("|"))) {
    let file = "";
    for (const [, path, name] of row.matchAll(/`(tests\/[\w/]+_test\.ts)`|"([^"]+)"/g)) {
      if (path !== undefined) file = path;
      else if (name !== undefined) found.push([file, name]);
    }
  }
  return found;
}

/** The names a test file gives its tests; a name with values in it matches any value. */
function testsOf(text: string): RegExp[] {
  const calls = text.matchAll(/\b(?:Deno\.test|labTest)\(\s*(?:"([^"]+)"|`([^`]+)`)/g);
  return [...calls].map(([, plain, template]) => {
    const parts = (plain ?? template ?? "").split(/\$\{(?:[^{}]|\{[^}]*\})*\}/);
    return new RegExp(`^${parts.map((part) => RegExp.escape(part)).join(".+")}$`);
  });
}

async function missing(named: readonly [string, string][]): Promise<string[]> {
  const absent: string[] = [];
  for (const [file, name] of named) {
    const text = await Deno.readTextFile(new URL(file, root)).catch(() => "");
    if (!testsOf(text).some((test) => test.test(name))) absent.push(`${file}: ${name}`);
  }
  return absent;
}

Deno.test("every test that PROMISES.md names is there", async () => {
  const document = await Deno.readTextFile(new URL("docs/PROMISES.md", root));
  const named = namedIn(document);
  assert.deepEqual(await missing(named), []);
  for (let promise = 1; promise <= 18; promise++) {
    const row = document.split("\n").find((line) => line.startsWith(`| ${promise}. `)) ?? "";
    assert(namedIn(row).length > 0, `promise ${promise} names a test`);
  }
});

Deno.test("every test that THREATS.md names is there", async () => {
  const named = namedIn(await Deno.readTextFile(new URL("docs/THREATS.md", root)));
  assert(named.length > 20, "its tables were read");
  assert.deepEqual(await missing(named), []);
});

Deno.test("PROMISES.md is found wanting when it names a test that is not there", async () => {
  const here = "tests/house/promises_test.ts";
  const row =
    `| 1. x | \`${here}\`: "every test that PROMISES.md names is there"; "no such test" |`;
  assert.deepEqual(await missing(namedIn(row)), [`${here}: no such test`]);
  const swarm = '| x | `tests/simulation/swarm_test.ts`: "promises hold for seeds 1 to 50" |';
  assert.deepEqual(await missing(namedIn(swarm)), []);
});
