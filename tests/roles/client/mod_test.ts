import assert from "node:assert/strict";
import { OutputClosed } from "../../../roles/client/terminal/terminal.ts";
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

Deno.test("runClient answers an absent tracker with 5, and says where it looked", async () => {
  await using world = await openClientWorld();
  world.cluster.trackerBehave = () => "unreachable";
  const ran = await world.run(["ls"]);
  assert.equal(ran.code, 5);
  assert.match(ran.error, /^offshore: the tracker at http:\/\/tracker:1 did not answer.*waiting/);
  assert.match(ran.error, /\nls: the tracker at .*\n {2}next: check that it runs/);
});

Deno.test("runClient ends quietly when nobody reads its output any more", async () => {
  await using world = await openClientWorld();
  const terminal = new FakeTerminal({});
  terminal.write = () => Promise.reject(new OutputClosed(""));
  const ran = await world.run(["pwd"], terminal);
  assert.deepEqual([ran.code, ran.error], [1, ""]);
});
