/**
 * Every route of every role, asked by somebody without credentials, with false ones, and with a
 * body that would cost something to read: it is refused for who asks, before any of the body is
 * read and before any schema speaks, and what was sent is not repeated.
 */
import assert from "node:assert/strict";
import {
  limits,
  Problem,
  proofHeader,
  protocolHeader,
  proveRequest,
  type Route,
  type RouteTable,
  SecretKey,
  seederRoutes,
  trackerRoutes,
} from "../../protocol/mod.ts";
import { silentLog } from "../../roles/kit/log.ts";
import type { App } from "../../roles/kit/serve.ts";
import { openRebuild } from "../../roles/tracker/mod.ts";
import {
  MemoryCatalogData,
  openMemoryCatalog,
} from "../../roles/tracker/catalog/memory_catalog.ts";
import { RecoveryCode } from "../../protocol/mod.ts";
import { SimDisk } from "../simulation/machine/sim_disk.ts";
import { SeederWorld } from "./seeder/seeder_world.ts";
import { stateDirectory, TrackerWorld } from "./tracker/tracker_world.ts";

const spoken = { [protocolHeader]: String(limits.protocolVersion) };
const word = "xyzzy-7421";

/** A body of JSON without an end, and how many bytes of it were taken. */
function endless() {
  const taken = { bytes: 0 };
  const part = new TextEncoder().encode(`["${word}",`.repeat(100));
  const body = new ReadableStream({
    pull: (controller) => {
      taken.bytes += part.length;
      controller.enqueue(part);
    },
  }, { highWaterMark: 0 });
  return { taken, body };
}

const falseProof = (route: Route) =>
  proveRequest(
    SecretKey.parse("66".repeat(32)),
    route,
    {
      ...{ kind: "seeder", id: "5eed000000000001", generation: 1 },
      ...{ session: "0".repeat(32), counter: 1 },
    },
    new Uint8Array(),
  );

/** What a stranger may bring along. */
const disguises: ((route: Route) => Record<string, string>)[] = [
  () => ({}),
  () => ({ authorization: "Bearer x" }),
  () => ({ authorization: `Bearer person.${word}.${"A".repeat(43)}` }),
  (route) => ({ [proofHeader]: falseProof(route) }),
  () => ({ [proofHeader]: `seeder ${word}` }),
  () => ({ "offshore-leave": `abc.${"A".repeat(43)}`, "offshore-chain": word }),
  () => ({ "offshore-leave": word, range: word }),
];

const refusals: Record<Route["access"], readonly string[]> = {
  open: ["invalid-request", "body-too-large", "tracker-rebuilding", "unavailable"],
  person: ["unauthenticated", "tracker-rebuilding"],
  seeder: ["unauthenticated", "tracker-rebuilding"],
  code: ["unauthenticated", "tracker-rebuilding"],
  leave: ["leave-invalid", "unavailable"],
};

async function knock(app: App, table: RouteTable, least: number): Promise<void> {
  let knocks = 0;
  for (const [name, route] of Object.entries(table)) {
    for (const disguise of disguises) {
      const { taken, body } = endless();
      const bare = route.method === "GET" || route.method === "HEAD";
      const path = route.path.replace(/:\w+/, word);
      const init = { method: route.method, headers: { ...spoken, ...disguise(route) } };
      const request = new Request(
        `http://role.test:1${path}?size=${word}`,
        bare ? init : { ...init, body },
      );
      const response = await app(request, "10.0.0.9");
      if (name === "health") {
        await response.body?.cancel();
        continue;
      }
      knocks++;
      const text = await response.text();
      // Headers only: the status says it.
      if (route.method === "HEAD") {
        assert.equal(response.status, 403, name);
        continue;
      }
      const { code } = Problem.parse(JSON.parse(text));
      assert.ok(refusals[route.access].includes(code), `${name}: ${code}`);
      assert.ok(!text.includes(word), `${name} repeats what was sent: ${text}`);
      assert.ok(text.length < 1000, `${name} answers with ${text.length} characters`);
      // One part may be on its way before it is asked whether anybody wants it.
      const free = route.access === "open" ? route.bodyBytesMax : 0;
      assert.ok(taken.bytes <= free + 3000, `${name} took ${taken.bytes} bytes`);
    }
  }
  assert.ok(knocks >= least, `${knocks} knocks`);
}

Deno.test("a stranger costs a tracker no body, on any route", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await knock(world.tracker.app, trackerRoutes, 300);
});

Deno.test("a stranger costs a tracker that is being rebuilt no body, on any route", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const { clock, random } = world;
  const rebuild = await openRebuild({
    ...{ clock, random, log: silentLog, stateDirectory },
    catalog: openMemoryCatalog(new MemoryCatalogData()),
    disk: new SimDisk({ random, clock }),
    recoveryCode: RecoveryCode.parse(`offshore-recovery-${"ab".repeat(32)}`),
  });
  await knock(rebuild.app, trackerRoutes, 300);
});

Deno.test("a stranger costs a seeder no body, on any route", async () => {
  const world = new SeederWorld();
  try {
    const at = await world.start("one");
    await knock(at.seeder.app, seederRoutes, 28);
  } finally {
    await world.close();
  }
});
