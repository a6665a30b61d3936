/**
 * Requests that are carried out once: for every such route the reply to the first try is lost, the
 * tracker dies, and the second try gets the answer of the first, with nothing done twice. And the
 * other way round: what is refused at the second try, with nothing done by the first, is refused.
 */
import { loginBy } from "../../protocol/by_code.ts";
import assert from "node:assert/strict";
import {
  type Fault,
  type OnceName,
  requestIdHeader,
  type trackerRoutes,
  type Transport,
} from "../../../protocol/mod.ts";
import type * as z from "zod";
import { openSession } from "../../../roles/client/cluster/session.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { LossGuard } from "../../../roles/tracker/copies/loss_guard.ts";
import {
  chunkOf,
  refusedWith,
  stateOf,
  type TrackerConnection,
  TrackerWorld,
} from "./tracker_world.ts";

type Input<Name extends OnceName> = z.input<(typeof trackerRoutes)[Name]["input"]>;

interface Case<Name extends OnceName> {
  readonly prepare?: (world: TrackerWorld) => Promise<unknown>;
  readonly input: (world: TrackerWorld) => Promise<Input<Name>> | Input<Name>;
  /** What the same request is told when it comes as another one, where that is a refusal. */
  readonly anew?: Fault["code"];
  /** An input that is always refused. */
  readonly refused?: { readonly input: Input<Name>; readonly code: Fault["code"] };
}

const nobody = "0123456789abcdef" as Input<"forget">["seederId"];
const seederOf = (world: TrackerWorld) => world.seeders[2]!.seederId;

const cases: { readonly [Name in OnceName]: Case<Name> } = {
  makeDirectories: {
    input: () => ({ paths: ["/new"], parents: false }),
    anew: "already-exists",
    refused: { input: { paths: ["/d"], parents: false }, code: "already-exists" },
  },
  makeLinks: {
    input: () => ({ links: [{ path: "/new", target: "d", modifiedMs: 1, replace: false }] }),
    anew: "already-exists",
    refused: {
      input: { links: [{ path: "/d", target: "e", modifiedMs: 1, replace: false }] },
      code: "already-exists",
    },
  },
  remove: {
    input: () => ({ path: "/d/f", what: "file" }),
    anew: "not-found",
    refused: { input: { path: "/none", what: "file" }, code: "not-found" },
  },
  restore: {
    prepare: ({ admin }) => admin.remove({ path: "/d/f", what: "file" }),
    input: () => ({ what: { path: "/d/f" } }),
    anew: "not-found",
    refused: { input: { what: { trashId: 4711 } }, code: "not-found" },
  },
  emptyTrash: {
    prepare: ({ admin }) => admin.remove({ path: "/d", what: "tree" }),
    input: () => ({ trashIds: "all" }),
  },
  revertFile: {
    prepare: (world) => world.upload("/d/f", [chunkOf(2)]),
    input: async ({ admin }) => {
      const { versions } = await admin.versions({ target: { path: "/d/f" } });
      const { versionId } = versions[1]!;
      return { path: "/d/f", versionId, current: versions[0]!.versionId };
    },
    refused: { input: { path: "/d/f", versionId: "0".repeat(32) }, code: "not-found" },
  },
  emptyVersions: {
    prepare: (world) => world.upload("/d/f", [chunkOf(2)]),
    input: () => ({ path: "/d/f" }),
    refused: { input: { path: "/none" }, code: "not-found" },
  },
  move: {
    input: () => ({ from: "/d", to: "/e", replace: false }),
    anew: "not-found",
    refused: { input: { from: "/none", to: "/e", replace: false }, code: "not-found" },
  },
  setPolicy: {
    input: () => ({ path: "/d", copies: 3 }),
    refused: { input: { path: "/d/f", copies: 1 }, code: "not-a-directory" },
  },
  maintenance: {
    input: (world) => ({ seederId: seederOf(world), forMs: 60_000 }),
    refused: { input: { seederId: nobody, forMs: 1000 }, code: "seeder-unknown" },
  },
  drain: {
    input: (world) => ({ seederId: seederOf(world), cancel: false }),
    refused: { input: { seederId: nobody, cancel: false }, code: "seeder-unknown" },
  },
  forget: {
    prepare: (world) => world.pass(12_000, [world.seeders[2]!]),
    input: (world) => ({ seederId: seederOf(world), acceptLoss: true }),
    anew: "seeder-unknown",
    refused: { input: { seederId: nobody, acceptLoss: true }, code: "seeder-unknown" },
  },
  acceptSeeder: {
    input: (world) => ({ seederId: seederOf(world), capacityBytes: 5 }),
    refused: { input: { seederId: nobody }, code: "seeder-unknown" },
  },
  setPace: { input: () => ({ pace: "urgent" }) },
  confirmLoss: {
    prepare: async (world) => {
      const lost = [{ seederId: seederOf(world), had: 1000 }];
      const text = JSON.stringify({ sinceMs: 1, why: "a test", lost });
      await world.catalog.transaction((tx) => tx.putSetting(LossGuard.settingName, text));
      await world.start();
    },
    input: () => ({}),
  },
};

/** Time that passes at once, except for what is a deadline. */
const eager: Clock = {
  now: () => 0,
  sleep: (ms) => ms < 5_000 ? Promise.resolve() : new Promise(() => {}),
};

interface Wire {
  /** What becomes of the first request; it is carried out before `lost`. */
  fate: "fine" | "unsent" | "lost";
  between: () => Promise<unknown>;
  readonly replies: string[];
}

/** A person's session over a wire that fails once. */
function sessionOf(world: TrackerWorld): { tracker: TrackerConnection; wire: Wire } {
  const wire: Wire = { fate: "fine", between: () => Promise.resolve(), replies: [] };
  const transport: Transport = async (request) => {
    const { fate } = wire;
    wire.fate = "fine";
    if (fate === "unsent") {
      await wire.between();
      throw new TypeError("refused");
    }
    const response = await world.tracker.app(request, "10.0.0.9");
    wire.replies.push(await response.clone().text());
    if (fate === "fine") return response;
    await wire.between();
    throw new TypeError("reset");
  };
  const { random, disk } = world;
  const session = openSession({
    ...{
      trackerAddress: "http://tracker.test:1",
      token: world.adminToken,
      random,
      disk,
      transport,
    },
    ...{ clock: eager, log: silentLog },
  });
  return { tracker: session.tracker, wire };
}

async function prepared(): Promise<TrackerWorld> {
  const world = await TrackerWorld.open({ seeders: 3 });
  await world.admin.makeDirectories({ paths: ["/d"], parents: false });
  await world.upload("/d/f", [chunkOf(1)]);
  return world;
}

type AnyCall = (input: unknown) => Promise<unknown>;

for (const [name, each] of Object.entries(cases) as [OnceName, Case<OnceName>][]) {
  Deno.test(`${name}: the second try gets the answer of the first, and does nothing`, async () => {
    const world = await prepared();
    await each.prepare?.(world);
    const input = await each.input(world);
    const { tracker, wire } = sessionOf(world);
    const call = tracker[name] as AnyCall;
    let after = "";
    wire.fate = "lost";
    wire.between = async () => {
      after = await stateOf(world.catalog);
      world.clock.advance(1000);
      await world.start();
    };
    const before = await stateOf(world.catalog);
    const reply = await call(input);
    const [first, second] = wire.replies;
    assert.equal(wire.replies.length, 2);
    assert.equal(second, first);
    assert.deepEqual(reply, JSON.parse(first ?? ""));
    assert.equal(await stateOf(world.catalog), after);
    if (name !== "confirmLoss") assert.notEqual(after, before, "the first try did something");
    // Another request for the same is another request.
    const again = call(input).then(() => undefined, (fault: Fault) => fault.code);
    assert.equal(await again, each.anew);
    if (each.anew === undefined && name !== "setPace" && name !== "setPolicy" && name !== "drain") {
      assert.notEqual(wire.replies[2], first);
    }
  });

  Deno.test(`${name}: what the first try did not do is refused at the second`, async () => {
    const world = await prepared();
    const { tracker, wire } = sessionOf(world);
    const call = tracker[name] as AnyCall;
    if (each.refused !== undefined) {
      const { input, code } = each.refused;
      for (const fate of ["lost", "unsent", "fine"] as const) {
        wire.fate = fate;
        await refusedWith(code, call(input));
      }
    }
    if (each.anew === undefined) return;
    // Somebody else did it while the first try was lost on its way.
    await each.prepare?.(world);
    const input = await each.input(world);
    wire.fate = "unsent";
    wire.between = () => (world.admin[name] as AnyCall)(input);
    await refusedWith(each.anew, call(input));
  });
}

Deno.test("a request that arrives twice at once is carried out once", async () => {
  const world = await prepared();
  const send = (headers: Record<string, string>) => {
    const request = new Request("http://tracker.test:1/v1/files/remove", {
      method: "POST",
      headers: {
        "offshore-protocol": "2",
        "content-type": "application/json",
        authorization: `Bearer ${world.adminToken}`,
        ...headers,
      },
      body: JSON.stringify({ path: "/d/f", what: "file" }),
    });
    return world.tracker.app(request);
  };
  const same = { [requestIdHeader]: "one" };
  const [first, second] = await Promise.all([send(same), send(same)]);
  assert.equal(first.status, 200);
  assert.equal(await first.text(), await second.text());
  assert.equal((await send({})).status, 404);
});

Deno.test("another person's request, or one for something else, is another request", async () => {
  const world = await prepared();
  const remove = (token: string, path: string) =>
    world.connection(token).remove({ path, what: "file" }, { requestId: "one", token });
  const other = await loginBy(world.connection(), world.tracker.loginCode());
  await world.upload("/d/g", [chunkOf(2)]);
  await remove(world.adminToken, "/d/f");
  await remove(world.adminToken, "/d/g");
  await remove(world.adminToken, "/d/f");
  if (other.user === "admin") return;
  await refusedWith("not-found", remove(other.token, "/d/f"));
});

Deno.test("an emptying of the trash that was cut off goes on, and leaves what came later", async () => {
  const world = await prepared();
  const { admin } = world;
  const paths = Array.from({ length: 250 }, (_, i) => `/n${i}` as const);
  await admin.makeDirectories({ paths, parents: false });
  for (const path of paths) await admin.remove({ path, what: "tree" });
  const { tracker, wire } = sessionOf(world);
  // The disk is full in the second page; the reply of that is lost as well.
  world.callsUntilFull = 1000;
  wire.fate = "lost";
  wire.between = async () => {
    world.callsUntilFull = Infinity;
    const left = (await admin.trash({})).entries.length;
    assert(left > 0 && left < 250, `${left} are left`);
    await admin.remove({ path: "/d", what: "tree" });
  };
  const gone = await tracker.emptyTrash({ trashIds: "all" });
  assert.deepEqual([gone.entries, gone.directories], [250, 250]);
  assert.deepEqual((await admin.trash({})).entries.map(({ path }) => path), ["/d"]);
});
