/** What `up` makes of folders that are not whole: a lost tracker, a seeder that cannot start. */
import assert from "node:assert/strict";
import { runProgram } from "./cluster.ts";

Deno.test("up makes no new tracker over a lost one's seeders, and rebuilds it when told to", async () => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-up-" });
  try {
    const up = (stdin: string, ...flags: string[]) =>
      runProgram(["up", "--port", "0", ...flags], { stdin, cwd: folder });
    const first = await up("mkdir /d\nput - /d/no\n");
    assert.match(first.out, /^recovery +\.disks\/recovery-code: copy it to another machine$/m);
    const again = await up("mkdir /d/e\npolicy /d 1\n");
    assert.equal(again.code, 0, again.err);
    assert.doesNotMatch(again.out, /recovery-code/, "it is told once");
    await Deno.remove(`${folder}/.disks/tracker`, { recursive: true });
    const refused = await up("ls /\n");
    assert.notEqual(refused.code, 0);
    assert.match(refused.err, /is gone or empty[^]*next: [^]*offshore up --rebuild/);
    await assert.rejects(Deno.stat(`${folder}/.disks/tracker/.offshore/tracker/cluster.json`));
    const rebuilt = await up("ls -l /d\npolicy /d\n", "--rebuild");
    assert.equal(rebuilt.code, 0, rebuilt.err);
    assert.match(rebuilt.out, /^d.* e$/m);
    assert.match(rebuilt.out, /1 copy/);
    const after = await up("ls /d\n");
    assert.equal(after.code, 0, after.err);
    const needless = await up("ls /\n", "--rebuild");
    assert.match(needless.err, /holds a tracker's state/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("up over a tracker's folder that was put back says so, and catches up when told to", async () => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-up-" });
  try {
    const up = (stdin: string, ...flags: string[]) =>
      runProgram(["up", "--port", "0", ...flags], { stdin, cwd: folder });
    const tracker = `${folder}/.disks/tracker`;
    assert.equal((await up("mkdir /before\n")).code, 0);
    await new Deno.Command("cp", { args: ["-a", tracker, `${folder}/image`] }).output();
    assert.equal((await up("mkdir /later\n")).code, 0);
    await Deno.remove(tracker, { recursive: true });
    await Deno.rename(`${folder}/image`, tracker);
    const fenced = await up("ls /\n");
    assert.notEqual(fenced.code, 0);
    assert.match(fenced.err, /of an earlier time[^]*next: [^]*--catch-up/);
    const caught = await up("ls /\n", "--catch-up");
    assert.equal(caught.code, 0, caught.err);
    assert.match(caught.out, /^before\nlater$/m);
    const both = await up("ls /\n", "--catch-up", "--rebuild");
    assert.match(both.err, /holds a tracker's state/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("up goes on without a seeder that cannot start, and says so", async () => {
  const folder = await Deno.makeTempDir({ prefix: "offshore-up-" });
  try {
    const up = (stdin: string) => runProgram(["up", "--port", "0"], { stdin, cwd: folder });
    assert.equal((await up("mkdir /d\n")).code, 0);
    await Deno.writeTextFile(`${folder}/.disks/seeder-2/.offshore/seeder/seeder.json`, "{");
    const { code, out, err } = await up("ls /\nseeders\n");
    assert.equal(code, 1, `seeders shows a problem, and all else goes on: ${err}`);
    assert.match(out, /^! seeder-2 did not start: [^]*next: /m);
    assert.match(out, /^d$/m);
    assert.match(out, /^seeder-3 +green/m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
