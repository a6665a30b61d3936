/**
 * The single executable, made by the packer as it is made where denort cannot be had, and used like
 * any program: cold and warm starts, many first starts at once, arguments, pipes, exit codes,
 * signals, and a whole cluster out of the one file with nothing of Deno's on the PATH.
 */
import assert from "node:assert/strict";
import { until } from "../cluster/cluster.ts";
import { build, path, run } from "./built.ts";

Deno.test("the packed executable is one file that does what the program does", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-executable-" });
  const file = `${folder}/bin/offshore`;
  await Deno.mkdir(`${folder}/bin`);
  const env = { OFFSHORE_CACHE: `${folder}/cache`, OFFSHORE_STATE: `${folder}/state` };
  try {
    await t.step("the build says which way it took", async () => {
      const { code, out, err } = await build(["--way", "pack", "--out", file]);
      assert.equal(code, 0, err);
      assert.match(out, /^build: .* by pack, \d+ bytes$/m);
    });

    await t.step("many first starts at once leave one copy", async () => {
      const all = await Promise.all(
        Array.from({ length: 6 }, () => run(file, ["--version"], { env })),
      );
      for (const { code, out, err } of all) {
        assert.equal(code, 0, err);
        assert.match(out, /^offshore \d+\.\d+\.\d+\n$/);
      }
      const names = (await Array.fromAsync(Deno.readDir(env.OFFSHORE_CACHE))).map((one) =>
        one.name
      );
      const kinds = names.map((name) => name.split("-")[0]).sort();
      assert.deepEqual(kinds.filter((kind) => kind !== "dir"), ["offshore", "program"]);
    });

    await t.step("exit codes and messages pass through", async () => {
      assert.equal((await run(file, ["ls"], { env })).code, 4);
      const { code, err } = await run(file, ["frobnicate"], { env });
      assert.equal(code, 2);
      assert.match(err, /frobnicate/);
    });

    await t.step("a cache that cannot be written is said so", async () => {
      await Deno.writeTextFile(`${folder}/file`, "");
      const { code, err } = await run(file, ["--version"], {
        env: { OFFSHORE_CACHE: `${folder}/file/below` },
      });
      assert.equal(code, 70);
      assert.match(err, /OFFSHORE_CACHE/);
    });

    await t.step(
      "up runs a cluster out of the one file, found by PATH and through a link",
      async () => {
        await Deno.symlink(file, `${folder}/elsewhere`);
        const text = "x".repeat(100_000);
        await Deno.writeTextFile(`${folder}/in file`, text);
        const script = "mkdir /d\nput 'in file' '/d/$x y'\nls /d\nget '/d/$x y' back\n";
        for (const [i, program] of [file, `${folder}/elsewhere`, "offshore"].entries()) {
          const { code, out, err } = await run(program, ["up", "--port", "0", "--disks", `d${i}`], {
            env: { ...env, PATH: `${folder}/bin:${path}` },
            cwd: folder,
            stdin: script,
          });
          assert.equal(code, 0, err);
          assert.match(out, /\$x y/);
          assert.equal(await Deno.readTextFile(`${folder}/back`), text);
          await Deno.remove(`${folder}/back`);
        }
      },
    );

    await t.step("SIGTERM reaches the role, which ends cleanly", async () => {
      await Deno.mkdir(`${folder}/tracker`);
      const child = new Deno.Command(file, {
        args: ["--role", "tracker", "--disk", `${folder}/tracker`, "--listen", "127.0.0.1:0"],
        env,
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      await until("it listens", async () => {
        text += (await reader.read()).value ?? "";
        return text.includes("listening on");
      });
      const listen = /listening on http:\/\/(\S+)/.exec(text)?.[1] ?? "";
      const health = await run(file, ["health", "--listen", listen], { env });
      assert.equal(health.code, 0, health.err);
      assert.match(health.out, /tracker .*: ok/);
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 0);
      await reader.cancel();
      const after = await run(file, ["health", "--listen", listen], { env });
      assert.notEqual(after.code, 0);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a build that cannot be what was asked for fails and says why", async () => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-build-" });
  try {
    const wrongWay = await build(["--way", "magic"]);
    assert.equal(wrongWay.code, 1);
    assert.match(wrongWay.err, /--way is magic/);
    const wrongTarget = await build(["--target", "z80"]);
    assert.equal(wrongTarget.code, 1);
    assert.match(wrongTarget.err, /x86_64-unknown-linux-gnu/);
    // A denort that is not one: deno compile reports success, and the file is useless.
    const useless = await build(["--way", "compile", "--out", `${folder}/useless`], {
      DENORT_BIN: Deno.execPath(),
    });
    assert.equal(useless.code, 1, useless.out);
    assert.match(useless.err, /not offshore/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
