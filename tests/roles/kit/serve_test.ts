/**
 * What every role's server does before and after its handlers: version, credentials, parsing,
 * guard, encoding, and problems for whatever is thrown.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  ClusterId,
  connect,
  Fault,
  limits,
  makeLeave,
  Problem,
  problemMediaType,
  protocolHeader,
  requestIdHeader,
  SecretKey,
  seederRoutes,
  trackerRoutes,
} from "../../../protocol/mod.ts";
import { systemClock } from "../../../roles/kit/clock.ts";
import { lineLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import {
  type App,
  type Guard,
  type Head,
  refuseAll,
  serveRoutes,
} from "../../../roles/kit/serve.ts";
import { ChunkId } from "../../../protocol/mod.ts";

const address = "http://127.0.0.1:9";
const table = {
  health: trackerRoutes.health,
  login: trackerRoutes.login,
  usage: trackerRoutes.usage,
  move: trackerRoutes.move,
  signOut: trackerRoutes.signOut,
  readChunk: seederRoutes.readChunk,
  headChunk: seederRoutes.headChunk,
  storeChunk: seederRoutes.storeChunk,
};
const usage = { path: "/a", files: 1, directories: 2, links: 3, fileBytes: 4 };
const chunkId = ChunkId.parse("ab".repeat(32));
const key = SecretKey.parse("11".repeat(32));
const leave = makeLeave(key, { action: "read", chunkId, sizeBytes: 3 }, 9);

interface Served {
  readonly app: App;
  readonly handled: string[];
  readonly guarded: Head[];
  readonly log: string[];
}

function serve(parts: { guard?: Guard<string>; usage?: () => Promise<typeof usage> } = {}): Served {
  const handled: string[] = [], guarded: Served["guarded"] = [], log: string[] = [];
  const done = <T>(name: string, reply: T) => (call: { peer: string }) => {
    handled.push(`${name} from ${call.peer}`);
    return Promise.resolve(reply);
  };
  const chunk = {
    status: 206 as const,
    headers: { "content-length": "3", "content-range": "bytes 0-2/9" },
    body: new Uint8Array([1, 2, 3]),
  };
  const app = serveRoutes({
    table,
    handlers: {
      health: done("health", {
        status: "ok" as const,
        role: "tracker" as const,
        version: "0",
        protocol: 2,
      }),
      login: done("login", {
        ...{ clusterId: ClusterId.parse("c".repeat(16)), user: "u" },
        sealedToken: { nonce: "a".repeat(24), sealed: "aa", tag: "a".repeat(32) },
      }),
      usage: parts.usage ?? done("usage", usage),
      move: done("move", { path: "/b" }),
      signOut: done("signOut", {}),
      readChunk: done("readChunk", chunk),
      headChunk: done("headChunk", chunk),
      storeChunk: done("storeChunk", { receipts: [], failures: [] }),
    },
    guard: {
      admit: (head) => {
        guarded.push(head);
        return parts.guard?.admit(head) ?? { caller: "caller" };
      },
      confirm: (caller, input) => parts.guard?.confirm?.(caller, input),
    },
    clock: systemClock(),
    log: lineLog({ now: () => 0, sleep: () => Promise.resolve() }, "tracker", "debug", (line) => {
      log.push(line);
    }),
    random: seededRandom(1),
  });
  return { app, handled, guarded, log };
}

const spoken = { [protocolHeader]: "2" };
const known = { ...spoken, authorization: "Bearer person.x.y" };

function post(path: string, body: unknown, headers: HeadersInit = known): Request {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Request(address + path, { method: "POST", body: text, headers });
}

/** A request that fits each route. */
const fitting: Record<keyof typeof table, () => Request> = {
  health: () => new Request(`${address}/v1/health`),
  login: () => post("/v1/login", { text: "x", nonce: "0".repeat(32) }, spoken),
  usage: () => post("/v1/files/usage", { path: "/a" }),
  move: () => post("/v1/files/move", { from: "/a", to: "/b", replace: false }),
  signOut: () => post("/v1/seeders/sign-out", { seederId: "0".repeat(16) }),
  readChunk: () => chunkRequest("GET"),
  headChunk: () => chunkRequest("HEAD"),
  storeChunk: () => chunkRequest("PUT", new Uint8Array([1, 2, 3])),
};

function chunkRequest(method: string, body?: Uint8Array<ArrayBuffer>): Request {
  const headers = { ...spoken, "offshore-leave": leave };
  const init = body === undefined ? { method, headers } : { method, headers, body };
  return new Request(`${address}/v1/chunks/${chunkId}?size=3`, init);
}

async function problemFrom(response: Response): Promise<Problem> {
  assert.equal(response.headers.get("content-type"), problemMediaType);
  assert.equal(response.headers.get(protocolHeader), "2");
  const problem = Problem.parse(await response.json());
  assert.equal(response.status, problem.status);
  assert.equal(response.headers.get(requestIdHeader), problem.requestId);
  return problem;
}

for (const [name, request] of Object.entries(fitting)) {
  Deno.test(`serveRoutes asks the guard once before the handler of ${name}`, async () => {
    const { app, handled, guarded } = serve();
    const response = await app(request(), "10.0.0.7");
    assert.ok(response.ok, await response.text());
    assert.deepEqual(handled, [`${name} from 10.0.0.7`]);
    assert.deepEqual(guarded.map(({ route }) => route.path), [table[name as "usage"].path]);
  });

  Deno.test(`serveRoutes calls no handler of ${name} when the guard refuses`, async () => {
    const guard = {
      admit: () => {
        throw new Fault("forbidden", "readers do not write");
      },
    };
    const { app, handled } = serve({ guard });
    const response = await app(request());
    assert.equal(response.status, 403);
    assert.deepEqual(handled, []);
    await response.body?.cancel();
  });

  if (name === "health") continue;
  Deno.test(`serveRoutes refuses ${name} without a protocol version`, async () => {
    const { app, handled, guarded } = serve();
    const without = request();
    without.headers.delete(protocolHeader);
    const response = await app(without);
    assert.equal(response.status, 426);
    await response.body?.cancel();
    assert.deepEqual([handled, guarded], [[], []]);
  });
}

/** A body without an end, and how many bytes of it were taken. */
function endless() {
  const counted = { bytes: 0 };
  const body = new ReadableStream({
    pull: (controller) => {
      counted.bytes += 1000;
      controller.enqueue(new Uint8Array(1000));
    },
  }, { highWaterMark: 0 });
  return { counted, body };
}

Deno.test("serveRoutes refuses a stranger before it reads the body", async () => {
  const guard: Guard<string> = {
    admit: ({ token }) => {
      if (token === "person.x.y") return { caller: "known" };
      throw new Fault("unauthenticated", "who is this");
    },
  };
  for (
    const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Basic eDp5",
      "Bearer a b",
      "Bearer x",
    ]
  ) {
    const { app, handled } = serve({ guard });
    const { counted, body } = endless();
    const headers = { ...spoken, ...(authorization === undefined ? {} : { authorization }) };
    const request = new Request(`${address}/v1/files/usage`, { method: "POST", body, headers });
    assert.equal((await problemFrom(await app(request))).code, "unauthenticated", authorization);
    assert.deepEqual(handled, []);
    assert.ok(counted.bytes <= 1000, `${counted.bytes} bytes were read`);
  }
});

Deno.test("serveRoutes hands the head to the guard, and the parsed input once it is there", async () => {
  const confirmed: unknown[] = [];
  const guard: Guard<string> = {
    admit: () => ({ caller: "known" }),
    confirm: (caller, input) => void confirmed.push([caller, input]),
  };
  const { app, guarded } = serve({ guard });
  await app(fitting.readChunk());
  await app(fitting.usage());
  assert.deepEqual(guarded.map(({ token, fields }) => ({ token, fields })), [
    { token: undefined, fields: { chunkId, size: "3", leave } },
    { token: "person.x.y", fields: {} },
  ]);
  assert.deepEqual(confirmed, [["known", { chunkId, size: 3, leave }], ["known", { path: "/a" }]]);
});

Deno.test("serveRoutes names the field of a body that does not fit", async () => {
  const { app, handled } = serve();
  const cases: [unknown, string, RegExp][] = [
    [{ path: "/a", more: 1 }, "invalid-request", /a field that is not known/],
    [{}, "invalid-request", /path/],
    [{ path: 7 }, "invalid-request", /path/],
    [[], "invalid-request", /object/],
    ["null", "invalid-request", /object/],
    ["{", "invalid-request", /not JSON/],
    ["", "invalid-request", /not JSON/],
    [{ path: "a" }, "invalid-name", /begins with a slash/],
    [{ path: "/a/../b" }, "invalid-name", /"\.\." is not a name/],
    [{ path: "/a\0" }, "invalid-name", /NUL/],
    [{ path: "/" + "x".repeat(256) }, "invalid-name", /256 bytes/],
    ['{"__proto__": {"path": "/a"}}', "invalid-request", /path/],
  ];
  for (const [body, code, detail] of cases) {
    const problem = await problemFrom(await app(post("/v1/files/usage", body)));
    assert.equal(problem.code, code, JSON.stringify(body));
    assert.match(problem.detail, detail);
  }
  assert.deepEqual(handled, []);
});

Deno.test("serveRoutes answers any body with a reply or a refusal", async () => {
  const { app } = serve();
  const anyBody = fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.jsonValue());
  await fc.assert(fc.asyncProperty(anyBody, async (body) => {
    const response = await app(post("/v1/files/usage", body ?? "null"));
    if (response.ok) return void await response.body?.cancel();
    const { code } = await problemFrom(response);
    assert.ok(["invalid-request", "invalid-name"].includes(code), code);
  }));
});

Deno.test("serveRoutes refuses a JSON body that is not UTF-8", async () => {
  const body = new Uint8Array([0x22, 0xff, 0x22]);
  const request = new Request(`${address}/v1/login`, { method: "POST", body, headers: spoken });
  assert.equal((await problemFrom(await serve().app(request))).code, "invalid-request");
});

Deno.test("serveRoutes stops reading a JSON body at the limit", async () => {
  const part = new Uint8Array(1024 * 1024).fill(0x20);
  let sent = 0;
  const body = new ReadableStream({
    pull: (controller) => {
      sent += part.length;
      controller.enqueue(part);
    },
  });
  const request = new Request(`${address}/v1/login`, { method: "POST", body, headers: spoken });
  assert.equal((await problemFrom(await serve().app(request))).code, "body-too-large");
  assert.ok(sent <= limits.openBodyBytesMax + 4 * part.length, `${sent} bytes were taken`);
});

Deno.test("serveRoutes answers an unknown route and an unknown method with a problem", async () => {
  const { app } = serve();
  const unknown = [
    new Request(`${address}/`),
    new Request(`${address}/v1/files/usage`, { headers: known }),
    new Request(`${address}/v1/chunks/${chunkId}`, { method: "DELETE", headers: known }),
    new Request(`${address}/v1/files/usage/`, { method: "POST", body: "{}", headers: known }),
  ];
  for (const request of unknown) {
    assert.equal((await problemFrom(await app(request))).code, "route-unknown", request.url);
  }
});

Deno.test("serveRoutes refuses a chunk address with unknown or malformed fields", async () => {
  const { app, handled } = serve();
  const headers = { ...spoken, "offshore-leave": leave };
  const read = (rest: string) => new Request(`${address}/v1/chunks/${rest}`, { headers });
  for (const rest of ["x?size=3", `${chunkId}?size=3&more=1`, chunkId, `${chunkId}?size=-3`]) {
    const problem = await problemFrom(
      await app(read(rest)),
    );
    assert.equal(problem.code, "invalid-request", rest);
  }
  assert.deepEqual(handled, []);
});

Deno.test("serveRoutes sends bytes with status and headers, and none to HEAD", async () => {
  const { app } = serve();
  const whole = await app(fitting.readChunk());
  assert.equal(whole.status, 206);
  assert.equal(whole.headers.get("content-range"), "bytes 0-2/9");
  assert.equal(whole.headers.get(protocolHeader), "2");
  assert.deepEqual(await whole.bytes(), new Uint8Array([1, 2, 3]));
  const head = await app(fitting.headChunk());
  assert.equal(head.status, 206);
  assert.equal(head.headers.get("content-length"), "3");
  assert.equal(head.body, null);
});

Deno.test("serveRoutes keeps a sound request id and replaces any other", async () => {
  const { app } = serve();
  const idFor = async (given: string) => {
    const request = fitting.usage();
    request.headers.set(requestIdHeader, given);
    const response = await app(request);
    await response.body?.cancel();
    return response.headers.get(requestIdHeader) ?? "";
  };
  assert.equal(await idFor("req-1"), "req-1");
  for (const given of ["", "a b", "x".repeat(65), "<script>"]) {
    assert.match(await idFor(given), /^[0-9a-f]{16}$/);
  }
});

Deno.test("serveRoutes logs what failed inside and tells no more than a fault", async () => {
  const { app, log } = serve({ usage: () => Promise.reject(new TypeError("x is undefined")) });
  const problem = await problemFrom(await app(fitting.usage()));
  assert.equal(problem.code, "internal");
  const line = JSON.parse(log.at(-1) ?? "{}");
  assert.equal(line.level, "error");
  assert.equal(line.requestId, problem.requestId);
  assert.ok(!JSON.stringify(problem).includes("serve_test"), "no stack leaves the role");
});

Deno.test("serveRoutes keeps tokens and leaves out of its log", async () => {
  const { app, log } = serve({ usage: () => Promise.reject(new Fault("not-found", "/a")) });
  await (await app(fitting.usage())).body?.cancel();
  assert.equal(log.length, 1);
  assert.ok(!log.join().includes("person.x.y"));
});

Deno.test("refuseAll answers everything with the fault, and a client asks such a role again", async () => {
  const app = refuseAll(new Fault("unavailable", "it is starting"), seededRandom(1));
  const tracker = connect(trackerRoutes, "http://t", (request) => app(request), "the tracker");
  await assert.rejects(tracker.status({}), (fault) => {
    assert(fault instanceof Fault);
    assert.deepEqual([fault.code, fault.message, fault.retry], [
      "unavailable",
      "it is starting",
      "later",
    ]);
    return true;
  });
});
