/**
 * Requests that are proved are taken once each, whatever order they come in; those that were
 * overheard and come again are refused and change nothing; what is remembered is bounded.
 */
import assert from "node:assert/strict";
import {
  Fault,
  openReply,
  proofHeader,
  proveRequest,
  readRequestProof,
  SecretKey,
} from "../../../protocol/mod.ts";
import { Proofs } from "../../../roles/kit/proofs.ts";
import { seededRandom } from "../../../roles/kit/random.ts";

const key = SecretKey.parse("11".repeat(32));
const door = { method: "POST", path: "/v1/x" };
const body = new Uint8Array([1, 2, 3]);
const unheard = "00".repeat(16);

function proofs(): Proofs {
  const keyOf = ({ generation }: { generation: number }) => generation < 3 ? key : undefined;
  return new Proofs(keyOf, seededRandom(1));
}

const at = (session: string, counter: number, id = "5eed000000000001") =>
  proveRequest(key, door, { kind: "seeder", id, generation: 0, session, counter }, body);

/** Undefined when the request was taken, else the session that was told. */
function send(at: Proofs, header: string): string | undefined {
  const { refusal, seal } = at.admit("seeder", door, header);
  if (refusal === undefined) return undefined;
  assert.equal(refusal.code, "session-ended");
  const request = readRequestProof(header);
  const sealed = seal(refusal.status, body)[proofHeader];
  const reply = request && openReply(key, request, refusal.status, sealed ?? null);
  assert.ok(reply !== undefined, "the refusal is proved");
  return reply.session;
}

function begun(at_: Proofs): string {
  const session = send(at_, at(unheard, 1));
  assert.ok(session !== undefined);
  return session;
}

Deno.test("Proofs takes each request once, in any order", () => {
  const server = proofs();
  const session = begun(server);
  for (const counter of [3, 1, 2, 250, 4]) {
    assert.equal(send(server, at(session, counter)), undefined, `${counter}`);
  }
  for (const counter of [1, 2, 3, 4, 250]) {
    assert.notEqual(send(server, at(session, counter)), undefined, `${counter} again`);
  }
  assert.equal(send(server, at(session, 1000)), undefined);
  assert.notEqual(send(server, at(session, 5)), undefined, "too far behind to be told apart");
  assert.equal(send(server, at(session, 999)), undefined);
});

Deno.test("Proofs never takes a number twice, however many come", () => {
  const server = proofs();
  const session = begun(server);
  const random = seededRandom(3);
  const taken = new Set<number>();
  for (let i = 0; i < 5000; i++) {
    const counter = 1 + Math.floor(i / 2 + random.unit() * 400);
    const isTaken = send(server, at(session, counter)) === undefined;
    assert.ok(!isTaken || !taken.has(counter), `${counter} is taken once`);
    if (isTaken) taken.add(counter);
  }
  assert.ok(taken.size > 1000);
});

Deno.test("what was overheard and comes again ends no session", () => {
  const server = proofs();
  const session = begun(server);
  const overheard = [at(unheard, 1), at(session, 1)];
  assert.equal(send(server, at(session, 1)), undefined);
  const told = new Set<string | undefined>();
  for (let i = 0; i < 1000; i++) for (const header of overheard) told.add(send(server, header));
  assert.equal(told.size, 1, "one session is offered until it is used");
  assert.ok(!told.has(undefined));
  assert.equal(send(server, at(session, 2)), undefined, "the session goes on");
});

Deno.test("the few sessions of one seeder end when it begins others", () => {
  const server = proofs();
  const sessions: string[] = [];
  for (let i = 1; i <= 6; i++) {
    const session = send(server, at(unheard, i));
    assert.ok(session !== undefined);
    assert.equal(send(server, at(session, 1)), undefined);
    sessions.push(session);
  }
  assert.equal(new Set(sessions).size, 6);
  assert.notEqual(send(server, at(sessions[0] ?? "", 2)), undefined, "the oldest is over");
  assert.equal(send(server, at(sessions[5] ?? "", 2)), undefined);
  const another = "5eed000000000002";
  const theirs = send(server, at(unheard, 1, another));
  assert.ok(theirs !== undefined);
  assert.equal(send(server, at(sessions[5] ?? "", 3)), undefined, "another's are its own affair");
  assert.notEqual(send(server, at(sessions[5] ?? "", 1, another)), undefined);
});

Deno.test("Proofs refuses what is not proved, and tells nothing about why", () => {
  const server = proofs();
  const foreign = SecretKey.parse("22".repeat(32));
  const said = { kind: "seeder", id: "5eed000000000001", session: unheard, counter: 1 } as const;
  const bad = {
    "no header": undefined,
    "no proof": "seeder",
    "another key": proveRequest(foreign, door, { ...said, generation: 0 }, body),
    "an unknown generation": proveRequest(key, door, { ...said, generation: 9 }, body),
    "a code for a seeder": proveRequest(key, door, { ...said, generation: 0, kind: "code" }, body),
    "another door": proveRequest(key, { ...door, path: "/v1/y" }, { ...said, generation: 0 }, body),
  };
  const messages = new Set<string>();
  for (const [what, header] of Object.entries(bad)) {
    assert.throws(() => server.admit("seeder", door, header), (fault) => {
      assert.ok(fault instanceof Fault, what);
      assert.equal(fault.code, "unauthenticated", what);
      messages.add(fault.message);
      return true;
    });
  }
  assert.equal(messages.size, 1);
});
