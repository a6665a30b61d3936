/** The health question: a line for a role that answers, a fault for one that does not. */
import assert from "node:assert/strict";
import { Fault, protocolHeader, type Transport } from "../../../protocol/mod.ts";
import { systemClock } from "../../../roles/kit/clock.ts";
import { askHealth } from "../../../roles/kit/health.ts";

const well = { status: "ok", role: "seeder", version: "0.1.0", protocol: 2 };

Deno.test("askHealth tells role, version and state, and asks on loopback", async () => {
  const asked: string[] = [];
  const transport: Transport = (request) => {
    asked.push(request.url);
    return Promise.resolve(Response.json(well, { headers: { [protocolHeader]: "2" } }));
  };
  const line = await askHealth({ host: "0.0.0.0", port: 7421 }, transport, systemClock());
  assert.equal(line, "seeder 0.1.0 at http://127.0.0.1:7421: ok");
  assert.deepEqual(asked, ["http://127.0.0.1:7421/v1/health"]);
});

Deno.test("askHealth throws where nobody answers, or something else does", async () => {
  const bad: Transport[] = [
    () => Promise.reject(new TypeError("connection refused")),
    () => Promise.resolve(new Response("<html>", { headers: { [protocolHeader]: "2" } })),
    () => Promise.resolve(Response.json(well)),
  ];
  for (const transport of bad) {
    const asking = askHealth({ host: "127.0.0.1", port: 1 }, transport, systemClock());
    await assert.rejects(asking, Fault);
  }
});

Deno.test("askHealth counts a tracker that waits for seeders as well, a role that starts not", async () => {
  const answering = (status: string): Transport => () =>
    Promise.resolve(
      Response.json({ ...well, role: "tracker", status }, { headers: { [protocolHeader]: "2" } }),
    );
  const ask = (status: string) =>
    askHealth({ host: "127.0.0.1", port: 1 }, answering(status), systemClock());
  assert.match(await ask("rebuilding"), /^tracker .*: rebuilding$/);
  await assert.rejects(ask("starting"), /up but not ready/);
});
