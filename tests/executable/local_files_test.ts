/**
 * What the client and the seeder do with the files of this machine, in the packed executable with
 * the permissions it has: modes and umask, two gets at once, names and arguments that are no UTF-8,
 * files without a size, and a folder that becomes a link while it is adopted.
 */
import assert from "node:assert/strict";
import { until } from "../cluster/cluster.ts";
import { build, path, run } from "./built.ts";

Deno.test("the packed executable is as careful with local files as the program", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-executable-" });
  const file = `${folder}/offshore`;
  const env = { OFFSHORE_CACHE: `${folder}/cache`, OFFSHORE_STATE: `${folder}/state` };
  const running: Deno.ChildProcess[] = [];
  /** The program by a shell, for what only a shell can give it. */
  const shell = async (script: string) => {
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", script, "sh", file],
      cwd: folder,
      env: { PATH: path, ...env, ...client },
      clearEnv: true,
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  };
  let client: Record<string, string> = {};
  const modeOf = async (name: string) => (await Deno.stat(`${folder}/${name}`)).mode! & 0o7777;
  /** Starts a role and waits for its address. */
  const start = async (role: string, disk: string, more: Record<string, string>) => {
    const child = new Deno.Command(file, {
      args: ["--role", role, "--disk", disk, "--listen", "127.0.0.1:0"],
      env: { ...env, ...more },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    running.push(child);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    await until(`the ${role} listens`, async () => {
      text += (await reader.read()).value ?? "";
      return text.includes("listening on");
    });
    void (async () => {
      while (!(await reader.read()).done) continue;
    })().catch(() => {});
    return /listening on (http:\S+)/.exec(text)?.[1] ?? "";
  };
  try {
    const built = await build(["--way", "pack", "--out", file]);
    assert.equal(built.code, 0, built.err);
    await Deno.mkdir(`${folder}/tracker`);
    await Deno.mkdir(`${folder}/seeder/a`, { recursive: true });
    const tracker = await start("tracker", `${folder}/tracker`, {});
    const codes = `${folder}/tracker/.offshore/tracker/codes`;
    client = { OFFSHORE_TRACKER: tracker, OFFSHORE_LOGIN_CODE_FILE: `${codes}/login` };

    await t.step("adoption reads nothing through a folder that became a link", async () => {
      await Deno.writeTextFile(`${folder}/seeder/a/mine`, "mine");
      await Deno.mkdir(`${folder}/outside`);
      await Deno.writeTextFile(`${folder}/outside/key`, "secret");
      await Deno.symlink("../outside", `${folder}/seeder/linked`);
      const made = await new Deno.Command("sh", {
        args: [
          "-c",
          `printf a >"$1/$(printf 'caf\\351')"; printf b >"$1/$(printf 'caf\\357\\277\\275')"`,
          ...["sh", `${folder}/seeder`],
        ],
      }).output();
      assert.ok(made.success);
      await start("seeder", `${folder}/seeder`, {
        OFFSHORE_TRACKER: tracker,
        OFFSHORE_JOIN_CODE_FILE: `${codes}/join`,
        OFFSHORE_NAME: "seeder-1",
      });
      await until("the folder is adopted", async () => {
        const { out } = await shell('"$1" ls -r / || "$1" ls /; "$1" ls /a');
        return out.includes("mine") && out.includes("caf\ufffd");
      });
      const { out } = await shell('"$1" adopted seeder-1');
      assert.match(out, /\/caf\\xe9.*not valid UTF-8/);
      assert.match(out, /\/linked.*symbolic link/);
      assert.equal((await shell('"$1" cat /caf\ufffd')).out, "b");
      // Swapped for a folder of the same names: what is served is the file that was adopted.
      await Deno.writeTextFile(`${folder}/outside/mine`, "evil");
      await Deno.rename(`${folder}/seeder/a`, `${folder}/away`);
      await Deno.symlink("../outside", `${folder}/seeder/a`);
      const swapped = await shell('"$1" cat /a/mine');
      assert.notEqual(swapped.code, 0);
      assert.doesNotMatch(swapped.out, /evil|secret/);
    });

    await t.step("modes obey the umask, and set-uid goes unless it is asked for", async () => {
      await Deno.writeTextFile(`${folder}/tool`, "#!");
      await Deno.chmod(`${folder}/tool`, 0o6777);
      const ran = await shell(
        `umask 027; "$1" put tool /tool && "$1" get /tool plain && "$1" get -p /tool exact`,
      );
      assert.equal(ran.code, 0, ran.err);
      assert.deepEqual([await modeOf("plain"), await modeOf("exact")], [0o750, 0o6777]);
      assert.match((await shell('"$1" ls -l /tool')).out, /^-rwsrwsrwx /m);
    });

    await t.step("two gets of one target at once are both right", async () => {
      const bytes = new Uint8Array(12 * 1024 * 1024);
      for (let at = 0; at < bytes.length; at += 65_536) {
        crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      }
      await Deno.writeFile(`${folder}/large`, bytes);
      assert.equal((await shell('"$1" put large /large')).code, 0);
      const both = await shell(
        `"$1" get -f /large two & a=$!; "$1" get -f /large two & b=$!; wait $a && wait $b`,
      );
      assert.equal(both.code, 0, both.err);
      assert.deepEqual(await Deno.readFile(`${folder}/two`), bytes);
      const names = [...Deno.readDirSync(folder)].map((one) => one.name);
      assert.deepEqual(names.filter((name) => name.startsWith(".offshore-")), []);
    });

    await t.step("names and arguments that are no UTF-8 are told by their bytes", async () => {
      const ran = await shell(
        `mkdir tree; printf no >"tree/$(printf 'caf\\351')"; printf yes >tree/caf\ufffd
        "$1" put -r tree /; echo $?
        "$1" put "tree/$(printf 'caf\\351')" tree/caf\ufffd /a; echo $?`,
      );
      assert.equal(ran.out, "1\n1\n", ran.err);
      assert.equal(ran.err.match(/caf\\xe9: the name is not valid UTF-8/g)?.length, 2, ran.err);
      assert.equal((await shell('"$1" cat /a/caf\ufffd')).out, "yes");
      assert.equal((await shell('"$1" ls /tree')).out, "caf\ufffd\n");
    });

    await t.step("a file of /proc is read to its end, and /dev/stdout is no target", async () => {
      const ran = await shell('"$1" put /proc/version /version && "$1" cat /version');
      assert.equal(ran.code, 0, ran.err);
      assert.equal(ran.out, await Deno.readTextFile("/proc/version"));
      const to = await shell('"$1" get -f /version /dev/stdout');
      assert.equal(to.code, 4);
      assert.match(to.err, /next: to write into it, from outside: offshore get REMOTE - >/);
      assert.equal((await run(file, ["lpwd"], { env: { ...env, ...client } })).code, 0);
    });
  } finally {
    for (const child of running.toReversed()) {
      child.kill("SIGTERM");
      await child.status;
    }
    await Deno.remove(folder, { recursive: true });
  }
});
