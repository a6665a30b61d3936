/**
 * `deno task sim [--seed N] [--runs N] [--jobs N] [--trace]`: plays seeds of the swarm and prints a
 * line for each that fails. Several jobs are processes of their own, each with every so-manieth
 * seed; a seed plays the same in any of them.
 */
import { parseArgs } from "node:util";
import { runSeed, worded } from "./swarm.ts";

interface Settings {
  readonly seed: number;
  readonly runs: number;
  readonly jobs: number;
  readonly step: number;
  readonly trace: boolean;
}

function settings(): Settings {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      runs: { type: "string", default: "1" },
      jobs: { type: "string", default: String(navigator.hardwareConcurrency) },
      step: { type: "string", default: "1" },
      trace: { type: "boolean", default: false },
    },
  });
  const numbers = [values.seed, values.runs, values.jobs, values.step].map(Number);
  const [seed = NaN, runs = NaN, jobs = NaN, step = NaN] = numbers;
  if (![seed, runs, jobs, step].every((number) => Number.isInteger(number) && number > 0)) {
    console.error("usage: deno task sim [--seed N] [--runs N] [--jobs N] [--trace]");
    Deno.exit(2);
  }
  return { seed, runs, jobs: Math.min(jobs, runs), step, trace: values.trace };
}

/** How many failed. */
async function play({ seed: first, runs, step, trace }: Settings): Promise<number> {
  let failed = 0;
  for (let seed = first; seed < first + runs * step; seed += step) {
    const result = await runSeed(seed);
    if (trace) console.log(result.trace.join("\n"));
    if (result.failures.length === 0) continue;
    failed++;
    console.log(worded(result));
  }
  return failed;
}

/** As `play`, in processes. One that ends without telling its sum counts all of its seeds. */
async function share({ seed, runs, jobs }: Settings): Promise<number> {
  const shares = Array.from({ length: jobs }, async (_, job) => {
    const mine = Math.ceil((runs - job) / jobs);
    const words = ["--seed", seed + job, "--runs", mine, "--step", jobs, "--jobs", 1].map(String);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", import.meta.filename ?? "", ...words],
      stderr: "inherit",
    }).output();
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    const sum = /^(\d+) seeds passed, (\d+) failed$/.exec(lines.pop() ?? "");
    for (const line of lines) console.log(line);
    const failed = Number(sum?.[2] ?? mine);
    return code === 0 ? failed : Math.max(1, failed);
  });
  return (await Promise.all(shares)).reduce((sum, failed) => sum + failed, 0);
}

const parsed = settings();
// One line for each failure needs no stacks.
if (!parsed.trace) Error.stackTraceLimit = 0;
const failed = parsed.jobs === 1 ? await play(parsed) : await share(parsed);
console.log(`${parsed.runs - failed} seeds passed, ${failed} failed`);
if (failed > 0) Deno.exit(1);
