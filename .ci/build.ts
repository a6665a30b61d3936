/**
 * Builds dist/offshore: one executable file that needs no Deno, Node or network.
 *
 *     deno task build [--target TRIPLE] [--way auto|compile|pack] [--out FILE]
 *
 * `compile`: by `deno compile`, which downloads its runtime, denort, or takes it from DENORT_BIN.
 * `pack`: a shell head with the deno binary and the bundled program behind it (`pack.ts`).
 * `auto`: compile where denort can be had, else pack. The last line says which way it took.
 */
import { parseArgs } from "node:util";
import { bundle, packInto } from "./pack.ts";

/** What the program may do. docs/EXECUTABLE.md says why each is needed. */
export const permissions = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys=hostname,networkInterfaces,statfs",
];

/** The platforms that `deno compile` knows. */
export const targets = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-pc-windows-msvc",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
] as const;
export type Target = typeof targets[number];

const root = new URL("..", import.meta.url).pathname;

function fail(text: string): never {
  console.error(`build: ${text}`);
  Deno.exit(1);
}

interface Ran {
  readonly success: boolean;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs a program to its end, or kills it after `limitMs`: a network that drops packets may hang it.
 */
async function run(program: string, args: string[], limitMs: number): Promise<Ran> {
  const child = new Deno.Command(program, {
    args,
    cwd: root,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const { success, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  return { success, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** A file that is not our program can come out of a build that reported success (DENORT_BIN). */
async function answers(out: string): Promise<boolean> {
  const ran = await run(out, ["--version"], 60_000).catch(() => undefined);
  return ran?.success === true && ran.out.startsWith("offshore ");
}

/**
 * True when the file was made; false when denort cannot be had; ends the build on any other
 * failure.
 */
async function compile(out: string, target: Target | undefined): Promise<boolean> {
  const args = ["compile", "--quiet", "--frozen", "--no-prompt", ...permissions, "--allow-run"];
  if (target !== undefined) args.push("--target", target);
  const ran = await run(Deno.execPath(), [...args, "-o", out, "main.ts"], 180_000);
  if (ran.success) {
    if (target === undefined && !await answers(out)) {
      fail("deno compile reported success, but what it made is not offshore; check DENORT_BIN");
    }
    return true;
  }
  if (!/denort|base binary/i.test(ran.err) && ran.err !== "") fail(ran.err.trim());
  const reason = /(error sending request|dns error|timed out|connect)[^\n]*/i.exec(ran.err)?.[0];
  console.error(`build: denort cannot be had here (${reason ?? "no answer within 3 minutes"})`);
  return false;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      target: { type: "string" },
      way: { type: "string", default: Deno.env.get("OFFSHORE_BUILD") ?? "auto" },
      out: { type: "string" },
    },
  });
  const { way } = values;
  if (!["auto", "compile", "pack"].includes(way)) fail(`--way is ${way}: auto, compile or pack`);
  const target = targets.find((each) => each === values.target);
  if (values.target !== undefined && target === undefined) {
    fail(`--target is ${values.target}: one of ${targets.join(", ")}`);
  }
  const suffix = target === undefined
    ? ""
    : `-${target}${target.includes("windows") ? ".exe" : ""}`;
  const out = values.out ?? `${root}dist/offshore${suffix}`;
  await Deno.mkdir(`${root}dist`, { recursive: true });
  // deno compile refuses to overwrite a file that it did not make.
  await Deno.remove(out).catch(() => {});
  let taken = "compile";
  if (way === "pack" || !await compile(out, target)) {
    if (way === "compile") fail("no executable was made: denort cannot be had");
    taken = "pack";
    const files = await bundle(root);
    await packInto(out, files, target, permissions).catch((error) => fail(String(error.message)));
    if (target === undefined && !await answers(out)) fail("the packed file does not run");
  }
  console.log(`build: ${out} by ${taken}, ${(await Deno.stat(out)).size} bytes`);
}
