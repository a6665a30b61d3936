/** No file is reached from itself by imports, and the search finds circles where there are some. */
import assert from "node:assert/strict";
import { circlesIn } from "./circles.ts";
import { sourceFiles } from "./source_files.ts";

Deno.test("circlesIn finds each circle once, and what hangs on it is not one", () => {
  const files = new Map([
    ["roles/a.ts", `import { b } from "./b.ts"; import { leaf } from "./leaf.ts";`],
    ["roles/b.ts", `import type { c } from "./sub/c.ts";`],
    ["roles/sub/c.ts", `export type { a } from "../a.ts";`],
    ["roles/d.ts", `import { a } from "./a.ts";\nimport { e } from "./e.ts";`],
    ["roles/e.ts", `const d = await import("./d.ts");`],
    ["roles/leaf.ts", `import * as z from "zod";`],
    ["roles/self.ts", `import { self } from "./self.ts";`],
  ]);
  assert.deepEqual(circlesIn(files), [
    ["roles/a.ts", "roles/b.ts", "roles/sub/c.ts"],
    ["roles/d.ts", "roles/e.ts"],
    ["roles/self.ts"],
  ]);
});

Deno.test("no file is reached from itself by imports, those of types included", async () => {
  const all = await sourceFiles();
  const files = new Map([...all].filter(([file]) => /^(roles|protocol)\//.test(file)));
  assert.ok(files.size > 300, "the files were found");
  assert.deepEqual(circlesIn(files), []);
});
