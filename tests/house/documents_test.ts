/** Documents name only files and folders that are there, and every decision is in the index. */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

async function documents(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const folder of ["", "docs/", "docs/decisions/", "tests/"]) {
    for await (const { name } of Deno.readDir(new URL(folder || ".", root))) {
      if (!name.endsWith(".md")) continue;
      found.set(folder + name, await Deno.readTextFile(new URL(folder + name, root)));
    }
  }
  return found;
}

/** What a document points at: targets of links, and paths of the repository in code. */
function pointedAt(file: string, text: string): URL[] {
  const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? "")
    .filter((target) => !/^[a-z]+:/.test(target)).map((target) =>
      new URL(target, new URL(file, root))
    );
  const pattern = /`((?:protocol|roles|tests|docs|bench|\.ci)\/[\w./-]*|main\.ts|deno\.json)`/g;
  const paths = [...text.matchAll(pattern)].map((match) => new URL(match[1] ?? "", root));
  return [...links, ...paths];
}

async function isThere(url: URL): Promise<boolean> {
  return await Deno.stat(url).then(() => true, () => false);
}

Deno.test("documents name only files that are there", async () => {
  const missing: string[] = [];
  let checked = 0;
  for (const [file, text] of await documents()) {
    for (const target of pointedAt(file, text)) {
      checked++;
      if (!await isThere(target)) missing.push(`${file}: ${target.href.slice(root.href.length)}`);
    }
  }
  assert.deepEqual(missing, []);
  assert.ok(checked > 20, `${checked} places were checked`);
});

Deno.test("documents are found wanting when they name a file that is not there", async () => {
  const sample =
    "See [it](absent.md) and `protocol/absent.ts`, [this](README.md#x), <http://a.b/c>.";
  const targets = pointedAt("docs/decisions/x.md", sample);
  const there = await Promise.all(targets.map(isThere));
  assert.deepEqual(there, [false, true, false]);
});

Deno.test("every decision is in the index and has its four parts", async () => {
  const all = await documents();
  const index = all.get("docs/decisions/README.md") ?? "";
  const decisions = [...all].filter(([file]) => /^docs\/decisions\/\d{4}-/.test(file));
  assert.ok(decisions.length >= 8);
  for (const [file, text] of decisions) {
    assert.ok(index.includes(`](${file.slice("docs/decisions/".length)})`), `${file} in the index`);
    const parts = [
      "\nState: ",
      "\n## Context\n",
      "\n## Choice\n",
      "\n## What would change our mind\n",
    ];
    for (const part of parts) assert.ok(text.includes(part), `${file} has "${part.trim()}"`);
  }
});
