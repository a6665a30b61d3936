import assert from "node:assert/strict";
import { loadHistory, saveHistory } from "../../../../roles/client/terminal/history.ts";
import { systemRandom } from "../../../../roles/kit/random.ts";
import { systemDisk } from "../../../../roles/kit/system_disk.ts";

Deno.test("a history is kept for its owner only, bounded, and missing ones are empty", async () => {
  const directory = await Deno.makeTempDir();
  const disk = systemDisk();
  try {
    const state = `${directory}/state`;
    assert.deepEqual(await loadHistory(disk, state), []);
    const lines = Array.from({ length: 1200 }, (_, i) => `ls /${i}`);
    await saveHistory(disk, state, lines, systemRandom());
    assert.deepEqual(await loadHistory(disk, state), lines.slice(0, 1000));
    assert.equal(((await Deno.stat(`${state}/history`)).mode ?? 0) & 0o777, 0o600);
    // A state folder that cannot be made fails nobody.
    await saveHistory(disk, `${state}/history/below`, lines, systemRandom());
    assert.deepEqual(await loadHistory(disk, `${state}/history/below`), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("two shells keep the lines of both, and each its own once", async () => {
  const directory = await Deno.makeTempDir();
  const disk = systemDisk(), random = systemRandom();
  try {
    await saveHistory(disk, directory, ["ls /first"], random);
    await saveHistory(disk, directory, ["ls /second"], random);
    await saveHistory(disk, directory, ["pwd", "ls /first"], random);
    assert.deepEqual(await loadHistory(disk, directory), ["pwd", "ls /first", "ls /second"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
