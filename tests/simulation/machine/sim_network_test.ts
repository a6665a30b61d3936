import assert from "node:assert/strict";
import { randomInt, seededRandom } from "../../../roles/kit/random.ts";
import type { App } from "../../../roles/kit/serve.ts";
import { Timeline } from "./sim_clock.ts";
import { SimNetwork } from "./sim_network.ts";
import { SimProcess } from "./sim_process.ts";

const echo: App = async (request, peer) => {
  const bytes = new Uint8Array(await request.arrayBuffer());
  return new Response(bytes, { headers: { peer: peer ?? "", length: String(bytes.length) } });
};

function setUp(seed = 1, app: App = echo) {
  const timeline = new Timeline();
  const trace: string[] = [];
  const network = new SimNetwork(timeline, seededRandom(seed), (line) => trace.push(line));
  const server = new SimProcess("server"), client = new SimProcess("client");
  network.listen(server, "10.0.0.1", 7000, app);
  const transport = client.transport(network.transport(client, "10.0.0.2"));
  const send = (body?: Uint8Array<ArrayBuffer> | string, signal?: AbortSignal) =>
    transport(
      new Request("http://10.0.0.1:7000/x", {
        method: "POST",
        body: body ?? null,
        ...(signal === undefined ? {} : { signal }),
        headers: typeof body === "string" ? { "content-type": "application/json" } : {},
      }),
    );
  return { timeline, network, server, client, send, trace };
}

Deno.test("SimNetwork carries a request and its reply, copied", async () => {
  const { timeline, send } = setUp();
  const sent = new Uint8Array(100_000).fill(7);
  const response = await timeline.run(send(sent));
  sent.fill(8);
  assert.equal(response.headers.get("peer"), "10.0.0.2");
  const bytes = new Uint8Array(await timeline.run(response.arrayBuffer()));
  assert.deepEqual(bytes, new Uint8Array(100_000).fill(7));
});

Deno.test("SimNetwork serves a reader with a buffer of its own", async () => {
  const { timeline, send } = setUp();
  const response = await timeline.run(send(new Uint8Array([1, 2, 3])));
  const reader = response.body!.getReader({ mode: "byob" });
  const first = await timeline.run(reader.read(new Uint8Array(10)));
  assert.deepEqual(first.value, new Uint8Array([1, 2, 3]));
  const second = await timeline.run(reader.read(new Uint8Array(10)));
  assert.equal(second.done, true);
});

Deno.test("SimNetwork refuses where nothing listens, and is silent without power", async () => {
  const { timeline, network, server, send } = setUp();
  network.unplug("10.0.0.1");
  await assert.rejects(timeline.run(send()), /timed out/);
  assert(timeline.elapsedMs >= 20_000);
  network.plug("10.0.0.1");
  server.end();
  await assert.rejects(timeline.run(send()), /refused/);
});

Deno.test("SimNetwork resets what is under way when the process behind it ends", async () => {
  const { timeline, server, send } = setUp(1, () => new Promise(() => {}));
  timeline.after(50, () => server.end());
  await assert.rejects(timeline.run(send()), /reset/);
  assert(timeline.elapsedMs < 100);
});

Deno.test("SimNetwork holds back behind a wall in one direction until it falls", async () => {
  let served = 0;
  const { timeline, network, send } = setUp(1, (request) => {
    served++;
    return echo(request);
  });
  network.wall("10.0.0.1", "10.0.0.2");
  timeline.after(5000, () => {
    assert.equal(served, 1, "the request got through");
    network.heal();
  });
  await timeline.run(send());
  assert(timeline.elapsedMs >= 5000);
});

Deno.test("SimNetwork loses requests before and replies after they are carried out", async () => {
  for (const [fault, expected] of [["requestsLost", 0], ["repliesLost", 1]] as const) {
    for (let seed = 0; seed < 10; seed++) {
      let served = 0;
      const { timeline, network, send } = setUp(seed, (request) => {
        served++;
        return echo(request);
      });
      network.faults[fault] = 1;
      const stop = new AbortController();
      timeline.after(1000, () => stop.abort(new Error("deadline")));
      await assert.rejects(timeline.run(send("{}", stop.signal)), /reset|deadline/);
      assert.equal(served, expected);
    }
  }
});

Deno.test("SimNetwork delivers a doubled JSON request twice and answers once", async () => {
  const bodies: string[] = [];
  const { timeline, network, send } = setUp(1, async (request) => {
    bodies.push(await request.text());
    return new Response("done");
  });
  network.faults.requestsDoubled = 1;
  const response = await timeline.run(send('{"a":1}'));
  assert.equal(await timeline.run(response.text()), "done");
  assert.deepEqual(bodies, ['{"a":1}', '{"a":1}']);
});

Deno.test("SimNetwork cuts bodies in the middle, for the reader and the writer", async () => {
  let cut = 0;
  for (let seed = 0; seed < 20; seed++) {
    const { timeline, network, send } = setUp(seed);
    network.faults.bodiesCut = 1;
    try {
      const response = await timeline.run(send(new Uint8Array(300_000)));
      await timeline.run(response.arrayBuffer());
    } catch {
      cut++;
    }
  }
  assert(cut >= 10, `${cut} of 20 were cut`);
});

Deno.test("SimNetwork lets the reader abort a reply that stalls", async () => {
  const { timeline, network, send } = setUp(3);
  network.faults.bodiesStalled = 1;
  const stop = new AbortController();
  timeline.after(1000, () => stop.abort(new Error("stalled")));
  const read = async () => {
    for (;;) {
      const response = await send(new Uint8Array(100), stop.signal);
      await response.arrayBuffer();
    }
  };
  await assert.rejects(timeline.run(read()), /stalled/);
});

Deno.test("SimNetwork tells the same story for the same seed", async () => {
  const story = async (seed: number) => {
    const { timeline, network, send, trace } = setUp(seed);
    Object.assign(network.faults, {
      delayMs: 50,
      partDelayMs: 5,
      requestsLost: 0.1,
      repliesLost: 0.1,
      requestsDoubled: 0.1,
      bodiesCut: 0.2,
    });
    const random = seededRandom(seed);
    const told: string[] = [];
    const actor = async (name: number) => {
      for (let i = 0; i < 10; i++) {
        const stop = new AbortController();
        const forget = timeline.after(500, () => stop.abort(new Error("deadline")));
        try {
          const response = await send(new Uint8Array(randomInt(random, 0, 200_000)), stop.signal);
          told.push(`${timeline.elapsedMs} ${name} ${(await response.arrayBuffer()).byteLength}`);
        } catch (error) {
          told.push(`${timeline.elapsedMs} ${name} ${error}`);
        }
        forget();
      }
    };
    await timeline.run(Promise.all([1, 2, 3, 4].map(actor)));
    return [...trace, ...told].join("\n");
  };
  const first = await story(5);
  assert.equal(await story(5), first);
  assert.notEqual(await story(6), first);
});

Deno.test("SimNetwork delivers a report once more after later ones", async () => {
  const seen: string[] = [];
  const { timeline, network, client } = setUp(3, async (request) => {
    seen.push(await request.text());
    return new Response("{}");
  });
  network.faults.reportsLate = 1;
  const transport = client.transport(network.transport(client, "10.0.0.2"));
  for (const body of ["1", "2", "3", "4"]) {
    const request = new Request("http://10.0.0.1:7000/v1/seeders/heartbeat", {
      ...{ method: "POST", body, headers: { "content-type": "application/json" } },
    });
    await timeline.run(transport(request));
    await timeline.pass(100);
  }
  assert.deepEqual(seen.slice(0, 4), ["1", "2", "3", "4"]);
  await timeline.pass(20_000);
  assert.equal(seen.length, 8);
  assert.notDeepEqual(seen.slice(4), ["1", "2", "3", "4"], "in another order");
});
