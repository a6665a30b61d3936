import assert from "node:assert/strict";
import { hexLines } from "../../../../roles/client/commands/preview.ts";
import { openClientWorld } from "../client_world.ts";

Deno.test("preview shows the first 4 KiB, safely, and says what is more", async () => {
  await using world = await openClientWorld(2);
  await world.run(["put", "-", "/text"], { input: "a\tb\x1b[31m\nü\n" });
  await world.run(["put", "-", "/long"], { input: "ü".repeat(5000) });
  await world.run(["put", "-", "/none"], { input: "" });
  assert.equal((await world.run(["pv", "/text"])).output, "a\tb\\e[31m\nü\n");
  const long = await world.run(["preview", "/long"]);
  assert.equal(long.output, `${"ü".repeat(2048)}\n`);
  assert.match(long.error, /5\.77 KiB more \(5904 bytes\)/);
  assert.match((await world.run(["pv", "/none"])).error, /\/none is empty/);
  const hex = await world.run(["pv", "--hex", "/text"]);
  assert.equal(
    hex.output.split("\n")[0],
    hexLines(new TextEncoder().encode("a\tb\x1b[31m\nü\n"))[0],
  );
  assert.deepEqual((await world.run(["pv", "--json", "/text"])).json(), [
    { path: "/text", sizeBytes: 12, shownBytes: 12, text: "a\tb\x1b[31m\nü\n" },
  ]);
  assert.equal((await world.run(["pv", "/"])).code, 4);
});

Deno.test("hexLines writes offsets, bytes and characters", () => {
  assert.deepEqual(hexLines(new TextEncoder().encode("0123456789abcdef\x00ü")), [
    "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|",
    `00000010  00 c3 bc${" ".repeat(15)}  ${" ".repeat(23)}  |...|`,
  ]);
});
