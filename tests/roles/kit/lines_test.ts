/** Lines of files, whatever their length and wherever the parts of the reading end. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { linesOf } from "../../../roles/kit/lines.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";

async function linesOfText(text: string): Promise<string[]> {
  const disk = new SimDisk({ random: seededRandom(1) });
  const file = await disk.open("/file", "create");
  await file.write(new TextEncoder().encode(text), 0);
  file.close();
  return await Array.fromAsync(linesOf(disk, "/file"));
}

Deno.test("linesOf gives every line, and a last one that has no end", async () => {
  assert.deepEqual(await linesOfText(""), []);
  assert.deepEqual(await linesOfText("\n"), [""]);
  assert.deepEqual(await linesOfText("a\n\nb\n"), ["a", "", "b"]);
  assert.deepEqual(await linesOfText("a\nb"), ["a", "b"]);
});

Deno.test("linesOf gives lines longer than one reading, and characters cut by its end", async () => {
  const line = fc.tuple(fc.constantFrom("é", "\u{1f600}", "a"), fc.nat(200_000))
    .map(([unit, times]) => unit.repeat(times));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 5 }), async (lines) => {
      const text = lines.map((each) => `${each}\n`).join("");
      assert.deepEqual(await linesOfText(text), lines);
    }),
    { numRuns: 20 },
  );
});
