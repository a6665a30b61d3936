/**
 * docker-compose.yml with real containers, in a Docker daemon of the test's own: `with_docker.sh`
 * starts it in a network namespace of its own and runs `compose_scenario.ts` there. Where no daemon
 * can be had the test is ignored, which the summary shows, and never counted as passed;
 * OFFSHORE_DOCKER=require makes that a failure.
 */
import assert from "node:assert/strict";

const here = new URL(".", import.meta.url).pathname;

async function withDocker(args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(`${here}with_docker.sh`, {
    args,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

const probe = Deno.build.os === "linux"
  ? await withDocker(["true"])
  : { code: 77, text: "no Linux" };
if (probe.code === 77) console.error(`\nNOT TESTED, containers: ${probe.text.trim()}\n`);

Deno.test({
  name: "docker compose brings five containers up from one image, and they survive what happens",
  ignore: probe.code === 77,
  fn: async () => {
    assert.equal(probe.code, 0, probe.text);
    const command = ["run", "-A", "--quiet", `${here}compose_scenario.ts`];
    const { code, text } = await withDocker([Deno.execPath(), ...command]);
    console.log(text);
    assert.equal(code, 0, "a step of the scenario failed; its output is above");
  },
});
