import assert from "node:assert/strict";
import { walkLocal, walkRemote } from "../../../../roles/client/transfer/tree_walk.ts";
import { systemDisk } from "../../../../roles/kit/system_disk.ts";
import { openClientWorld } from "../client_world.ts";
import { makeTree } from "../trees.ts";
import { remote } from "../world.ts";

Deno.test("walkLocal and walkRemote see the same tree, parents first", async () => {
  await using world = await openClientWorld();
  await makeTree(`${world.local}/tree`);
  await world.run(["put", "-r", "tree", "/"]);
  const local: string[] = [], far: string[] = [];
  for await (const one of walkLocal(systemDisk(), `${world.local}/tree`)) {
    assert("stat" in one);
    local.push(`${one.stat.kind} ${one.below.join("/")}`);
  }
  const { tracker } = world.cluster.session;
  for await (const one of walkRemote(tracker, remote("/tree"), new AbortController().signal)) {
    assert("entry" in one);
    far.push(`${one.entry.kind} ${one.below.join("/")}`);
  }
  assert.deepEqual(far.toSorted(), local.toSorted());
  for (const seen of [local, far]) {
    const paths = seen.map((line) => line.replace(/^\S+ /, ""));
    for (const [i, path] of paths.entries()) {
      const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
      assert(parent === "" || paths.indexOf(parent) < i);
    }
  }
});

Deno.test("walkRemote refuses names that could lead out of the tree", async () => {
  await using world = await openClientWorld();
  const entry = { kind: "directory", sizeBytes: 0, modifiedMs: 0, mode: 0o755 };
  const entries = ["..", "a/b", "", "."].map((name) => ({ ...entry, name }));
  world.cluster.trackerBehave = (path, nth) =>
    path !== "/v1/files/list" || nth > 1
      ? "ok"
      : { reply: { path: "/", kind: "directory", entries, nowMs: 0 } };
  const { tracker } = world.cluster.session;
  const seen = await Array.fromAsync(
    walkRemote(tracker, remote("/"), new AbortController().signal),
  );
  assert.deepEqual(
    seen.map((one) => "fault" in one ? one.fault.code : one.path),
    entries.map(() => "invalid-name"),
  );
});
