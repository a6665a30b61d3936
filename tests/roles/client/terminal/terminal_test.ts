import assert from "node:assert/strict";
import fc from "fast-check";
import { linesOf } from "../../../../roles/client/terminal/terminal.ts";

Deno.test("linesOf cuts text into lines however it arrives", async () => {
  const line = fc.string({ unit: fc.constantFrom(..."aü漢 \t"), maxLength: 6 });
  await fc.assert(fc.asyncProperty(
    fc.array(line, { minLength: 1, maxLength: 8 }),
    fc.array(fc.nat(40)),
    fc.boolean(),
    async (lines, cuts, hasLastEnd) => {
      const bytes = new TextEncoder().encode(lines.join("\n") + (hasLastEnd ? "\n" : ""));
      const edges = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b)];
      const parts = edges.map((edge, i) => bytes.slice(edge, edges[i + 1] ?? bytes.length));
      const got = await Array.fromAsync(linesOf(ReadableStream.from(parts)));
      const wanted = !hasLastEnd && lines.at(-1) === "" ? lines.slice(0, -1) : lines;
      assert.deepEqual(got, wanted);
    },
  ));
});

Deno.test("linesOf refuses what is no text, and a line without end", async () => {
  const endless = async function* () {
    for (;;) yield new TextEncoder().encode("x".repeat(65_536));
  };
  await assert.rejects(Array.fromAsync(linesOf(endless())), /no line ends/);
  const broken = ReadableStream.from([new Uint8Array([0xc3])]);
  await assert.rejects(Array.fromAsync(linesOf(broken)), /not text in UTF-8/);
});
