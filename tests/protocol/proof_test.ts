/**
 * Heads of messages: what one who has the secret made is accepted, and nothing else: no other
 * secret, route, field, body or direction, and no reply to another request.
 */
import assert from "node:assert/strict";
import {
  isBody,
  isRequestProved,
  openReply,
  Prover,
  proveReply,
  proveRequest,
  readRequestProof,
  SecretKey,
} from "../../protocol/mod.ts";

const key = SecretKey.parse("11".repeat(32));
const other = SecretKey.parse("12".repeat(32));
const door = { method: "POST", path: "/v1/seeders/heartbeat" };
const id = "5eed000000000001";
const session = "ab".repeat(16);
const said = { kind: "seeder", id, generation: 3, session, counter: 7 } as const;
const bytes = new TextEncoder().encode('{"a":1}');
const header = proveRequest(key, door, said, bytes);

function read(text: string) {
  const proof = readRequestProof(text);
  assert.ok(proof !== undefined, text);
  return proof;
}

Deno.test("a request proves itself under its key and on its route alone", () => {
  const proof = read(header);
  assert.ok(isRequestProved(key, door, proof));
  assert.deepEqual({ ...proof, mac: "", digest: "" }, {
    ...{ ...said, sizeBytes: bytes.length, mac: "", digest: "" },
  });
  assert.equal(isRequestProved(other, door, proof), false);
  assert.equal(isRequestProved(key, { ...door, path: "/v1/seeders/inventory" }, proof), false);
  assert.equal(isRequestProved(key, { ...door, method: "PUT" }, proof), false);
});

Deno.test("a request with any field changed is not proved", () => {
  const changes = {
    kind: "code",
    id: "5eed000000000002",
    generation: 4,
    session: "ac".repeat(16),
    counter: 8,
    sizeBytes: 8,
    digest: "00".repeat(32),
    mac: "A".repeat(43),
  } as const;
  for (const [field, value] of Object.entries(changes)) {
    assert.equal(isRequestProved(key, door, { ...read(header), [field]: value }), false, field);
  }
});

Deno.test("isBody accepts the bytes that were proved and no others", () => {
  const proof = read(header);
  assert.ok(isBody(proof, bytes));
  for (const text of ["", '{"a":2}', '{"a":1} ', '{"a":1']) {
    assert.equal(isBody(proof, new TextEncoder().encode(text)), false, text);
  }
});

Deno.test("readRequestProof takes one spelling only", () => {
  const parts = header.split(" ");
  const with_ = (index: number, value: string) => parts.with(index, value).join(" ");
  const bad = [
    "",
    `${header} `,
    ` ${header}`,
    header.replaceAll(" ", "  "),
    with_(0, "person"),
    with_(1, "5EED000000000001"),
    with_(2, "03"),
    with_(2, "-3"),
    with_(3, session.slice(1)),
    with_(4, "1e3"),
    with_(4, "9".repeat(16)),
    with_(5, "+7"),
    with_(6, "0".repeat(63)),
    with_(7, "A".repeat(42)),
    parts.slice(1).join(" "),
    `${header}, ${header}`,
  ];
  for (const text of bad) assert.equal(readRequestProof(text), undefined, text);
  assert.equal(readRequestProof(null), undefined);
});

Deno.test("a reply belongs to its request and its status, and cannot be sent back as a request", () => {
  const request = read(header);
  const reply = proveReply(key, request, 200, session, bytes);
  const opened = openReply(key, request, 200, reply);
  assert.ok(opened !== undefined && isBody(opened, bytes));
  assert.equal(opened.session, session);
  assert.equal(openReply(other, request, 200, reply), undefined, "another key");
  assert.equal(openReply(key, request, 404, reply), undefined, "another status");
  const next = read(proveRequest(key, door, { ...said, counter: 8 }, bytes));
  assert.equal(openReply(key, next, 200, reply), undefined, "the reply to another request");
  assert.equal(openReply(key, request, 200, header), undefined, "a request for a reply");
  assert.equal(openReply(key, request, 200, null), undefined);
  assert.equal(readRequestProof(reply), undefined, "a reply for a request");
  const [, ...rest] = reply.split(" ");
  const moved = ["cd".repeat(16), ...rest].join(" ");
  assert.equal(openReply(key, request, 200, moved), undefined, "another session");
});

Deno.test("a prover counts up, and from the start in the session it was told", () => {
  const prover = new Prover({ kind: "seeder", id, generation: 3 }, key, session);
  const first = read(prover.prove(door, bytes)), second = read(prover.prove(door, bytes));
  assert.deepEqual([first.counter, second.counter], [1, 2]);
  const told = "cd".repeat(16);
  prover.begin(first, told);
  const third = read(prover.prove(door, bytes));
  assert.deepEqual([third.session, third.counter], [told, 1]);
  prover.begin(second, "ef".repeat(16));
  assert.equal(read(prover.prove(door, bytes)).session, told, "it was told of another before");
});
