/** Addresses as people write them, and a real socket that is opened, refused and let go. */
import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import {
  isLoopback,
  isWildcard,
  listen,
  type Listener,
  parseListen,
  urlOf,
} from "../../../roles/kit/listen.ts";

Deno.test("parseListen reads host and port, and takes loopback where no host is named", () => {
  const cases: [string, string, number][] = [
    ["7420", "127.0.0.1", 7420],
    [":7420", "127.0.0.1", 7420],
    ["0.0.0.0:0", "0.0.0.0", 0],
    ["[::1]:65535", "::1", 65535],
    ["rack-2.example:80", "rack-2.example", 80],
  ];
  for (const [text, host, port] of cases) assert.deepEqual(parseListen(text), { host, port }, text);
  const bad = [
    "",
    ":",
    "a",
    "a:",
    "127.0.0.1",
    "::1:80",
    "[::1]",
    "a:65536",
    "a:-1",
    "a b:1",
    "a:1\n",
  ];
  for (const text of bad) assert.equal(parseListen(text), undefined, text);
});

Deno.test("isLoopback and isWildcard know which addresses are whose", () => {
  for (const host of ["localhost", "::1", "127.0.0.1", "127.9.9.9"]) assert.ok(isLoopback(host));
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example", "x127.0.0.1"]) {
    assert.equal(isLoopback(host), false, host);
  }
  for (const host of ["0.0.0.0", "::"]) assert.ok(isWildcard(host));
  assert.equal(isWildcard("127.0.0.1"), false);
});

Deno.test("urlOf puts IPv6 into brackets", () => {
  assert.equal(urlOf("10.0.0.1", 80), "http://10.0.0.1:80");
  assert.equal(urlOf("::1", 80), "http://[::1]:80");
});

async function faultOf(work: Promise<Listener>): Promise<Fault> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof Fault);
    return error;
  }
  throw new Error("it listens");
}

Deno.test("listen serves the app, and names what stands in the way", async () => {
  const app = (_: Request, from?: string) => Promise.resolve(new Response(`hello ${from}`));
  const listener = await listen(app, "127.0.0.1", 0);
  try {
    const reply = await fetch(urlOf(listener.host, listener.port));
    assert.equal(await reply.text(), "hello 127.0.0.1");
    const occupied = await faultOf(listen(app, "127.0.0.1", listener.port));
    assert.equal(occupied.code, "port-occupied");
    assert.ok(occupied.message.includes(String(listener.port)));
    assert.equal((await faultOf(listen(app, "192.0.2.1", 0))).code, "config-invalid");
  } finally {
    await listener.stop(1000);
  }
  const again = await listen(app, "127.0.0.1", listener.port);
  await again.stop(1000);
});

Deno.test("listen lets a request under way finish when it stops", async () => {
  const arrived = Promise.withResolvers<void>(), release = Promise.withResolvers<void>();
  const listener = await listen(
    async () => {
      arrived.resolve();
      await release.promise;
      return new Response("done");
    },
    "127.0.0.1",
    0,
  );
  const asking = fetch(urlOf(listener.host, listener.port)).then((reply) => reply.text());
  await arrived.promise;
  const stopped = listener.stop(60_000);
  release.resolve();
  assert.equal(await asking, "done");
  await stopped;
});

Deno.test("listen waits no longer than the grace for a request under way", async () => {
  const arrived = Promise.withResolvers<void>(), release = Promise.withResolvers<void>();
  const listener = await listen(
    async () => {
      arrived.resolve();
      await release.promise;
      return new Response("late");
    },
    "127.0.0.1",
    0,
  );
  const asking = fetch(urlOf(listener.host, listener.port)).then((reply) => reply.text());
  const cut = assert.rejects(asking, TypeError);
  await arrived.promise;
  await listener.stop(1);
  await cut;
  release.resolve();
});

/** What comes back on a connection that sends this, until it ends. */
async function exchange(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  let heard = "";
  const part = new Uint8Array(1000);
  const decoder = new TextDecoder();
  for (let count = await connection.read(part); count !== null;) {
    heard += decoder.decode(part.subarray(0, count));
    count = await connection.read(part).catch(() => null);
  }
  return heard;
}

const asked: string[] = [];
const counting = (request: Request) => {
  asked.push(request.url);
  return Promise.resolve(new Response("in", { headers: { "content-length": "2" } }));
};

Deno.test("listen refuses a head that has two meanings, and ends the connection", async () => {
  const listener = await listen(counting, "127.0.0.1", 0);
  asked.length = 0;
  const heads = {
    "two lengths": ["PUT / HTTP/1.1", "host: x", "content-length: 1", "content-length: 2"],
    "a length and chunks": [
      "PUT / HTTP/1.1",
      "host: x",
      "content-length: 1",
      "transfer-encoding: chunked",
    ],
    "a name twice": ["GET / HTTP/1.1", "host: x", "authorization: a", "authorization: b"],
    "no host": ["GET / HTTP/1.1"],
    "an address of another": ["GET http://other/ HTTP/1.1", "host: x"],
    "a body where there is none": ["GET / HTTP/1.1", "host: x", "content-length: 3"],
    "another protocol": ["GET / HTTP/1.1", "host: x", "connection: upgrade", "upgrade: h2c"],
    "a folded line": ["GET / HTTP/1.1", "host: x", "a: b", " c"],
    "HTTP/2 without asking": ["PRI * HTTP/2.0", "", "SM"],
    "a tunnel": ["CONNECT other:80 HTTP/1.1", "host: x"],
    "a head without end": ["GET / HTTP/1.1", "host: x", `a: ${"b".repeat(64 * 1024)}`],
  };
  try {
    for (const [what, lines] of Object.entries(heads)) {
      const heard = await exchange(listener.port, [...lines, "", ""].join("\r\n"));
      assert.match(heard, /^(HTTP\/1.1 4\d\d [\s\S]*)?$/, what);
    }
    assert.match(await exchange(listener.port, "GET / HTTP/1.1\nhost: x\n\n"), /^HTTP\/1.1 400/);
    assert.deepEqual(asked, []);
    const whole = ["GET /a HTTP/1.1", "host: x", "connection: close", "", ""].join("\r\n");
    assert.match(await exchange(listener.port, whole), /200[\s\S]*in$/);
    assert.deepEqual(asked.map((url) => new URL(url).pathname), ["/a"]);
  } finally {
    await listener.stop(1000);
  }
});

Deno.test("listen reads no more of a body than the app does, and answers all the same", async () => {
  const listener = await listen(counting, "127.0.0.1", 0);
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: listener.port });
    const head = ["PUT / HTTP/1.1", "host: x", `content-length: ${2 ** 30}`, "", ""].join("\r\n");
    await connection.write(new TextEncoder().encode(head));
    let sent = 0;
    const part = new Uint8Array(65_536);
    const sending = (async () => {
      while (sent < 2 ** 30) sent += await connection.write(part);
    })();
    // What the buffers of both sockets hold is all that is ever taken.
    await assert.rejects(sending);
    assert.ok(sent < 2 ** 26, `${sent} bytes were taken`);
  } finally {
    await listener.stop(1000);
  }
});

Deno.test("listen closes connections that show no whole head, or none", async () => {
  const listener = await listen(counting, "127.0.0.1", 0, { headMs: 200, restMs: 200 });
  try {
    const half = exchange(listener.port, "GET / HTTP/1.1\r\nhost: x\r\n");
    const silent = exchange(listener.port, "");
    const resting = exchange(listener.port, "GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    assert.match(await half, /^(HTTP\/1.1 408[\s\S]*)?$/);
    await silent;
    assert.match(await resting, /200[\s\S]*in/);
  } finally {
    await listener.stop(1000);
  }
});

Deno.test("listen goes on after more connections came than the process may have", async () => {
  const module = new URL("../../../roles/kit/listen.ts", import.meta.url);
  const script = `import { listen } from "${module}";
    const app = () => Promise.resolve(new Response("in", { headers: { "content-length": "2" } }));
    console.log((await listen(app, "127.0.0.1", 0)).port);`;
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      'ulimit -n 256 && exec "$0" eval --quiet --config "$1" "$2"',
      ...[Deno.execPath(), config, script],
    ],
    stdout: "piped",
  }).spawn();
  const late = setTimeout(() => child.kill("SIGKILL"), 30_000);
  try {
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const port = Number((await reader.read()).value);
    await reader.cancel();
    const strangers: Deno.Conn[] = [];
    for (let i = 0; i < 300; i++) {
      strangers.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    }
    for (const stranger of strangers) stranger.close();
    let heard = "";
    for (let tries = 0; !heard.endsWith("in") && tries < 1_000; tries++) {
      const text = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
      heard = await exchange(port, text).catch(() => "");
    }
    assert.match(heard, /^HTTP\/1.1 200/);
  } finally {
    clearTimeout(late);
    child.kill("SIGKILL");
    await child.status;
  }
});
