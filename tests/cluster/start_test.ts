/**
 * Starting and stopping: `up`, flags and environment, and everything that keeps a role from
 * starting.
 */
import assert from "node:assert/strict";
import { runProgram, TestCluster, until } from "./cluster.ts";

async function temporary(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "offshore-start-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Starts a role that must refuse; it may not take longer than half a minute to do so. */
async function refused(args: string[], env: Record<string, string> = {}): Promise<string> {
  const outcome = await Promise.race([
    runProgram(args, { env }),
    new Promise<undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), 30_000);
      Deno.unrefTimer(timer as unknown as number);
    }),
  ]);
  assert(outcome !== undefined, `${args.join(" ")} did not refuse`);
  assert.notEqual(outcome.code, 0, `${args.join(" ")} did not refuse`);
  assert.match(outcome.err, /next: /, outcome.err);
  return outcome.err;
}

Deno.test("up starts a cluster, runs commands from a pipe and stops everything", async () => {
  await using folder = await temporary();
  const commands = [
    "mkdir /a",
    `put ${Deno.mainModule.slice(7)} /a/one`,
    "ls -l /a",
    "get /a/one two",
  ];
  const { code, out, err } = await runProgram(["up", "--port", "0"], {
    stdin: commands.join("\n"),
    cwd: folder.path,
  });
  assert.equal(code, 0, err);
  for (const name of ["tracker", "seeder-1", "seeder-2", "seeder-3"]) {
    assert.match(out, new RegExp(`${name} +http://127\\.0\\.0\\.1:\\d+`));
    assert.ok((await Deno.stat(`${folder.path}/.disks/${name}`)).isDirectory);
  }
  assert.match(out, /\bone\b/);
  assert.equal(
    await Deno.readTextFile(`${folder.path}/two`),
    await Deno.readTextFile(Deno.mainModule.slice(7)),
  );
  const left = await new Deno.Command("pgrep", { args: ["-f", folder.path] }).output();
  assert.equal(new TextDecoder().decode(left.stdout), "", "a process was left behind");
});

Deno.test("up exits non-zero when a command failed, after running the others", async () => {
  await using folder = await temporary();
  const { code, out, err } = await runProgram(["up", "--port", "0"], {
    stdin: "get /nothing-here\nmkdir /made\nls /\n",
    cwd: folder.path,
  });
  assert.notEqual(code, 0);
  assert.match(err, /nothing-here/);
  assert.match(out, /made/);
});

Deno.test("up started again finds the files it had", async () => {
  await using folder = await temporary();
  const first = await runProgram(["up", "--port", "0"], {
    stdin: "put - /kept\nmkdir /d\n",
    cwd: folder.path,
  });
  assert.notEqual(first.code, 0, "standard input carries the commands");
  const second = await runProgram(["up", "--port", "0"], { stdin: "ls /\n", cwd: folder.path });
  assert.equal(second.code, 0, second.err);
  assert.match(second.out, /^d\b/m);
});

Deno.test("a cluster whose parent is killed stops by itself", async () => {
  await using folder = await temporary();
  const { mainModule } = await import("./cluster.ts");
  const parent = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", mainModule, "up", "--port", "0"],
    cwd: folder.path,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("seeder-3")) {
    const { value, done } = await reader.read();
    assert(!done, text);
    text += value;
  }
  parent.kill("SIGKILL");
  await parent.status;
  await reader.cancel();
  await parent.stdin.close().catch(() => {});
  await until("the roles are gone", async () => {
    const { stdout } = await new Deno.Command("pgrep", { args: ["-f", folder.path] }).output();
    return stdout.length === 0;
  });
});

Deno.test("--version and --help answer on every level", async () => {
  assert.match((await runProgram(["--version"])).out, /^offshore \d+\.\d+\.\d+\n$/);
  for (
    const [args, expected] of [
      [["--help"], /up/],
      [["up", "--help"], /--seeders/],
      [["--role", "tracker", "--help"], /--public-url/],
      [["--role=seeder", "--help"], /--join-code/],
      [["--role", "client", "--help"], /put/],
      [["put", "--help"], /LOCAL/],
      [["help"], /put/],
    ] as const
  ) {
    const { code, out, err } = await runProgram(args);
    assert.equal(code, 0, `${args.join(" ")}: ${err}`);
    assert.match(out, expected, args.join(" "));
  }
});

Deno.test("a role that cannot start says why and what to do", async (t) => {
  await using folder = await temporary();
  const disk = folder.path;
  const tracker = ["--role", "tracker", "--disk", disk, "--listen", "127.0.0.1:0"];

  await t.step("an unknown role", async () => {
    assert.match(await refused(["--role", "pirate"]), /pirate/);
  });
  await t.step("an unknown flag", async () => {
    assert.match(await refused([...tracker, "--colour"]), /--colour/);
  });
  await t.step("a malformed flag", async () => {
    assert.match(await refused([...tracker, "--copies", "many"]), /--copies is "many"/);
  });
  await t.step("a malformed environment variable", async () => {
    const error = await refused(tracker, { OFFSHORE_COPIES: "0" });
    assert.match(error, /OFFSHORE_COPIES is "0"/);
  });
  await t.step("a disk that is not there", async () => {
    const error = await refused(["--role", "tracker", "--disk", `${disk}/none`]);
    assert.match(error, /does not exist/);
  });
  await t.step("a disk that is a file", async () => {
    await Deno.writeTextFile(`${disk}/file`, "");
    assert.match(await refused(["--role", "tracker", "--disk", `${disk}/file`]), /not a directory/);
  });
  await t.step("a disk mounted read-only", async () => {
    // Permissions mean nothing to root; /proc refuses everyone.
    assert.match(await refused(["--role", "tracker", "--disk", "/proc/self"]), /cannot be made/);
  });
  await t.step("a seeder without a join code", async () => {
    const error = await refused(["--role", "seeder", "--disk", disk, "--listen", "0.0.0.0:0"]);
    assert.match(error, /join-code/);
  });
  await t.step("a code on the command line, which everybody could read", async () => {
    const words: [string[], RegExp][] = [
      [["--role", "seeder", "--join-code", "offshore-join-SECRET"], /--join-code-file FILE/],
      [["--login-code", "offshore-login-SECRET", "ls"], /offshore login/],
      [["--role", "tracker", "--recovery-code", "SECRET"], /--recovery-code-file FILE/],
    ];
    for (const [argv, next] of words) {
      const error = await refused(argv);
      assert.match(error, next);
      assert.doesNotMatch(error, /SECRET/);
    }
  });
  await t.step("a recovery code that is none, and is in no message", async () => {
    await Deno.writeTextFile(`${disk}/code`, "offshore-recovery-SECRET");
    const words = ["--role", "tracker", "--disk", disk, "--rebuild"];
    const error = await refused([...words, "--recovery-code-file", `${disk}/code`]);
    assert.match(error, /not a recovery code/);
    assert.doesNotMatch(error, /SECRET/);
  });
  await t.step("a client without credentials", async () => {
    const error = await refused(["ls"], { OFFSHORE_STATE: `${disk}/state` });
    assert.match(error, /login/);
  });
});

Deno.test("a running role keeps its port, its disk and its state file", async (t) => {
  await using cluster = await TestCluster.start(1);
  const port = new URL(cluster.urlOf("tracker")).port;

  await t.step("the port is taken", async () => {
    await using other = await temporary();
    const error = await refused([
      "--role",
      "tracker",
      "--disk",
      other.path,
      "--listen",
      `127.0.0.1:${port}`,
    ]);
    assert.match(error, /another program listens/);
  });
  await t.step("the disk is locked", async () => {
    const error = await refused([
      "--role",
      "tracker",
      "--disk",
      cluster.diskOf("tracker"),
      "--listen",
      "127.0.0.1:0",
    ]);
    assert.match(error, new RegExp(`in use by process ${cluster.pidOf("tracker")}`));
  });
  await t.step("a damaged identity is named and kept", async () => {
    await cluster.end("seeder-1", "SIGTERM");
    const path = `${cluster.diskOf("seeder-1")}/.offshore/seeder/seeder.json`;
    const good = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, good.slice(0, 40));
    const error = await refused([
      "--role",
      "seeder",
      "--disk",
      cluster.diskOf("seeder-1"),
      "--listen",
      "127.0.0.1:0",
    ]);
    assert.match(error, /seeder\.json/);
    assert.equal(await Deno.readTextFile(path), good.slice(0, 40));
    await Deno.writeTextFile(path, good);
    await cluster.startRole("seeder-1");
    await cluster.untilGreen(1);
  });
  await t.step("a damaged catalog is named and kept", async () => {
    assert.equal(await cluster.end("tracker", "SIGTERM"), 0);
    const path = `${cluster.diskOf("tracker")}/.offshore/tracker/catalog.sqlite`;
    const noise = "not a database ".repeat(1000);
    await Deno.writeTextFile(path, noise);
    const error = await refused(["--role", "tracker", "--disk", cluster.diskOf("tracker")], {
      OFFSHORE_LISTEN: "127.0.0.1:0",
    });
    assert.match(error, /catalog\.sqlite/);
    assert.equal(await Deno.readTextFile(path), noise);
  });
});
