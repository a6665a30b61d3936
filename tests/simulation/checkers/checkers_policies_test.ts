/** What the swarm checks about policies, shown to bark at builds that break them. */
import type { NodeRow, VersionRow } from "../../../roles/tracker/catalog/catalog.ts";
import { barks, barksAlone, catalogDoing, catalogWith } from "./broken_builds.ts";

const changed = { policyCopies: [3], stepsPerClient: 16, bytesMost: 5_000 };

Deno.test("a person barks at a tracker that writes a file with other copies than its policy", async () => {
  // Beside the answer to who sets a policy it is the uploads that tell.
  const without = (row: NodeRow | undefined) => {
    if (row?.copies !== 3) return row;
    const { copies: _, ...rest } = row;
    return rest;
  };
  const catalog = catalogWith((view) => ({
    node: async (nodeId) => without(await view.node(nodeId)),
    child: async (nodeId, name) => without(await view.child(nodeId, name)),
  }));
  await barks({ catalog }, /gets 2 copies, not 3/, changed);
});

Deno.test("nothingLost alone barks at a tracker that forgets how many copies were promised", async () => {
  const catalog = catalogDoing((tx) => ({
    putVersion: (row: VersionRow) => tx.putVersion({ ...row, copies: Math.min(row.copies, 2) }),
  }));
  await barksAlone("lost", { catalog }, /lost: .* has 2 intact copies of 3/, changed);
});

Deno.test("noMoreVersions barks at a tracker that lets no version go at an overwrite", async () => {
  const catalog = catalogDoing(() => ({ oldVersionsOf: () => Promise.resolve([]) }));
  await barks({ catalog }, /has \d+ earlier versions, its policy keeps \d+/, changed);
});
