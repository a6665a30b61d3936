/** The tracker looks at bytes: from one holder after another, one chunk at a time, and gives up. */
import assert from "node:assert/strict";
import {
  checkLeave,
  chunkIdOf,
  Fault,
  Leave,
  limits,
  problemOf,
  SecretKey,
  type SeederId,
  startAnswer,
  type Transport,
} from "../../../../protocol/mod.ts";
import { silentLog } from "../../../../roles/kit/log.ts";
import { Witness, type WitnessNeeds } from "../../../../roles/tracker/copies/witness.ts";
import { seeder } from "../../../conformance/catalog_rows.ts";

const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i % 256);
const chunk = { chunkId: chunkIdOf(bytes), sizeBytes: bytes.length };
const nonce = "12".repeat(32);
const [a, b, c] = [1, 2, 3].map(seeder) as [SeederId, SeederId, SeederId];
const key = SecretKey.parse("9".repeat(64));

const truth = (() => {
  const answer = startAnswer(nonce);
  answer.update(bytes);
  return answer.hex();
})();

type Reply = (signal: AbortSignal) => Promise<Response> | Response;

/** A tracker whose seeders answer as told; the leave is checked like a seeder does. */
function world(replies: Map<SeederId, Reply>) {
  const asked: SeederId[] = [];
  const sleepers: (() => void)[] = [];
  const core: WitnessNeeds = {
    leases: { now: () => 1000, handOut: () => Promise.resolve(1000), attend: () => {} },
    now: () => 1000,
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        sleepers.push(resolve);
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
    log: silentLog,
    members: {
      get: (seederId: SeederId) => ({ row: { address: `http://${seederId}:1` } }),
      keyOf: () => key,
    },
  } as unknown as WitnessNeeds;
  const transport: Transport = async (request) => {
    const seederId = new URL(request.url).hostname as SeederId;
    asked.push(seederId);
    const leave = Leave.parse(request.headers.get("offshore-leave"));
    checkLeave(key, leave, { action: "read", ...chunk }, 1000);
    return await (replies.get(seederId) ?? notFound)(request.signal);
  };
  return { core, asked, sleepers, witness: new Witness(transport) };
}

const notFound: Reply = () =>
  Response.json(problemOf(new Fault("chunk-not-found", "not here")), {
    status: 404,
    headers: { "content-type": "application/problem+json" },
  });
const headers = { "offshore-protocol": String(limits.protocolVersion) };
const sends = (what: Uint8Array<ArrayBuffer>): Reply => () => new Response(what, { headers });

function look(at: ReturnType<typeof world>, holders: SeederId[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    assert.equal(at.witness.look(at.core, chunk, nonce, holders, resolve), true);
  });
}

Deno.test("the witness knows the answer from the first who sends the bytes", async () => {
  const wrong = bytes.with(17, 0xff);
  const at = world(new Map([[a, sends(wrong)], [b, sends(bytes)], [c, sends(bytes)]]));
  assert.equal(await look(at, [a, b, c]), truth);
  assert.deepEqual(at.asked, [a, b]);
});

Deno.test("the witness knows nothing when nobody sends them", async () => {
  const longer = new Uint8Array([...bytes, 0]);
  const at = world(new Map([[a, sends(longer)], [b, sends(bytes.slice(1))], [c, notFound]]));
  assert.equal(await look(at, [a, b, c]), undefined);
  assert.deepEqual(at.asked, [a, b, c]);
  const alone = world(new Map());
  assert.equal(await look({ ...alone, witness: new Witness(undefined) }, [a]), undefined);
});

Deno.test("the witness looks at one chunk at a time, and gives up one who sends nothing", async () => {
  const silent: Reply = () => new Response(new ReadableStream({}), { headers });
  const at = world(new Map([[a, silent], [b, sends(bytes)]]));
  const first = look(at, [a, b]);
  while (at.sleepers.length === 0) await Promise.resolve();
  assert.equal(at.witness.look(at.core, chunk, nonce, [b], () => {}), false, "it looks already");
  for (const wake of at.sleepers.splice(0)) wake();
  assert.equal(await first, truth);
});

Deno.test("closing ends what the witness waits for", async () => {
  const at = world(
    new Map([[a, () => new Response(new ReadableStream({}), { headers })], [b, sends(bytes)]]),
  );
  const looking = look(at, [a, b]);
  while (at.asked.length === 0) await Promise.resolve();
  await at.witness.close();
  assert.equal(await looking, undefined);
  assert.deepEqual(at.asked, [a]);
});
