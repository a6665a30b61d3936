/**
 * The recorded messages: every route has one, each is parsed by its schema and encoded to the same
 * again, and a request that travels in path, query and headers is recorded as sent. A change here
 * is a change of the protocol. DENO_GOLDEN_UPDATE=1 writes the files anew; commit only what you can
 * explain.
 */
import assert from "node:assert/strict";
import {
  connect,
  decodeBatch,
  encodeBatch,
  encodeRequest,
  faultCodes,
  faultOf,
  Order,
  Problem,
  problemOf,
  type Route,
  type RouteTable,
  seederRoutes,
  trackerRoutes,
} from "../../protocol/mod.ts";
import {
  type Example,
  newProver,
  orderExamples,
  problemExamples,
  seederExamples,
  tokenExample,
  trackerExamples,
} from "./examples.ts";
import { joinCode, loginCode, proverBy } from "./fixed.ts";

const folder = new URL("./", import.meta.url);
const update = Deno.env.get("DENO_GOLDEN_UPDATE") === "1";
const address = "http://127.0.0.1:8470";

/** The recorded message of this name, after it was compared with (or written from) the example. */
async function recorded(name: string, example: unknown): Promise<unknown> {
  const file = new URL(`${name}.json`, folder);
  const text = JSON.stringify(example, null, 2) + "\n";
  if (update) await Deno.writeTextFile(file, text);
  const held = await Deno.readTextFile(file).catch(() => "");
  assert.equal(held, text, `${name}.json: rewrite with DENO_GOLDEN_UPDATE=1 if this is meant`);
  return JSON.parse(held);
}

/** The request as it goes over the wire. */
async function sent(route: Route, { request, body }: Example): Promise<Record<string, unknown>> {
  const token = route.access === "person" ? { token: tokenExample } : {};
  const code = route === trackerRoutes.join ? joinCode : loginCode;
  const prover = route.access === "seeder"
    ? { prover: newProver() }
    : route.access === "code"
    ? { prover: proverBy(code) }
    : {};
  const bytes = body === undefined ? {} : { bytes: body };
  const encoded = encodeRequest(route, address, request, { ...token, ...prover, ...bytes });
  const wire: Record<string, unknown> = {
    method: encoded.method,
    path: encoded.url.slice(address.length),
    headers: Object.fromEntries(encoded.headers),
  };
  if (route.body === "json") wire.body = await encoded.json();
  if (route.body === "bytes") wire.bodyBase64 = (await encoded.bytes()).toBase64();
  return wire;
}

async function checkRoute(side: string, name: string, route: Route, example: Example) {
  const wire = await sent(route, example);
  const reply = example.reply === undefined ? {} : { reply: example.reply };
  await recorded(`${side}.${name}`, { request: wire, ...reply });

  const input = route.input.parse(example.request);
  if (route.body === "json") assert.deepEqual(input, wire.body, "the request parses to itself");
  if (route.reply === "bytes") return assert.equal(example.reply, undefined);
  assert.deepEqual(route.output.parse(example.reply), example.reply, "the reply parses to itself");
  const answering = () =>
    Promise.resolve(
      new Response(JSON.stringify(example.reply), { headers: { "offshore-protocol": "2" } }),
    );
  const heard = await connect({ [name]: route } as RouteTable, address, answering, side)[name]?.(
    example.request,
    example.body === undefined ? {} : { bytes: example.body },
  );
  assert.deepEqual(heard, example.reply, "the caller hears what was sent");
}

const sides = [
  { side: "tracker", table: trackerRoutes as RouteTable, examples: trackerExamples },
  { side: "seeder", table: seederRoutes as RouteTable, examples: seederExamples },
];

for (const { side, table, examples } of sides) {
  for (const [name, route] of Object.entries(table)) {
    Deno.test(`golden ${side}.${name} parses by its schema and is sent as recorded`, async () => {
      const example = Object.entries(examples).find(([each]) => each === name)?.[1];
      assert.ok(example !== undefined, "every route has an example");
      await checkRoute(side, name, route, example);
    });
  }
}

for (const [kind, order] of Object.entries(orderExamples)) {
  Deno.test(`golden order.${kind} parses by its schema`, async () => {
    const held = await recorded(`order.${kind}`, order);
    assert.deepEqual(Order.parse(held), order);
  });
}

Deno.test("golden orders are of every kind there is", () => {
  const kinds = Order.options.map((option) => option.shape.kind.value);
  assert.deepEqual(Object.keys(orderExamples).sort(), kinds.sort());
});

Deno.test("golden problems are of every fault there is, and each becomes its fault", async () => {
  const held = await recorded("problems", problemExamples);
  assert.ok(Array.isArray(held));
  const problems = held.map((each) => Problem.parse(each));
  assert.deepEqual(problems.map(({ code }) => code), faultCodes);
  for (const problem of problems) {
    assert.deepEqual(problemOf(faultOf(problem), problem.requestId), problem);
  }
});

Deno.test("golden batch is encoded to the same bytes again", () => {
  const body = seederExamples.storeBatch.body ?? new Uint8Array();
  const items = decodeBatch(body);
  assert.equal(items.length, 2);
  assert.deepEqual(encodeBatch(items), body);
});

Deno.test("golden files are those of the messages and no others", async () => {
  const expected = [
    ...sides.flatMap(({ side, table }) => Object.keys(table).map((name) => `${side}.${name}`)),
    ...Object.keys(orderExamples).map((kind) => `order.${kind}`),
    "problems",
  ].map((name) => `${name}.json`).sort();
  const there: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name.endsWith(".json")) there.push(name);
  assert.deepEqual(there.sort(), expected);
});
