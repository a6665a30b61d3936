import assert from "node:assert/strict";
import * as z from "zod";
import { asFault, faultOf, plainText, problemOf } from "../../protocol/mod.ts";

Deno.test("plainText keeps what is for people of what was thrown anywhere", async () => {
  const checked = z.object({ size: z.int(), name: z.string() }).safeParse({ size: 0.5 });
  const stack = new Error("it broke").stack ?? "";
  const missing: unknown = await Deno.realPath("/no/such/file").catch((error) => error);
  assert(missing instanceof Error && /os error/.test(missing.message));
  const cases: [string, RegExp][] = [
    [`/a: ${checked.error?.message}`, /^\/a: size: [^{}[\]]*; name: [^{}[\]]*$/],
    [stack, /^Error: it broke$/],
    [missing.message, /^No such file or directory$/],
    ["/x: Not a directory (os error 20)", /^\/x: Not a directory$/],
    [
      "x (os error 2): rename '/a b' -> '/c', and more",
      /^x, and more$/,
    ],
    ["a file called [ {1} ] has at home", /^a file called \[ \{1\} \] has at home$/],
    ['[ {"message": nonsense} ]', /^it has not the form it should have$/],
    ["    at run (file:///main.ts:1:2)", /^something went wrong$/],
    ["two lines\n  of a list", /^two lines\n {2}of a list$/],
  ];
  for (const [text, expected] of cases) assert.match(plainText(text), expected);
});

Deno.test("what comes in from elsewhere becomes a fault of plain text", () => {
  const thrown = asFault(z.object({ size: z.int() }).safeParse({ size: "x" }).error);
  assert.match(thrown.message, /^size: [^{}]*$/);
  const problem = { ...problemOf(thrown), detail: "it broke\n    at run (file:///a.ts:1:2)" };
  assert.equal(faultOf(problem).message, "it broke");
});
