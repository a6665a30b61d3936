import assert from "node:assert/strict";
import { type ClientParts, runClient } from "../../../../roles/client/mod.ts";
import { FakeTerminal, openClientWorld } from "../client_world.ts";

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
  assert.match(terminal.error, /^ls: cancelled\n/);
  assert.equal(terminal.output, "/\n");
});
