import assert from "node:assert/strict";
import { Fault } from "../../../protocol/mod.ts";
import { secretIn, secretInputOn } from "../../../roles/kit/secret_input.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";

/** Standard input with these bytes, and what was shown meanwhile. */
function inputOf(text: string, isTerminal: boolean) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const shown: string[] = [], raw: boolean[] = [];
  const input = secretInputOn({
    isTerminal: () => isTerminal,
    setRaw: (on) => void raw.push(on),
    read: (into) => {
      const byte = bytes[at++];
      if (byte === undefined) return Promise.resolve(null);
      into[0] = byte;
      return Promise.resolve(1);
    },
  }, (text) => void shown.push(text));
  return { input, shown, raw, rest: () => text.slice(at) };
}

Deno.test("secretInputOn shows nothing of what is typed, and leaves the terminal as it was", async () => {
  const typed = inputOf("offshorx\x7fe-code\rmore", true);
  assert.equal(await typed.input.ask("code: "), "offshore-code");
  assert.deepEqual([typed.shown, typed.raw, typed.rest()], [
    ["code: ", "\n"],
    [true, false],
    "more",
  ]);
  const stopped = inputOf("half\x03", true);
  await assert.rejects(stopped.input.ask("code: "), { code: "interrupted" });
  assert.deepEqual(stopped.raw, [true, false]);
  assert.equal(await inputOf("\x04", true).input.ask(""), undefined);
});

Deno.test("secretInputOn takes one line of a pipe and leaves the rest to whoever reads next", async () => {
  const piped = inputOf("  the code \nls\n", false);
  assert.equal(await piped.input.ask("code: "), "the code");
  assert.deepEqual([piped.shown, piped.raw, piped.rest()], [[], [], "ls\n"]);
  assert.equal(await inputOf("", false).input.ask(""), undefined);
  await assert.rejects(
    inputOf("x".repeat(10_000), false).input.ask(""),
    (fault) => fault instanceof Fault && !fault.message.includes("xx"),
  );
});

Deno.test("secretIn reads a file, or standard input for -", async () => {
  const disk = new SimDisk({ random: seededRandom(1) });
  const file = await disk.open("/code", "create");
  await file.write(new TextEncoder().encode(" in a file\n"), 0);
  file.close();
  const { input } = inputOf("piped\n", false);
  assert.equal(await secretIn(disk, "/code", input), "in a file");
  assert.equal(await secretIn(disk, "/none", input), undefined);
  assert.equal(await secretIn(disk, "-", input), "piped");
});
