/**
 * What `compose_test.ts` runs inside the network of a fresh Docker daemon: builds the image from a
 * copy of the sources, brings the cluster up, moves a real tree, and then kills, unplugs, freezes,
 * restarts and takes down, comparing every byte after each. Prints a line per step; throws at the
 * first failure.
 */
import assert from "node:assert/strict";
import { treeDigest, until } from "../cluster/cluster.ts";

const repository = new URL("../..", import.meta.url).pathname;
const here = new URL(".", import.meta.url).pathname;
const decoder = new TextDecoder();
const work = await Deno.makeTempDir({ prefix: "offshore-compose-" });
const project = `${work}/project`;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(program: string, args: string[], cwd = project): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd, stdin: "null" })
    .output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function must(program: string, args: string[], cwd = project): Promise<string> {
  const { code, out, err } = await run(program, args, cwd);
  assert.equal(code, 0, `${program} ${args.join(" ")}: ${out}${err}`);
  return out;
}

/** docker-compose 1.29; the last steps are Compose v2's, where DOCKER_CONFIG names its folder. */
let composer = ["docker-compose"];
function composed(args: string[]): [string, string[]] {
  const [program = "", ...words] = composer;
  return [program, [...words, "-p", "offshore", ...args]];
}
const compose = (...args: string[]) => must(...composed(args));
const client = (...args: string[]) => compose("exec", "-T", "client", "offshore", ...args);

async function containerOf(service: string): Promise<string> {
  return (await compose("ps", "-q", service)).trim();
}

async function health(service: string): Promise<string> {
  const format = "{{.State.Health.Status}}";
  return (await must("docker", ["inspect", "-f", format, await containerOf(service)])).trim();
}

const services = ["tracker", "seeder-1", "seeder-2", "seeder-3", "client"];

async function untilHealthy(): Promise<void> {
  await until("all five are healthy", async () => {
    const states = await Promise.all(services.map(health));
    return states.every((state) => state === "healthy");
  }, 120_000);
}

/** Name to state of the seeders, as the tracker sees them. */
async function seederStates(): Promise<Record<string, string>> {
  // It answers 1 when it tells of something that is not well.
  const asked = ["exec", "-T", "client", "offshore", "status", "--json"];
  const { out } = await run(...composed(asked));
  const { seeders } = JSON.parse(out) as {
    seeders: { name: string; state: string }[];
  };
  return Object.fromEntries(seeders.map((each) => [each.name, each.state]));
}

async function untilState(seeder: string, state: string): Promise<void> {
  await until(`${seeder} is ${state}`, async () => (await seederStates())[seeder] === state);
}

async function step(name: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  console.log(`ok   ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

/** `tree` is the system's documentation, `mixed` a few of its folders and one larger file. */
type Tree = "tree" | "mixed";

let round = 0;
/** The tree comes back as it went up. */
async function comesBack(tree: Tree): Promise<void> {
  const name = `back-${++round}`;
  await client("get", "-r", `/${tree}`, name);
  const disk = `${project}/.disks/client`;
  assert.deepEqual(await treeDigest(`${disk}/${name}`), await treeDigest(`${disk}/${tree}`));
  await Deno.remove(`${disk}/${name}`, { recursive: true });
}

async function copySources(): Promise<void> {
  await Deno.mkdir(project);
  for (
    const name of [
      "Dockerfile",
      ".dockerignore",
      "docker-compose.yml",
      "deno.json",
      "deno.lock",
      "main.ts",
      "protocol",
      "roles",
      ".ci",
    ]
  ) await must("cp", ["-r", `${repository}/${name}`, project], work);
}

/** A DENO_DIR with all that the build fetches: there is no network inside. */
async function warmCache(): Promise<string> {
  const cache = `${work}/cache`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
    stdin: "null",
  }).output();
  const own = (JSON.parse(decoder.decode(stdout)) as { denoDir: string }).denoDir;
  await Deno.mkdir(cache);
  for (const part of ["npm", "dl"]) {
    const there = await Deno.stat(`${own}/${part}`).catch(() => undefined);
    if (there !== undefined) await must("cp", ["-r", `${own}/${part}`, cache], work);
  }
  return cache;
}

/** The same file and folders, with the other Compose. */
async function withComposeV2(): Promise<void> {
  await compose("down");
  composer = ["docker", "compose"];
  await step(`Compose ${(await compose("version", "--short")).trim()}: up -d`, async () => {
    await compose("up", "-d", "--no-build");
    await untilHealthy();
    await comesBack("tree");
  });

  await step("Compose v2: a killed seeder costs nothing", async () => {
    await must("docker", ["kill", await containerOf("seeder-2")]);
    await comesBack("mixed");
    await compose("start", "seeder-2");
    await untilState("seeder-2", "green");
  });

  await step("Compose v2: a tree goes up, and a second client sees it", async () => {
    await client("put", "-r", "tree/bash", "/by-v2");
    assert.match(await compose("run", "--rm", "-T", "cli", "ls", "/by-v2"), /copyright/);
  });

  await step("Compose v2: down and up again, and all is there", async () => {
    await compose("down");
    await compose("up", "-d", "--no-build");
    await untilHealthy();
    await comesBack("mixed");
  });
}

try {
  await step("the image is built from stand-ins of the official images", async () => {
    await copySources();
    await must(`${here}make_base.sh`, [`${work}/base`, Deno.execPath(), await warmCache()], work);
    await must("docker", ["build", "-q", "-t", "offshore:dev", "."]);
    const size = await must("docker", ["image", "inspect", "-f", "{{.Size}}", "offshore:dev"]);
    console.log(`     image: ${(Number(size) / 2 ** 20).toFixed(0)} MiB`);
  });

  await step("up -d brings five healthy containers", async () => {
    await compose("up", "-d", "--no-build");
    await untilHealthy();
    const states = await seederStates();
    assert.deepEqual(states, { "seeder-1": "green", "seeder-2": "green", "seeder-3": "green" });
  });

  await step("a real tree goes up and comes back", async () => {
    const tree = `${project}/.disks/client/tree`;
    await must("cp", ["-a", "/usr/share/doc", tree], work);
    await client("put", "-r", "tree", "/tree");
    await comesBack("tree");
    const mixed = `${project}/.disks/client/mixed`;
    await Deno.mkdir(mixed);
    for (const name of ["adduser", "bash", "coreutils", "libc6", "perl"]) {
      await must("cp", ["-a", `${tree}/${name}`, mixed], work).catch(() => "");
    }
    await must("cp", [Deno.execPath(), `${mixed}/deno`], work);
    await client("put", "-r", "mixed", "/mixed");
  });

  await step("nothing is open: no token, no answer", async () => {
    const response = await fetch("http://11.56.1.21:7420/v1/files/list", {
      method: "POST",
      headers: { "offshore-protocol": "2" },
      body: JSON.stringify({ path: "/" }),
    });
    assert.equal(response.status, 401);
    await response.body?.cancel();
  });

  await step("the client's port is published on loopback only", async () => {
    const ports = await must("docker", ["port", await containerOf("client")]);
    assert.match(ports, /^7480\/tcp -> 127\.0\.0\.1:\d+\s*$/);
    const { status } = await fetch("http://127.0.0.1:7480/v1/health");
    assert.equal(status, 200);
  });

  await step("a killed seeder costs nothing", async () => {
    await must("docker", ["kill", await containerOf("seeder-2")]);
    await comesBack("mixed");
    await compose("start", "seeder-2");
    await untilState("seeder-2", "green");
  });

  await step("an unplugged seeder costs nothing", async () => {
    const container = await containerOf("seeder-3");
    await must("docker", ["network", "disconnect", "offshore_offshore", container]);
    await comesBack("mixed");
    const address = ["--ip", "11.56.1.43", "--alias", "seeder-3"];
    await must("docker", ["network", "connect", ...address, "offshore_offshore", container]);
    await untilState("seeder-3", "green");
  });

  await step("a frozen seeder costs nothing", async () => {
    await must("docker", ["pause", await containerOf("seeder-1")]);
    await comesBack("mixed");
    await must("docker", ["unpause", await containerOf("seeder-1")]);
    await untilState("seeder-1", "green");
  });

  await step("the tracker restarts and everyone finds it again", async () => {
    await compose("restart", "tracker");
    await untilHealthy();
    for (const seeder of ["seeder-1", "seeder-2", "seeder-3"]) await untilState(seeder, "green");
    await comesBack("mixed");
  });

  await step("a stop is a clean sign-out", async () => {
    await compose("stop", "seeder-1");
    const format = "{{.State.ExitCode}}";
    const code = await must("docker", ["inspect", "-f", format, await containerOf("seeder-1")]);
    assert.equal(code.trim(), "0");
    assert.equal((await seederStates())["seeder-1"], "away");
    await compose("start", "seeder-1");
    await untilState("seeder-1", "green");
  });

  await step("down and up again, and all is there", async () => {
    await compose("down");
    await compose("up", "-d", "--no-build");
    await untilHealthy();
    await comesBack("tree");
    await comesBack("mixed");
  });

  await step("the tracker's disk is lost and comes back as docs/RECOVERY.md says", async () => {
    const folder = `${project}/.disks/tracker`;
    const code = await Deno.readTextFile(`${folder}/.offshore/tracker/codes/recovery`);
    const told = await compose("logs", "--no-color", "tracker");
    assert.doesNotMatch(told, /offshore-(join|login|recovery)-/, "a log holds no code");
    await compose("down");
    await Deno.remove(folder, { recursive: true });
    const settings = `OFFSHORE_REBUILD=true\nOFFSHORE_RECOVERY_CODE=${code}`;
    await Deno.writeTextFile(`${project}/.env`, settings);
    await compose("up", "-d", "--no-build");
    await untilHealthy();
    await comesBack("tree");
    await comesBack("mixed");
    await Deno.remove(`${project}/.env`);
    await compose("up", "-d", "--no-build");
    await untilHealthy();
    await comesBack("mixed");
  });

  await step("a fourth seeder joins as docs/DEPLOYMENT.md says", async () => {
    const guide = await Deno.readTextFile(`${repository}/docs/DEPLOYMENT.md`);
    const override = /```yaml\n([^]*?)```/.exec(guide)?.[1] ?? "";
    await Deno.writeTextFile(`${project}/docker-compose.override.yml`, override);
    await compose("up", "-d", "--no-build");
    await untilState("seeder-4", "green");
    await client("put", "-r", "tree/adduser", "/wider");
    assert.match(await client("ls", "/wider"), /copyright/);
  });

  await step("a client on the host reaches the cluster with the login code", async () => {
    const container = await containerOf("client");
    await must("docker", ["cp", `${container}:/usr/local/bin/offshore`, `${work}/offshore`]);
    const code = await compose("exec", "-T", "tracker", "offshore", "codes", "login");
    await Deno.writeTextFile(`${work}/code`, code);
    const ours = ["--role", "client", "--state", `${work}/state`];
    await must(`${work}/offshore`, [...ours, "--login-code-file", `${work}/code`, "status"], work);
    const listing = await must(`${work}/offshore`, [...ours, "ls", "/"], work);
    assert.match(listing, /tree/);
    await must(`${work}/offshore`, [...ours, "get", "-r", "/tree", `${work}/tree`], work);
    const disk = `${project}/.disks/client`;
    assert.deepEqual(await treeDigest(`${work}/tree`), await treeDigest(`${disk}/tree`));
  });

  if (Deno.env.get("DOCKER_CONFIG") !== undefined) await withComposeV2();
} catch (error) {
  const { out } = await run(...composed(["logs", "--tail", "20"]));
  console.log(out);
  throw error;
} finally {
  await run(...composed(["down", "-v", "--timeout", "5"]));
  await Deno.remove(work, { recursive: true }).catch(() => {});
}
