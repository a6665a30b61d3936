/**
 * A test that needs a lab. Where none can be had it is ignored, which the summary shows, and told
 * loudly once; never counted as passed. OFFSHORE_NETLAB=require makes that a failure.
 */
import { labProblem } from "./lab.ts";

const problem = await labProblem();
const required = Deno.env.get("OFFSHORE_NETLAB") === "require";
if (problem !== undefined) console.error(`\nNOT TESTED, network namespaces: ${problem}\n`);

export function labTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: problem !== undefined && !required, fn });
}
