/** The real network, to a server on this machine and to a port where nobody listens. */
import assert from "node:assert/strict";
import { systemTransport } from "../../../roles/kit/system_transport.ts";

Deno.test("systemTransport carries a request and its reply, and refuses a redirect", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) =>
      new URL(request.url).pathname === "/away"
        ? Response.redirect("http://127.0.0.1:1/")
        : new Response(request.body, { headers: { "x-method": request.method } }),
  );
  const transport = systemTransport();
  try {
    const base = `http://127.0.0.1:${server.addr.port}`;
    const body = new Uint8Array(100_000).fill(7);
    const response = await transport(new Request(`${base}/x`, { method: "PUT", body }));
    assert.equal(response.headers.get("x-method"), "PUT");
    assert.deepEqual(await response.bytes(), body);
    await assert.rejects(transport(new Request(`${base}/away`)));
  } finally {
    transport.close();
    await server.shutdown();
  }
});

Deno.test("systemTransport rejects when nobody listens", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const transport = systemTransport();
  try {
    await assert.rejects(transport(new Request(`http://127.0.0.1:${port}/`)), TypeError);
  } finally {
    transport.close();
  }
});
