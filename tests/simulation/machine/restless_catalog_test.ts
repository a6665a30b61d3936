import assert from "node:assert/strict";
import { seededRandom } from "../../../roles/kit/random.ts";
import { openMemoryCatalog } from "../../../roles/tracker/catalog/memory_catalog.ts";
import { directory, root } from "../../conformance/catalog_rows.ts";
import { restlessCatalog } from "./restless_catalog.ts";

Deno.test("restlessCatalog runs works again, and each is done once", async () => {
  let slept = 0;
  const clock = { sleep: () => Promise.resolve(void slept++) };
  const catalog = restlessCatalog(openMemoryCatalog(), seededRandom(5), clock);
  let begun = 0;
  const works = 400;
  await catalog.transaction((tx) => tx.putNode(root));
  for (let i = 0; i < works; i++) {
    await catalog.transaction(async (tx) => {
      begun++;
      const nodeId = await tx.highestNodeId() + 1;
      await tx.putNode(directory(nodeId, 1, `d${i}`)).catch(() => {});
    });
  }
  const children = await catalog.read((view) => view.children(1, undefined, works + 1));
  assert.equal(children.length, works);
  assert.ok(begun > works, `${begun} attempts of ${works} works`);
  assert.ok(slept > 0);
});

Deno.test("restlessCatalog hands on what a work throws by itself", async () => {
  const clock = { sleep: () => Promise.resolve() };
  const catalog = restlessCatalog(openMemoryCatalog(), seededRandom(6), clock);
  for (let i = 0; i < 50; i++) {
    const thrown = new Error(`own ${i}`);
    const work = catalog.transaction(async (tx) => {
      await tx.putSetting("a", "b");
      throw thrown;
    });
    await assert.rejects(work, thrown);
  }
  assert.equal(await catalog.read((view) => view.setting("a")), undefined);
});
