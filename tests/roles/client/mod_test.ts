import assert from "node:assert/strict";
import { type ClientParts, runClient } from "../../../roles/client/mod.ts";
import { FakeTerminal, openClientWorld } from "./client_world.ts";

Deno.test("runClient answers bad words with 2 and what to type", async () => {
  await using world = await openClientWorld();
  const cases: [string[], RegExp][] = [
    [["lst"], /unknown command 'lst'\n {2}next: did you mean list/],
    [["ls", "--lnog"], /unknown option '--lnog'\n {2}next: did you mean --long/],
    [["get"], /missing required argument 'paths'\n {2}next: type: offshore help get/],
    [["pwd", "x"], /too many arguments/],
    [["--tracker", "nowhere", "ls"], /--tracker is "nowhere": expected http/],
    [["--log-level", "loud", "ls"], /loud/],
    [["put", "-", "/"], /\/ is a directory\n {2}next: name the file/],
    [["mkdir", `/${"x".repeat(256)}`], /256 bytes/],
    [["ls", ""], /the path is empty/],
  ];
  for (const [words, message] of cases) {
    const ran = await world.run(words);
    assert.match(ran.error, message);
    assert.equal(ran.code, words.includes("-") ? 4 : 2, words.join(" "));
    assert.equal(ran.output, "");
  }
});

Deno.test("runClient prints help at every level, and the version", async () => {
  await using world = await openClientWorld();
  const all = await world.run(["help"]);
  assert.match(all.output, /Usage: offshore \[options\] \[COMMAND\]\n[^]*put, upload/);
  assert.equal((await world.run(["--help"])).output, all.output);
  const put = await world.run(["help", "put"]);
  assert.match(put.output, /offshore put\|upload \[options\] LOCAL\.\.\. \[REMOTE\]/);
  assert.equal((await world.run(["upload", "--help"])).output, put.output);
  assert.equal((await world.run(["help", "nothing"])).code, 2);
  assert.match((await world.run(["--version"])).output, /^\d+\.\d+\.\d+\n$/);
  assert.match((await world.script(["help ls"])).output, /^Usage: list\|ls/);
});

Deno.test("runClient remembers a login; a new code replaces it only when it works", async () => {
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

Deno.test("runClient waits for a login code file to appear", async () => {
  await using world = await openClientWorld();
  const path = `${world.local}/code`;
  const state = `${world.local}/fresh`;
  const started = world.run(["--state", state, "--login-code-file", path, "ls"]);
  await Deno.writeTextFile(`${path}.new`, `${world.cluster.code}\n`);
  await Deno.rename(`${path}.new`, path);
  const ran = await started;
  assert.equal(ran.code, 0, ran.error);
});

Deno.test("the shell goes on after failures in a script and exits as the first one", async () => {
  await using world = await openClientWorld();
  const ran = await world.script([
    "# a comment",
    "",
    "   ",
    "mkdir /a",
    "ls /none   # this fails with 3",
    'put "open',
    "lst",
    "mkdir /b",
    "exit",
    "mkdir /c",
  ]);
  assert.equal(ran.code, 3);
  assert.match(ran.error, /quote " not closed[^]*unknown command 'lst'/);
  assert.equal((await world.run(["ls"])).output, "a\nb\n");
  assert.equal((await world.script(["ls"])).code, 0);
  // No line end after the last line, and one from Windows.
  assert.equal((await world.run([], { input: "mkdir /d\r\nmkdir /e" })).code, 0);
  assert.equal((await world.run(["ls"])).output, "a\nb\nd\ne\n");
  assert.equal((await world.run([], { input: new Uint8Array([0xff, 0x0a]) })).code, 2);
  assert.equal((await world.script(["put - /x"])).code, 2);
});

Deno.test("the shell at a terminal prompts with the place and leaves with 0", async () => {
  await using world = await openClientWorld();
  const lines = ["mkdir /a", "cd a", "lst", "", undefined];
  const prompts: string[] = [];
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: (parts, prompt) => {
      prompts.push(prompt);
      parts.onHistory(["cd a", "mkdir /a"]);
      return Promise.resolve(lines.shift());
    },
  });
  const ran = await world.run([], terminal);
  assert.equal(ran.code, 0);
  assert.deepEqual(prompts, ["/", "/", "/a", "/a", "/a"].map((path) => `offshore:${path}$ `));
  assert.match(ran.error, /unknown command 'lst'/);
  const state = world.parts.environment.OFFSHORE_STATE;
  assert.equal(await Deno.readTextFile(`${state}/history`), "cd a\nmkdir /a\n");
});

Deno.test("Ctrl-C cancels the running command and not the shell", async () => {
  await using world = await openClientWorld();
  const lines = ["ls", "pwd", "exit"];
  // The first question to the tracker is never answered; Ctrl-C comes while it waits.
  let isHanging = true, interrupt = () => false;
  const transport: ClientParts["transport"] = (request) => {
    if (!isHanging) return world.parts.transport(request);
    isHanging = false;
    return new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => reject(request.signal.reason));
      assert.equal(interrupt(), true);
    });
  };
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: (parts) => {
      interrupt = parts.onInterrupt;
      assert.equal(interrupt(), false);
      return Promise.resolve(lines.shift());
    },
  });
  const code = await runClient({ ...world.parts, transport, argv: [], terminal });
  assert.equal(code, 0);
  assert.match(terminal.error, /^list: cancelled\n/);
  assert.equal(terminal.output, "/\n");
});

Deno.test("Tab completes commands, options, remote and local paths", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "-p", "/photos/2025", "/photos/2026", "/my stuff"]);
  await Deno.mkdir(`${world.local}/papers`);
  await Deno.writeTextFile(`${world.local}/pa'per.txt`, "");
  const wanted: [string, string[]][] = [
    ["jo", ["join-code "]],
    ["ls --l", ["--long "]],
    ["ls /ph", ["/photos/"]],
    ["cd photos/202", ["photos/2025/", "photos/2026/"]],
    ["cd my", ["my\\ stuff/"]],
    ['cd "my', ['"my stuff/']],
    ["put pap", ["papers/"]],
    ["put pa", ["pa\\'per.txt ", "papers/"]],
    ["put x ph", ["photos/"]],
    ["pwd x", []],
    ["nothing x", []],
  ];
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: async (parts) => {
      for (const [line, candidates] of wanted) {
        const completion = await parts.complete(line);
        assert.deepEqual(completion.candidates, candidates, line);
        assert(line.endsWith(completion.typed));
      }
      return undefined;
    },
  });
  assert.equal((await world.run([], terminal)).code, 0, terminal.error);
});
