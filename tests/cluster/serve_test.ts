/** The client as a service: ready while the cluster can be used, refused without credentials. */
import assert from "node:assert/strict";
import { mainModule, runProgram, TestCluster, until } from "./cluster.ts";

async function firstLine(child: Deno.ChildProcess): Promise<string> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    assert(!done, "it ended before it listened");
    text += value;
  }
  // Nothing more is written there.
  await reader.cancel();
  return text;
}

Deno.test("serve is ready while the tracker answers, and stops when it is told to", async () => {
  await using cluster = await TestCluster.start(1);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", mainModule, "serve", "--listen", "127.0.0.1:0"],
    env: cluster.clientEnv(),
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  try {
    const listen = /http:\/\/(\S+)/.exec(await firstLine(child))?.[1] ?? "";
    const isReady = async () => (await runProgram(["health", "--listen", listen])).code === 0;
    await until("it is ready", isReady);
    await cluster.end("tracker", "SIGKILL");
    await until("it is not ready without its tracker", async () => !await isReady());
    await cluster.startRole("tracker");
    await until("it is ready again", isReady);
  } finally {
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
  }
});

Deno.test("serve without credentials refuses to stay and says what to do", async () => {
  const state = await Deno.makeTempDir();
  try {
    const { code, err } = await runProgram(["serve", "--listen", "0.0.0.0:0"], {
      env: { OFFSHORE_STATE: state },
    });
    assert.notEqual(code, 0);
    assert.match(err, /next: .*login-code/);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
});
