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
    "lst",
    "mkdir /b",
    "exit",
    "mkdir /c",
  ]);
  assert.equal(ran.code, 3);
  assert.match(ran.error, /\/none is not there[^]*unknown command 'lst'/);
  assert.equal((await world.run(["ls"])).output, "a\nb\n");
  assert.equal((await world.script(["ls"])).code, 0);
  // No line end after the last line, and one from Windows.
  assert.equal((await world.run([], { input: "mkdir /d\r\nmkdir /e" })).code, 0);
  assert.equal((await world.run(["ls"])).output, "a\nb\nd\ne\n");
  assert.equal((await world.run([], { input: new Uint8Array([0xff, 0x0a]) })).code, 2);
  assert.equal((await world.script(["put - /x"])).code, 2);
});

Deno.test("a batch ends where a line was not read or did not go where it should", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "-p", "/many/deep"]);
  const told = /offshore: nothing after this line was run\n$/;
  const lines: [string, number][] = [
    ["cd /nosuch", 3],
    ["cd /many /deep", 2],
    ["cd --quiet /many", 2],
    ["cd /many && ls", 2],
    ["ls /many; cd /many", 2],
    ["cd 'open", 2],
    ["lcd /nosuch-either", 3],
    ["--json cd /nosuch", 3],
    ["ls /many/*", 2],
  ];
  for (const [line, code] of lines) {
    const ran = await world.script([line, "rm -r --now many"]);
    assert.equal(ran.code, code, line);
    assert.match(ran.error, told, line);
    assert.equal(ran.output, "", line);
    assert.equal((await world.run(["ls", "/many"])).output, "deep\n", line);
  }
  // Any other failure is told and no more, and what other shells split comes as it is from outside.
  assert.equal((await world.script(["ls /nosuch", "cd /many", "pwd"])).output, "/many\n");
  assert.equal((await world.run(["mkdir", "/a && b", "/x*"])).code, 0);
  assert.equal((await world.run(["ls"])).output, "a && b\nmany\nx*\n");
});

Deno.test("a person's cd that fails drops what was pasted behind it, and says so", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "/many"]);
  const pasted = ["cd /nosuch", "rm -r --now many", "rmdir many"];
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: () => Promise.resolve(pasted.shift()),
    dropped: () => pasted.splice(0).length,
  });
  assert.equal((await world.run([], terminal)).code, 0);
  assert.match(terminal.error, /\noffshore: 2 lines that were waiting are not run\n/);
  assert.equal((await world.run(["ls"])).output, "many\n");
});

Deno.test("the shell at a terminal prompts with the place and leaves with 0", async () => {
  await using world = await openClientWorld();
  const lines = ["mkdir /a", "cd a", "lst", "", undefined];
  const prompts: string[] = [];
  const terminal = new FakeTerminal({
    inputIsTerminal: true,
    typed: (parts, prompt) => {
      prompts.push(prompt);
      const line = lines.shift();
      if (line) parts.onLine(line);
      return Promise.resolve(line);
    },
  });
  const ran = await world.run([], terminal);
  assert.equal(ran.code, 0);
  assert.deepEqual(prompts, ["/", "/", "/a", "/a", "/a"].map((path) => `offshore:${path}$ `));
  assert.match(ran.error, /unknown command 'lst'/);
  const state = world.parts.environment.OFFSHORE_STATE;
  assert.equal(await Deno.readTextFile(`${state}/history`), "lst\ncd a\nmkdir /a\n");
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
