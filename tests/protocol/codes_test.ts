/**
 * Codes and person tokens: read back as made, refused when forged, for another purpose, or too old.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  checkCode,
  ClusterId,
  type CodeClaims,
  codeSecretOf,
  Fault,
  makeCode,
  makePersonToken,
  readCode,
  readPersonToken,
  sealUnderCode,
  SecretKey,
  unsealUnderCode,
} from "../../protocol/mod.ts";
import { anySecretKey, anyTime } from "./arbitraries.ts";
import { claims } from "./by_code.ts";
import { tampered } from "./tampered.ts";

const clusterKey = SecretKey.parse("11".repeat(32));
const otherKey = SecretKey.parse("22".repeat(32));
const clusterId = ClusterId.parse("00000000000000cc");
const body = claims({ purpose: "join", clusterId, expiresMs: 1_800_000_000_000 });

/** As a tracker does that was shown this line, and a proof under the secret in it. */
function check(key: SecretKey, line: string, purpose: "join" | "login", nowMs: number) {
  const code = readCode(line);
  if (codeSecretOf(key, code.codeId) !== code.secret) {
    throw new Fault("code-invalid", "not proved");
  }
  return checkCode(key, clusterId, code, purpose, nowMs);
}

function refusal(code: string, key = clusterKey, nowMs = body.expiresMs): Fault {
  let caught: unknown;
  try {
    check(key, code, "join", nowMs);
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof Fault, `"${code}" is refused with a fault, not ${caught}`);
  assert.equal(caught.code, "code-invalid");
  return caught;
}

Deno.test("readCode and checkCode give back what makeCode was given", () => {
  const anyPurpose = fc.constantFrom("join" as const, "login" as const);
  fc.assert(fc.property(anySecretKey, anyPurpose, anyTime, (key, purpose, expiresMs) => {
    const made: CodeClaims = { ...body, purpose, expiresMs };
    const code = makeCode(key, made);
    assert.match(code, /^offshore-(join|login)-\S+$/);
    assert.deepEqual(readCode(code).claims, made);
    assert.deepEqual(check(key, code, purpose, expiresMs), made);
  }));
});

Deno.test("checkCode overlooks the blanks and line ends of a copied line", () => {
  assert.deepEqual(check(clusterKey, `  ${makeCode(clusterKey, body)}\n`, "join", 0), body);
});

Deno.test("checkCode refuses another cluster, another purpose, and a code past its life", () => {
  const code = makeCode(clusterKey, body);
  refusal(code, otherKey);
  const other = makeCode(clusterKey, { ...body, clusterId: ClusterId.parse("d".repeat(16)) });
  assert.match(refusal(other).message, /another cluster/);
  assert.match(refusal(code, clusterKey, body.expiresMs + 1).message, /expired/);
  const login = makeCode(clusterKey, { ...body, purpose: "login" });
  assert.match(refusal(login).message, /a join code is needed, this is a login code/);
});

Deno.test("checkCode refuses a login code relabelled as a join code", () => {
  const login = makeCode(clusterKey, { ...body, purpose: "login" });
  refusal(login.replace("offshore-login-", "offshore-join-"));
});

Deno.test("checkCode refuses a code with any one character changed", () => {
  for (const text of tampered(makeCode(clusterKey, body))) refusal(text);
});

Deno.test("a code says nothing that its maker did not say: its number is made from all of it", () => {
  const { text, codeId } = readCode(makeCode(clusterKey, { ...body, uses: 5, pending: true }));
  const code = readCode(makeCode(clusterKey, body));
  const shown = { codeId: code.codeId, text };
  assert.throws(() => checkCode(clusterKey, clusterId, shown, "join", 0), /was changed/);
  assert.notEqual(codeId, code.codeId);
  assert.notEqual(codeSecretOf(clusterKey, codeId), codeSecretOf(otherKey, codeId));
});

Deno.test("what is sealed under a code opens under it alone, and for one thing", () => {
  const { secret } = readCode(makeCode(clusterKey, body));
  const sealed = sealUnderCode(secret, "0".repeat(24), "this", "the key");
  assert.equal(unsealUnderCode(secret, sealed, "this"), "the key");
  assert(!JSON.stringify(sealed).includes("the key"));
  const wrong = [
    () => unsealUnderCode(codeSecretOf(clusterKey, "0".repeat(16)), sealed, "this"),
    () => unsealUnderCode(secret, sealed, "that"),
    () => unsealUnderCode(secret, { ...sealed, tag: "0".repeat(32) }, "this"),
  ];
  for (const open of wrong) {
    assert.throws(open, (fault) => fault instanceof Fault && fault.code === "code-invalid");
  }
});

Deno.test("readCode meets any text with a fault, never another error", () => {
  const near = fc.tuple(fc.constantFrom("offshore-join-", "offshore-login-", ""), fc.string())
    .map(([head, tail]) => `${head}${tail}.${"A".repeat(43)}`);
  fc.assert(fc.property(fc.oneof(near, fc.string({ unit: "binary" })), (text) => {
    assert.throws(
      () => readCode(text),
      (error) => error instanceof Fault && error.code === "code-invalid",
    );
  }));
});

Deno.test("readPersonToken gives back what makePersonToken was given", () => {
  const anyRole = fc.constantFrom("reader" as const, "writer" as const, "admin" as const);
  const anyUser = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })
    .filter((user) => user.length <= 64);
  fc.assert(fc.property(anySecretKey, anyUser, anyRole, anyTime, (key, user, role, issuedMs) => {
    const token = makePersonToken(key, { user, role, issuedMs });
    assert.match(token, /^[\x21-\x7e]+$/, "a token fits into a header");
    assert.deepEqual(readPersonToken(key, token), { user, role, issuedMs });
    assert.equal(readPersonToken(otherKey, token), undefined);
  }));
});

Deno.test("readPersonToken refuses a token with any one character changed", () => {
  const token = makePersonToken(clusterKey, { user: "ada", role: "reader", issuedMs: 1 });
  for (const text of tampered(token)) {
    assert.equal(readPersonToken(clusterKey, text), undefined, text);
  }
});

Deno.test("readPersonToken refuses codes, and codes are no tokens", () => {
  assert.equal(readPersonToken(clusterKey, makeCode(clusterKey, body)), undefined);
  refusal(makePersonToken(clusterKey, { user: "ada", role: "admin", issuedMs: 1 }));
});

Deno.test("readPersonToken answers undefined to any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(readPersonToken(clusterKey, `person.${text}.${"A".repeat(43)}`), undefined);
    assert.equal(readPersonToken(clusterKey, text), undefined);
  }));
});
