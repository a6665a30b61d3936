import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";

Deno.test("the client remembers a login; a new code replaces it only when it works", async () => {
  await using world = await openClientWorld();
  const state = `${world.local}/other-state`;
  const nobody = await world.run(["--state", state, "ls"]);
  assert.equal(nobody.code, 4);
  assert.match(nobody.error, /nobody has logged in[^]*next: type: offshore login/);
  // Without the cluster being needed nobody has to log in.
  assert.equal((await world.run(["--state", state, "lpwd"])).code, 0);

  const login = (code: string) => world.run(["--state", state, "login"], { input: `${code}\n` });
  assert.match((await login(world.cluster.code)).output, /logged in as admin at http/);
  assert.equal((await world.run(["--state", state, "ls"])).code, 0);
  const saved = await Deno.readTextFile(`${state}/client.json`);
  assert.equal(((await Deno.stat(`${state}/client.json`)).mode ?? 0) & 0o777, 0o600);
  const forged = `${world.cluster.code.slice(0, -3)}000`;
  for (const code of ["wrong", forged, `${world.cluster.code}x`]) {
    const refused = await login(code);
    assert.equal(refused.code, 4);
    assert.match(refused.error, /next: /);
    assert(!refused.error.includes(code), "a code is in no message, however wrong it is");
  }
  assert.equal((await login("")).code, 4);
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

Deno.test("of two clients with the one code of a file, the second takes the one after it", async () => {
  await using world = await openClientWorld();
  const codes = world.cluster.session.tracker;
  const mint = async () => (await codes.mintCode({ purpose: "login" })).code;
  const path = `${world.local}/code`;
  const used = await mint();
  await Deno.writeTextFile(path, `${used}\n`);
  const words = (
    state: string,
    file: string,
  ) => ["--state", `${world.local}/${state}`, "--login-code-file", file, "ls"];
  assert.equal((await world.run(words("one", path))).code, 0);
  const refused = await world.run(words("two", path));
  assert.equal(refused.code, 4, "nobody wrote another");
  assert.match(refused.error, /serves once, and was used[^]*next: .*login-code/);
  const waiting = world.run(words("two", path));
  await Deno.writeTextFile(`${path}.new`, `${await mint()}\n`);
  await Deno.rename(`${path}.new`, path);
  assert.equal((await waiting).code, 0);
  const piped = await world.run(words("three", "-"), { input: `${await mint()}\n` });
  assert.equal(piped.code, 0, piped.error);
});

Deno.test("in a shell without a terminal login takes the line after it", async () => {
  await using world = await openClientWorld();
  const { code } = await world.cluster.session.tracker.mintCode({ purpose: "login" });
  const ran = await world.script(["login", code, "pwd"]);
  assert.equal(ran.code, 0, ran.error);
  assert.match(ran.output, /logged in as admin[^]*\n\/\n/);
  assert(!`${ran.output}${ran.error}`.includes(code));
});
