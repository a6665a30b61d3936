/**
 * Calls through an in-process app made of the same tables: what the caller encodes the server
 * decodes, faults arrive as they were thrown, and whatever else comes back becomes a fault too.
 */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { systemClock } from "../../roles/kit/clock.ts";
import { silentLog } from "../../roles/kit/log.ts";
import { seededRandom } from "../../roles/kit/random.ts";
import { type App, type Handlers, serveRoutes } from "../../roles/kit/serve.ts";
import {
  ChunkId,
  connect,
  encodeRequest,
  Fault,
  faultCodes,
  Leave,
  problemMediaType,
  problemOf,
  protocolHeader,
  RemotePath,
  seederRoutes,
  trackerRoutes,
  type Transport,
} from "../../protocol/mod.ts";
import { anyPath } from "./arbitraries.ts";

const trackerTable = {
  usage: trackerRoutes.usage,
  status: trackerRoutes.status,
  makeDirectories: trackerRoutes.makeDirectories,
};
const seederTable = {
  readChunk: seederRoutes.readChunk,
  headChunk: seederRoutes.headChunk,
  storeChunk: seederRoutes.storeChunk,
};
const address = "http://127.0.0.1:9";
const leave = Leave.parse("abc." + "A".repeat(43));
const chunkId = ChunkId.parse("ab".repeat(32));

type Tracker = Handlers<typeof trackerTable, null>;
type Seeder = Handlers<typeof seederTable, null>;
const refuse = () => Promise.reject(new Fault("internal", "not meant to be called"));

function trackerApp(handlers: Partial<Tracker>): App {
  const all = { usage: refuse, status: refuse, makeDirectories: refuse, ...handlers };
  return serveRoutes({
    table: trackerTable,
    handlers: all,
    guard: { admit: () => ({ caller: null }) },
    ...{ clock: systemClock(), log: silentLog, random: seededRandom(1) },
  });
}

function seederApp(handlers: Partial<Seeder>): App {
  const all = { readChunk: refuse, headChunk: refuse, storeChunk: refuse, ...handlers };
  return serveRoutes({
    table: seederTable,
    handlers: all,
    guard: { admit: () => ({ caller: null }) },
    ...{ clock: systemClock(), log: silentLog, random: seededRandom(1) },
  });
}

function trackerAt(transport: Transport) {
  return connect(trackerTable, address, transport, "the tracker", { token: "person.x.y" });
}

function seederAt(transport: Transport) {
  return connect(seederTable, address, transport, "seeder-2");
}

async function faultFrom(work: Promise<unknown>): Promise<Fault> {
  const caught = await work.then((value) => value, (error) => error);
  assert.ok(caught instanceof Fault, `a fault is thrown, not ${caught}`);
  return caught;
}

const usage = { path: RemotePath.parse("/a"), files: 1, directories: 2, links: 3, fileBytes: 4 };

Deno.test("connect carries any path to the handler and its answer back", async () => {
  const app = trackerApp({
    usage: ({ input }) => Promise.resolve({ ...usage, path: input.path }),
  });
  await fc.assert(fc.asyncProperty(anyPath, async (path) => {
    assert.deepEqual(await trackerAt(app).usage({ path }), { ...usage, path });
  }));
});

Deno.test("connect sends the input of a bytes route in path, query and headers", async () => {
  let heard: unknown;
  const app = seederApp({
    storeChunk: async ({ input, body }) => {
      heard = { input, bytes: await new Response(body).bytes() };
      return { receipts: [], failures: [] };
    },
  });
  const chain = { named: [], links: [{ seederId: "a".repeat(16), leave }] };
  const input = { chunkId, size: "3", leave, chain: JSON.stringify(chain) };
  const reply = await seederAt(app).storeChunk(input, { bytes: new Uint8Array([1, 2, 3]) });
  assert.deepEqual(reply, { receipts: [], failures: [] });
  const expected = { chunkId, size: 3, leave, chain };
  assert.deepEqual(heard, { input: expected, bytes: new Uint8Array([1, 2, 3]) });
});

Deno.test("connect leaves out undefined fields, and hands a bytes reply over", async () => {
  const app = seederApp({
    readChunk: ({ input }) => {
      assert.deepEqual(input, { chunkId, size: 3, leave });
      return Promise.resolve({ status: 200, headers: {}, body: new Uint8Array([1, 2, 3]) });
    },
  });
  const input = { chunkId, size: "3", leave, range: undefined };
  const response = await seederAt(app).readChunk(input);
  assert.deepEqual(await response.bytes(), new Uint8Array([1, 2, 3]));
});

for (const code of faultCodes.filter((code) => code !== "interrupted")) {
  Deno.test(`connect throws the fault ${code} as the handler threw it`, async () => {
    const app = trackerApp({
      usage: () => Promise.reject(new Fault(code, "why it is so", { next: "do this" })),
    });
    const fault = await faultFrom(trackerAt(app).usage({ path: "/a" }));
    assert.deepEqual([fault.code, fault.message, fault.next], [code, "why it is so", "do this"]);
  });
}

Deno.test("connect names who did not answer, and where", async () => {
  const down: Transport = () => Promise.reject(new TypeError("connection refused"));
  const fault = await faultFrom(trackerAt(down).status({}));
  assert.equal(fault.code, "tracker-unreachable");
  assert.match(fault.message, /the tracker at http:\/\/127\.0\.0\.1:9 .*connection refused/);
  const other = await faultFrom(seederAt(down).headChunk({ chunkId, size: "1", leave }));
  assert.equal(other.code, "seeder-unreachable");
  assert.match(other.message, /^seeder-2 /);
});

Deno.test("connect throws the reason of a signal that ended the call", async () => {
  const controller = new AbortController();
  controller.abort(new Fault("interrupted", "Ctrl-C"));
  const aborted: Transport = (request) => Promise.reject(request.signal.reason);
  const call = trackerAt(aborted).status({}, { signal: controller.signal });
  assert.equal((await faultFrom(call)).code, "interrupted");
});

Deno.test("connect calls a body that breaks off unreachable", async () => {
  const broken: Transport = () => {
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode('{"path":'));
        controller.error(new TypeError("connection reset"));
      },
    });
    return Promise.resolve(new Response(body, { headers: { [protocolHeader]: "2" } }));
  };
  const fault = await faultFrom(trackerAt(broken).usage({ path: "/a" }));
  assert.equal(fault.code, "tracker-unreachable");
});

Deno.test("connect refuses a reply of another protocol version, or of none", async () => {
  for (const [version, said] of [["1", "1"], [undefined, "unknown"]] as const) {
    const headers: HeadersInit = version === undefined ? {} : { [protocolHeader]: version };
    const other: Transport = () =>
      Promise.resolve(new Response(JSON.stringify(usage), { headers }));
    const fault = await faultFrom(trackerAt(other).usage({ path: "/a" }));
    assert.equal(fault.code, "protocol-mismatch");
    assert.match(fault.message, new RegExp(`speaks protocol ${said}, this side 2`));
  }
});

Deno.test("the server refuses another protocol version, or none", async () => {
  const app = trackerApp({ usage: () => Promise.resolve(usage) });
  for (const version of ["0", "1", "one", undefined]) {
    const altered: Transport = (request) => {
      if (version === undefined) request.headers.delete(protocolHeader);
      else request.headers.set(protocolHeader, version);
      return app(request);
    };
    const fault = await faultFrom(trackerAt(altered).usage({ path: "/a" }));
    assert.equal(fault.code, "protocol-mismatch", version);
  }
});

Deno.test("connect turns any reply that does not fit into a fault", async () => {
  const anyStatus = fc.constantFrom(200, 201, 400, 404, 500, 502);
  const anyType = fc.constantFrom("application/json", problemMediaType, "text/html", "");
  const anyText = fc.oneof(fc.string(), fc.json(), fc.constant(JSON.stringify({ ...usage, x: 1 })));
  await fc.assert(fc.asyncProperty(anyStatus, anyType, anyText, async (status, type, text) => {
    const headers = { [protocolHeader]: "2", ...(type === "" ? {} : { "content-type": type }) };
    const garbled: Transport = () => Promise.resolve(new Response(text, { status, headers }));
    const fault = await faultFrom(trackerAt(garbled).usage({ path: "/a" }));
    assert.equal(fault.code, "internal");
  }));
});

Deno.test("connect reads a problem whatever the parameters of its media type", async () => {
  const problem = JSON.stringify(problemOf(new Fault("disk-full", "0 bytes left")));
  const headers = { "content-type": `${problemMediaType}; charset=utf-8` };
  const full: Transport = () => Promise.resolve(new Response(problem, { status: 507, headers }));
  assert.equal((await faultFrom(trackerAt(full).status({}))).code, "disk-full");
});

Deno.test("encodeRequest escapes what goes into path and query", () => {
  const input = { chunkId: "a/b?c", size: "1&leave=x", leave };
  const request = encodeRequest(seederRoutes.readChunk, address, input, {});
  const url = new URL(request.url);
  assert.equal(url.pathname, "/v1/chunks/a%2Fb%3Fc");
  assert.deepEqual([...url.searchParams], [["size", "1&leave=x"]]);
  assert.equal(request.headers.get("offshore-leave"), leave);
});

Deno.test("encodeRequest refuses input that is not text where it goes into the address", () => {
  for (const input of [{ chunkId: 7 }, null, "x", { chunkId: { a: 1 } }]) {
    assert.throws(
      () => encodeRequest(seederRoutes.readChunk, address, input, {}),
      (error) => error instanceof Fault && error.code === "invalid-request",
    );
  }
});
