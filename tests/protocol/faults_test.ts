/** The closed list of faults: each is complete, and each survives the wire unchanged. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  asFault,
  Fault,
  faultCodes,
  faultKinds,
  faultOf,
  Problem,
  problemOf,
} from "../../protocol/mod.ts";

for (const code of faultCodes) {
  Deno.test(`Fault ${code} goes through problem details unchanged`, () => {
    const fault = new Fault(code, "seeder-2 has 0 bytes free", { next: "add a seeder" });
    const problem = Problem.parse(JSON.parse(JSON.stringify(problemOf(fault, "r1"))));
    assert.equal(problem.requestId, "r1");
    assert.equal(problem.type, `urn:offshore:fault:${code}`);
    const back = faultOf(problem);
    assert.ok(back instanceof Fault);
    assert.equal(back.code, code);
    assert.equal(back.message, fault.message);
    assert.equal(back.next, "add a seeder");
    assert.equal(back.status, fault.status);
    assert.equal(back.retry, fault.retry);
  });
}

Deno.test("faultKinds are complete: status, title, advice, in the style of the house", () => {
  for (const [code, kind] of Object.entries(faultKinds)) {
    assert.match(code, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(kind.status >= 400 && kind.status <= 599, code);
    assert.match(kind.title, /^[A-Z].*[^.]$/, code);
    assert.match(kind.next, /^[a-z].*[^.]$/, code);
    assert.ok(["never", "later", "elsewhere"].includes(kind.retry), code);
  }
});

Deno.test("Fault details of any text survive the wire", () => {
  const anyCode = fc.constantFrom(...faultCodes);
  fc.assert(fc.property(anyCode, fc.string(), fc.string(), (code, detail, next) => {
    const back = faultOf(Problem.parse(JSON.parse(JSON.stringify(
      problemOf(new Fault(code, detail, { next })),
    ))));
    assert.deepEqual([back.code, back.message, back.next], [code, detail, next]);
  }));
});

Deno.test("Fault takes its kind's advice where the thrower has none, and keeps its cause", () => {
  const cause = new Error("EIO");
  const fault = new Fault("disk-failed", "read of chunk 1 failed", { cause });
  assert.equal(fault.next, faultKinds["disk-failed"].next);
  assert.equal(fault.cause, cause);
  assert.equal("cause" in new Fault("usage", "x"), false);
  assert.equal(fault.name, "Fault");
});

Deno.test("problemOf never carries the cause", () => {
  const fault = new Fault("internal", "x", { cause: new Error("secret path") });
  assert.ok(!JSON.stringify(problemOf(fault)).includes("secret"));
});

Deno.test("faultOf makes a code of a later version internal and keeps its words", () => {
  const known = problemOf(new Fault("not-found", "no /a", { next: "look" }));
  const back = faultOf({ ...known, code: "quota-exceeded", title: "Quota exceeded" });
  assert.equal(back.code, "internal");
  assert.equal(back.message, "Quota exceeded: no /a");
  assert.equal(back.next, "look");
});

Deno.test("faultOf is not misled by names every object has", () => {
  const known = problemOf(new Fault("not-found", "x"));
  for (const code of ["__proto__", "constructor", "toString"]) {
    assert.equal(faultOf({ ...known, code }).code, "internal");
  }
});

Deno.test("Problem ignores members it does not know (RFC 9457, 3.2)", () => {
  const problem = { ...problemOf(new Fault("usage", "x")), balance: 30 };
  assert.equal(Problem.safeParse(problem).success, true);
});

Deno.test("asFault keeps a fault and wraps everything else", () => {
  const fault = new Fault("usage", "x");
  assert.equal(asFault(fault), fault);
  const error = new TypeError("not a function");
  assert.equal(asFault(error).code, "internal");
  assert.equal(asFault(error).message, "not a function");
  assert.equal(asFault(error).cause, error);
  for (const thrown of ["text", undefined, null, 7, {}]) {
    assert.equal(asFault(thrown).message, String(thrown));
  }
});
