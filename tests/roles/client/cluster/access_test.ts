import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("the client remembers a login; a new code replaces it only when it works", async () => {
  await using world = await openClientWorld();
  const state = `${world.local}/other-state`;
  const nobody = await world.run(["--state", state, "ls"]);
  assert.equal(nobody.code, 4);
  assert.match(nobody.error, /nobody has logged in[^]*next: type: offshore --login-code CODE/);
  // Without the cluster being needed nobody has to log in.
  assert.equal((await world.run(["--state", state, "lpwd"])).code, 0);

  assert.equal(
    (await world.run(["--state", state, "--login-code", world.cluster.code, "ls"])).code,
    0,
  );
  assert.equal((await world.run(["--state", state, "ls"])).code, 0);
  const saved = await Deno.readTextFile(`${state}/client.json`);
  assert.equal(((await Deno.stat(`${state}/client.json`)).mode ?? 0) & 0o777, 0o600);
  assert.equal((await world.run(["--state", state, "--login-code", "wrong", "ls"])).code, 4);
  const forged = `${world.cluster.code.slice(0, -3)}xyz`;
  assert.equal((await world.run(["--state", state, "--login-code", forged, "ls"])).code, 4);
  assert.equal(await Deno.readTextFile(`${state}/client.json`), saved);

  await Deno.writeTextFile(`${state}/client.json`, "{");
  const damaged = await world.run(["--state", state, "ls"]);
  assert.equal(damaged.code, 1);
  assert.match(damaged.error, /client\.json[^]*next: remove/);
});

Deno.test("the client waits for a login code file to appear", async () => {
  await using world = await openClientWorld();
  const path = `${world.local}/code`;
  const state = `${world.local}/fresh`;
  const started = world.run(["--state", state, "--login-code-file", path, "ls"]);
  await Deno.writeTextFile(`${path}.new`, `${world.cluster.code}\n`);
  await Deno.rename(`${path}.new`, path);
  const ran = await started;
  assert.equal(ran.code, 0, ran.error);
});
