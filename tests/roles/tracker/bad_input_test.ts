/**
 * Whatever is thrown at the routes: a fault that names itself, never `internal`, nothing changed.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  limits,
  Problem,
  proofHeader,
  protocolHeader,
  proverOfCode,
  readCode,
  trackerRoutes,
} from "../../../protocol/mod.ts";
import { chunkOf, stateOf, TrackerWorld } from "./tracker_world.ts";

async function send(
  world: TrackerWorld,
  route: string,
  body: BodyInit,
  credentials: Record<string, string>,
) {
  const headers = { ...credentials, [protocolHeader]: String(limits.protocolVersion) };
  const init = { method: "POST", headers, body };
  return await world.tracker.app(new Request(`http://tracker.test:1${route}`, init), "10.0.0.7");
}

function asAdmin({ adminToken }: TrackerWorld) {
  return { authorization: `Bearer ${adminToken}` };
}

const posts = Object.values(trackerRoutes).filter((route) => route.method === "POST");
const fieldNames = [
  "path",
  "paths",
  "from",
  "to",
  "replace",
  "target",
  "targets",
  "follow",
  "uploads",
  "uploadId",
  "chunks",
  "seederId",
  "code",
  "links",
  "parents",
  "what",
  "prefix",
  "copies",
  "purpose",
  "limit",
  "after",
  "reports",
];
const garbage = fc.oneof(
  fc.json(),
  fc.string({ unit: "binary" }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
  fc.dictionary(
    fc.constantFrom(...fieldNames),
    fc.oneof(fc.jsonValue(), fc.constant("/"), fc.constant(["/a/../b"]), fc.constant(-1)),
  ).map((value) => JSON.stringify(value)),
);

Deno.test("garbage bodies get a fault of the closed list and change nothing", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const [seeder] = world.seeders;
  assert(seeder !== undefined);
  const code = readCode((await world.admin.mintCode({ purpose: "login", uses: 2 })).code);
  const holder = proverOfCode(code, "c".repeat(32));
  // It has a session from here on.
  await world.connection().login({ text: code.text, nonce: "0".repeat(32) }, { prover: holder });
  const before = await stateOf(world.catalog);
  const credentials = async (route: typeof posts[number], body: BodyInit) => {
    if (route.access !== "seeder" && route.access !== "code") return asAdmin(world);
    const prover = route.access === "code" ? holder : seeder.prover;
    return { [proofHeader]: prover.prove(route, await new Response(body).bytes()) };
  };
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...posts), garbage, async (route, body) => {
      const response = await send(world, route.path, body, await credentials(route, body));
      if (response.ok) {
        // Only an empty object is a whole request, and only of a route that changes nothing here.
        const text = typeof body === "string" ? body : new TextDecoder().decode(body);
        const { status, list, usage, confirmLoss, scrubStatus, trash } = trackerRoutes;
        const { lastChange, adopted } = trackerRoutes;
        const asked = [status, list, usage, scrubStatus, trash, lastChange, adopted];
        const harmless = [...asked, confirmLoss];
        assert(harmless.some((each) => each.path === route.path), `${route.path} took ${text}`);
        return;
      }
      const problem = Problem.parse(await response.json());
      const expected = ["invalid-request", "invalid-name", "not-found", "forbidden"];
      assert(expected.includes(problem.code), `${route.path}: ${problem.code} ${problem.detail}`);
      assert(problem.next.length > 0 && problem.detail.length > 0);
    }),
    { numRuns: 600 },
  );
  assert.equal(await stateOf(world.catalog), before);
});

const badPaths = fc.oneof(
  fc.constantFrom(
    "",
    "relative",
    "/a//b",
    "/a/",
    "//",
    "/.",
    "/..",
    "/a/../b",
    "/a/./b",
    "/nul\0",
    "/\ud800",
    `/${"x".repeat(limits.segmentBytesMax + 1)}`,
    `/${"é".repeat(128)}`,
    "/x".repeat(limits.pathBytesMax / 2 + 1),
  ),
  fc.tuple(
    fc.string({ unit: "binary" }),
    fc.constantFrom("/..", "/.", "//", "\0"),
  ).map(([head, tail]) => `/${head.replaceAll("/", "")}${tail}`),
);

Deno.test("bad names are refused as names by every route that takes a path", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const before = await stateOf(world.catalog);
  const link = { target: "x", modifiedMs: 1, replace: true };
  const upload = {
    uploadId: "a".repeat(32),
    condition: { kind: "create" },
    chunkSizeBytes: limits.chunkBytesMin,
    modifiedMs: 1,
    mode: 0,
  };
  const requests: [string, (path: string) => unknown][] = [
    [trackerRoutes.list.path, (path) => ({ path })],
    [trackerRoutes.usage.path, (path) => ({ path })],
    [trackerRoutes.makeDirectories.path, (path) => ({ paths: ["/ok", path], parents: true })],
    [trackerRoutes.makeLinks.path, (path) => ({ links: [{ ...link, path }] })],
    [trackerRoutes.remove.path, (path) => ({ path, what: "tree" })],
    [trackerRoutes.move.path, (path) => ({ from: path, to: "/ok", replace: true })],
    [trackerRoutes.move.path, (path) => ({ from: "/", to: path, replace: true })],
    [trackerRoutes.setPolicy.path, (path) => ({ path, copies: 1 })],
    [trackerRoutes.stat.path, (path) => ({ target: { path }, follow: true })],
    [trackerRoutes.openUploads.path, (path) => ({ uploads: [{ ...upload, path }] })],
    [trackerRoutes.locate.path, (path) => ({ targets: [{ path }], fromChunk: 0, chunksMax: 1 })],
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...requests), badPaths, async ([route, make], path) => {
      const response = await send(world, route, JSON.stringify(make(path)), asAdmin(world));
      const { code } = Problem.parse(await response.json());
      assert(code === "invalid-name" || code === "invalid-request", `${route} ${path}: ${code}`);
    }),
    { numRuns: 300 },
  );
  assert.equal(await stateOf(world.catalog), before);
});

Deno.test("an unknown field, a body too long and a broken body are refused", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const route = trackerRoutes.makeDirectories.path;
  const before = await stateOf(world.catalog);
  const codeOf = async (body: BodyInit) =>
    Problem.parse(await (await send(world, route, body, asAdmin(world))).json()).code;
  const good = { paths: ["/x"], parents: true };
  assert.equal(await codeOf(JSON.stringify({ ...good, extra: 1 })), "invalid-request");
  assert.equal(await codeOf(JSON.stringify(good).slice(0, -1)), "invalid-request");
  assert.equal(await codeOf(" ".repeat(limits.jsonBodyBytesMax + 1)), "body-too-large");
  const broken = new ReadableStream({
    pull: (controller) => controller.error(new Error("connection reset")),
  });
  assert.equal(await codeOf(broken), "truncated-body");
  assert.equal(await stateOf(world.catalog), before);
});

Deno.test("well-formed requests that make no sense are refused without a trace", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.admin.makeDirectories({ paths: ["/dir"], parents: false });
  await world.upload("/file", [chunkOf(1)]);
  const paths = fc.constantFrom("/", "/dir", "/file", "/none", "/file/x", "/none/x", "/dir/x");
  const requests = fc.oneof(
    fc.record({ from: paths, to: paths, replace: fc.boolean() }).map((body) => ({
      route: trackerRoutes.move.path,
      body,
    })),
    fc.record({ path: paths, what: fc.constantFrom("file", "directory", "tree") }).map((body) => ({
      route: trackerRoutes.remove.path,
      body,
    })),
    fc.record({ paths: fc.array(paths, { minLength: 1 }), parents: fc.boolean() }).map((body) => ({
      route: trackerRoutes.makeDirectories.path,
      body,
    })),
  );
  await fc.assert(
    fc.asyncProperty(requests, async ({ route, body }) => {
      const before = await stateOf(world.catalog);
      const response = await send(world, route, JSON.stringify(body), asAdmin(world));
      if (response.ok) return;
      assert.notEqual(Problem.parse(await response.json()).code, "internal");
      assert.equal(await stateOf(world.catalog), before);
    }),
    { numRuns: 200 },
  );
});
