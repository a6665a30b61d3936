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

function faultOf(work: () => Listener): Fault {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof Fault);
    return error;
  }
  throw new Error("it listens");
}

Deno.test("listen serves the app, and names what stands in the way", async () => {
  const app = (_: Request, from?: string) => Promise.resolve(new Response(`hello ${from}`));
  const listener = listen(app, "127.0.0.1", 0);
  try {
    const reply = await fetch(urlOf(listener.host, listener.port));
    assert.equal(await reply.text(), "hello 127.0.0.1");
    const occupied = faultOf(() => listen(app, "127.0.0.1", listener.port));
    assert.equal(occupied.code, "port-occupied");
    assert.ok(occupied.message.includes(String(listener.port)));
    assert.equal(faultOf(() => listen(app, "192.0.2.1", 0)).code, "config-invalid");
  } finally {
    await listener.stop(1000);
  }
  const again = listen(app, "127.0.0.1", listener.port);
  await again.stop(1000);
});

Deno.test("listen lets a request under way finish when it stops", async () => {
  const arrived = Promise.withResolvers<void>(), release = Promise.withResolvers<void>();
  const listener = listen(
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
  const listener = listen(
    async () => {
      arrived.resolve();
      await release.promise;
      return new Response("late");
    },
    "127.0.0.1",
    0,
  );
  const asking = fetch(urlOf(listener.host, listener.port)).then((reply) => reply.text());
  await arrived.promise;
  await listener.stop(1);
  release.resolve();
  assert.equal(await asking, "late");
});
