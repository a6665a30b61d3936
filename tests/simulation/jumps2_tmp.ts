import { drawOptions, runOptions } from "./swarm.ts";
const [from, runs, kinds] = [
  Number(Deno.args[0]),
  Number(Deno.args[1]),
  (Deno.args[2] ?? "clock,suspend").split(","),
];
Error.stackTraceLimit = 0;
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
  const at = result.trace.findIndex((line) => /upload of .*copies-missing/.test(line));
  if (at >= 0) {
    console.log("seed", seed, JSON.stringify(options));
    console.log(result.trace.slice(Math.max(0, at - 60), at + 2).join("\n"));
    break;
  }
}
