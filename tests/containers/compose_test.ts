/**
 * docker-compose.yml with real containers, in a Docker daemon of the test's own: `with_docker.sh`
 * starts it in a network namespace of its own and runs `compose_scenario.ts` there, by
 * docker-compose 1.29 and then by Compose v2. Where no daemon, or no Compose v2, can be had the
 * test of it is ignored, which the summary shows, and never counted as passed;
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

/** A DOCKER_CONFIG with Compose v2 in it; undefined where Debian's package cannot be fetched. */
async function composeV2(): Promise<string | undefined> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  const folder = `${cache}/offshore-ci/compose-v2`;
  const { success, stderr } = await new Deno.Command(`${here}compose_v2.sh`, {
    args: [folder],
    stdin: "null",
  }).output();
  if (success) return `${folder}/config`;
  console.error(`\nNOT TESTED, Compose v2: ${new TextDecoder().decode(stderr).trim()}\n`);
  assert.notEqual(Deno.env.get("OFFSHORE_DOCKER"), "require", "Compose v2 cannot be had");
  return undefined;
}

const v2 = probe.code === 0 ? await composeV2() : undefined;
let told = "";

Deno.test({
  name: "docker compose brings five containers up from one image, and they survive what happens",
  ignore: probe.code === 77,
  fn: async () => {
    assert.equal(probe.code, 0, probe.text);
    const config = v2 === undefined ? [] : [`DOCKER_CONFIG=${v2}`];
    const command = [Deno.execPath(), "run", "-A", "--quiet", `${here}compose_scenario.ts`];
    const { code, text } = await withDocker(["env", ...config, ...command]);
    told = text;
    console.log(text);
    assert.equal(code, 0, "a step of the scenario failed; its output is above");
  },
});

Deno.test({
  name: "Compose v2 runs the same file",
  ignore: v2 === undefined,
  fn: () => {
    assert.match(told, /^ok {3}Compose v?2\.[^]*^ok {3}Compose v2: down and up again/m);
  },
});
