/** The arrows of the architecture: every pair of rooms, and the plugin run by the real linter. */
import assert from "node:assert/strict";
import plugin, { arrowProblem } from "./arrows_lint.ts";

const rooms: Record<string, string> = {
  protocol: "/x/protocol/a.ts",
  kit: "/x/roles/kit/a.ts",
  tracker: "/x/roles/tracker/a.ts",
  catalog: "/x/roles/tracker/catalog/a.ts",
  "tracker's plan": "/x/roles/tracker/plan/a.ts",
  seeder: "/x/roles/seeder/a.ts",
  client: "/x/roles/client/a.ts",
  "client's plan": "/x/roles/client/plan/a.ts",
};

/** Whom each room may import. */
const allowed: Record<string, string[]> = {
  protocol: ["protocol"],
  kit: ["protocol", "kit"],
  tracker: ["protocol", "kit", "tracker", "catalog", "tracker's plan"],
  catalog: ["protocol", "kit", "tracker", "catalog", "tracker's plan"],
  "tracker's plan": ["protocol", "tracker's plan"],
  seeder: ["protocol", "kit", "seeder"],
  client: ["protocol", "kit", "client", "client's plan"],
  "client's plan": ["protocol", "client's plan"],
};

function relative(from: string, to: string): string {
  const up = from.split("/").length - 2;
  return "../".repeat(up) + to.slice(1).replace("a.ts", "b.ts");
}

for (const [name, from] of Object.entries(rooms)) {
  Deno.test(`arrowProblem lets ${name} import ${allowed[name]?.join(", ")} only`, () => {
    for (const [other, to] of Object.entries(rooms)) {
      const problem = arrowProblem(from, relative(from, to));
      const expected = allowed[name]?.includes(other) ?? false;
      assert.equal(problem === undefined, expected, `${name} → ${other}: ${problem}`);
    }
  });
}

Deno.test("arrowProblem lets the protocol import three modules from outside", () => {
  for (const source of ["zod", "node:crypto", "node:assert/strict"]) {
    assert.equal(arrowProblem("/x/protocol/a.ts", source), undefined, source);
  }
  for (const source of ["hono", "node:fs", "node:fs/promises", "commander"]) {
    assert.match(arrowProblem("/x/protocol/a.ts", source) ?? "", /imports only/, source);
  }
});

Deno.test("arrowProblem keeps the machine out of a plan", () => {
  assert.match(arrowProblem("/x/roles/client/plan/a.ts", "node:crypto") ?? "", /pure/);
  assert.equal(arrowProblem("/x/roles/client/plan/a.ts", "zod"), undefined);
});

Deno.test("arrowProblem leaves tests and main.ts alone", () => {
  for (
    const file of [
      "/x/tests/roles/tracker/a_test.ts",
      "/x/tests/simulation/machine/world.ts",
      "/x/main.ts",
    ]
  ) {
    for (const to of Object.values(rooms)) {
      assert.equal(arrowProblem(file, relative(file, to)), undefined, file);
    }
  }
});

Deno.test("the lint plugin reports static, re-exporting and dynamic imports", () => {
  const source = `
import { a } from "../seeder/mod.ts";
import { fine } from "../kit/clock.ts";
export * from "../client/mod.ts";
export { b } from "../client/b.ts";
const c = await import("../seeder/c.ts");
export const d = [a, fine, c];
`;
  const found = Deno.lint.runPlugin(plugin, "/x/roles/tracker/a.ts", source);
  assert.deepEqual(found.map(({ id, message }) => `${id} ${message}`), [
    "offshore/arrows roles/tracker never imports roles/seeder",
    "offshore/arrows roles/tracker never imports roles/client",
    "offshore/arrows roles/tracker never imports roles/client",
    "offshore/arrows roles/tracker never imports roles/seeder",
  ]);
});
