import { drawOptions, runOptions, worded } from "./swarm.ts";
const [from, runs, kinds] = [
  Number(Deno.args[0]),
  Number(Deno.args[1]),
  (Deno.args[2] ?? "clock,suspend").split(","),
];
Error.stackTraceLimit = 0;
let failed = 0;
let upl = 0;
const codes = new Map<string, number>();
for (let seed = from; seed < from + runs; seed++) {
  const drawn = drawOptions(seed);
  const options = {
    ...drawn,
    copies: Math.max(2, drawn.copies),
    troubles: kinds as never,
    stepsPerClient: 5,
    pauseMs: 2 ** (6 + seed % 5),
  };
  const result = await runOptions(options);
  for (const line of result.trace) {
    const m = /upload of [^:]*: ([a-z-]+):/.exec(line);
    if (m) {
      upl++;
      codes.set(m[1]!, (codes.get(m[1]!) ?? 0) + 1);
    }
  }
  if (result.failures.length === 0) continue;
  failed++;
  console.log(worded(result).slice(0, 600));
}
console.log(`${runs - failed} passed, ${failed} failed; failed uploads ${upl}`, codes);
