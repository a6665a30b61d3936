/** What was acknowledged is there after the process was killed. A power cut is not tried here. */
import assert from "node:assert/strict";
import { randomInt, systemRandom } from "../../../../roles/kit/random.ts";
import { openSqliteCatalog } from "../../../../roles/tracker/catalog/sqlite_catalog.ts";
import { logRow } from "../../../conformance/catalog_rows.ts";

/**
 * Starts the writer, kills it after it has acknowledged `rows` rows, and tells the last of them.
 */
async function writeAndKill(path: string, rows: number): Promise<number> {
  const writer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", import.meta.resolve("./crash_writer.ts"), path],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  let killed = false;
  for await (const part of writer.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (!killed && text.split("\n").length > rows) {
      writer.kill("SIGKILL");
      killed = true;
    }
  }
  await writer.status;
  assert.ok(killed, "the writer ended by itself");
  // The last line may have been cut off.
  const lines = text.slice(0, text.lastIndexOf("\n")).split("\n");
  return Math.max(...lines.map(Number));
}

Deno.test("every acknowledged row is there after the process was killed", async () => {
  const directory = await Deno.makeTempDir({ prefix: "offshore-catalog-" });
  try {
    const path = `${directory}/catalog.db`;
    let before = 0;
    for (let round = 0; round < 5; round++) {
      const rows = randomInt(systemRandom(), 1, 2000);
      const acknowledged = await writeAndKill(path, rows);
      assert.ok(acknowledged > before);
      const catalog = await openSqliteCatalog(path);
      await catalog.read(async (view) => {
        const head = (await view.logHead())?.sequence ?? 0;
        const told = `killed after ${rows} rows, ${acknowledged} acknowledged, ${head} there`;
        assert.ok(head >= acknowledged, told);
        assert.equal(await view.setting("last"), String(head), told);
        const log = await view.logAfter(before, head);
        const expected = Array.from({ length: head - before }, (_, i) => logRow(before + i + 1));
        assert.deepEqual(log, expected);
        before = head;
      });
      await catalog.close();
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
