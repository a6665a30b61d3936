/**
 * Somebody who does not know the cluster's key stands at the tracker's address. Whatever it says,
 * and however it says it, a seeder drops nothing, learns no epoch, tells no code and no key, and
 * goes on as soon as the tracker is back.
 */
import assert from "node:assert/strict";
import {
  Fault,
  limits,
  openReply,
  problemMediaType,
  problemOf,
  proofHeader,
  protocolHeader,
  proveReply,
  readRequestProof,
  SecretKey,
  seederKeyOf,
} from "../../../protocol/mod.ts";
import { readWhole } from "../../../roles/kit/disk.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import type { App } from "../../../roles/kit/serve.ts";
import { chunkOf, inParts } from "../../conformance/chunk_store_suite.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { clusterKey, inWorld, type SeederWorld, trackerAddress, until } from "./seeder_world.ts";

const { chunkId, bytes } = chunkOf(1, 5000);

/** What the impostor says to a heartbeat: it knows the messages, and no key. */
function orders(world: SeederWorld, clusterId: string) {
  const nowMs = world.clock.now() + world.aheadMs;
  return {
    ...{ clusterId, epoch: Number.MAX_SAFE_INTEGER, trackerNowMs: nowMs, leaseNowMs: nowMs },
    ...{ intervalMs: 20, inventoryWanted: true },
    orders: [{
      ...{ kind: "drop", orderId: "o", chunkId, sizeBytes: bytes.length, why: "so" },
      ...{ deadlineMs: nowMs + 60_000, receiptsSinceMs: 2 ** 52 },
    }],
  };
}

const spoken = { [protocolHeader]: String(limits.protocolVersion) };

function reply(value: unknown, status: number, headers: Record<string, string>): Response {
  const type = status === 200 ? "application/json" : problemMediaType;
  const all = { ...spoken, "content-type": type, ...headers };
  return new Response(JSON.stringify(value), { status, headers: all });
}

const toBytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** How it tries to look as if it could prove what it says. */
const disguises: Record<string, (asked: string, status: number, value: unknown) => string | null> =
  {
    "no proof": () => null,
    "the request's own proof": (asked) => asked,
    "a proof under a key of its own": (asked, status, value) => {
      const request = readRequestProof(asked);
      assert.ok(request !== undefined);
      const own = SecretKey.parse("66".repeat(32));
      return proveReply(own, request, status, "66".repeat(16), toBytes(value));
    },
  };

async function standsIn(
  world: SeederWorld,
  answer: (request: Request, asked: string) => Response,
): Promise<string[]> {
  const told: string[] = [];
  const impostor: App = async (request) => {
    told.push(`${JSON.stringify([...request.headers])} ${await request.clone().text()}`);
    return answer(request, request.headers.get(proofHeader) ?? "");
  };
  const real = world.apps.get(trackerAddress);
  assert.ok(real !== undefined);
  world.apps.set(trackerAddress, impostor);
  await until(
    () => told.filter((one) => one.includes("inventoryDigest")).length >= 2,
    "it is asked",
  );
  world.apps.set(trackerAddress, real);
  const heard = world.heard.heartbeats.length;
  await until(() => world.heard.heartbeats.length > heard, "it reports to its tracker again");
  return told;
}

const lies = (world: SeederWorld, clusterId: string): Record<string, [number, unknown]> => ({
  "orders a drop in a later epoch": [200, orders(world, clusterId)],
  "says that it knows no such seeder": [
    404,
    problemOf(new Fault("seeder-unknown", "join again")),
  ],
  "tells a session": [401, problemOf(new Fault("session-ended", "again"))],
  "says that it is being rebuilt": [503, problemOf(new Fault("tracker-rebuilding", "wait"))],
});

for (const disguise of Object.keys(disguises)) {
  Deno.test(`a stranger at the tracker's address with ${disguise} is not obeyed`, () =>
    inWorld(async (world) => {
      const disk = new SimDisk({ random: seededRandom(7) });
      const at = await world.start("one", { disk });
      await at.store.put(chunkId, bytes.length, inParts(bytes));
      const clusterId = "c".repeat(16);
      const identity = await readWhole(disk, "/state/seeder.json");
      const joins = world.heard.joins.length;
      for (const [lie, [status, value]] of Object.entries(lies(world, clusterId))) {
        const told = await standsIn(world, (_request, asked) => {
          const proof = disguises[disguise]?.(asked, status, value) ?? null;
          return reply(value, status, proof === null ? {} : { [proofHeader]: proof });
        });
        assert.equal(at.store.sizeOf(chunkId), bytes.length, lie);
        assert.deepEqual(await readWhole(disk, "/state/seeder.json"), identity, lie);
        assert.equal(world.heard.joins.length, joins, lie);
        const all = told.join("\n");
        const { seederKey } = JSON.parse(new TextDecoder().decode(identity));
        for (const secret of [seederKey, world.joinCode(), "offshore-join", "Bearer"]) {
          assert.ok(!all.includes(secret), `${lie}: a secret was told`);
        }
        assert.ok(!told.some((one) => one.includes('"seederId"') && one.includes('"last":true')));
      }
    }));
}

Deno.test("replies that were overheard are not believed when they come again", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    await at.store.put(chunkId, bytes.length, inParts(bytes));
    const real = world.apps.get(trackerAddress);
    assert.ok(real !== undefined);
    const overheard: { body: string; status: number; proof: string }[] = [];
    world.apps.set(trackerAddress, async (request) => {
      const response = await real(request);
      const proof = response.headers.get(proofHeader) ?? "";
      overheard.push({ body: await response.clone().text(), status: response.status, proof });
      return response;
    });
    await until(() => overheard.some(({ body }) => body.includes("leaseNowMs")), "one is heard");
    world.apps.set(trackerAddress, real);
    for (const { body, status, proof } of overheard.slice(0, 3)) {
      await standsIn(world, () => reply(JSON.parse(body), status, { [proofHeader]: proof }));
    }
    assert.ok(at.seeder.joined);
    assert.equal(at.store.sizeOf(chunkId), bytes.length);
  }));

Deno.test("a reply whose head was proved and whose body was changed is no answer", () =>
  inWorld(async (world) => {
    const at = await world.start("one");
    await at.store.put(chunkId, bytes.length, inParts(bytes));
    const key = seederKeyOf(clusterKey, at.seederId, 1);
    await standsIn(world, (_request, asked) => {
      const request = readRequestProof(asked);
      assert.ok(request !== undefined);
      const meant = orders(world, "c".repeat(16));
      const proof = proveReply(key, request, 200, request.session, toBytes({ ...meant, epoch: 1 }));
      assert.ok(openReply(key, request, 200, proof) !== undefined);
      return reply({ ...meant, epoch: 2 }, 200, { [proofHeader]: proof });
    });
    assert.equal(at.store.sizeOf(chunkId), bytes.length);
  }));

Deno.test("an answer without an end is not read to its end", () =>
  inWorld(async (world) => {
    await world.start("one");
    let sent = 0;
    await standsIn(world, () => {
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull: (controller) => {
          sent += 65_536;
          controller.enqueue(new Uint8Array(65_536));
        },
      });
      return new Response(body, { status: 503, headers: spoken });
    });
    assert.ok(sent < 2 ** 24, `${sent} bytes were taken`);
  }));
