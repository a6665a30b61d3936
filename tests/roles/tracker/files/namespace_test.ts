/** The rules of names: what may be made, linked, moved, removed, and what a path leads to. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault, limits } from "../../../../protocol/mod.ts";
import { chunkOf, path, refusedWith, TrackerWorld } from "../tracker_world.ts";

/** A world with `/dir/sub`, `/dir/file`, `/to-dir -> dir`, `/loop -> loop`, `/dangling -> none`. */
async function furnished(): Promise<TrackerWorld> {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.admin.makeDirectories({ paths: ["/dir/sub"], parents: true });
  await world.upload("/dir/file", [chunkOf(1, 10)]);
  const link = (at: string, target: string) => ({
    path: at,
    target,
    modifiedMs: 1,
    replace: false,
  });
  await world.admin.makeLinks({
    links: [link("/to-dir", "dir"), link("/loop", "loop"), link("/dangling", "none")],
  });
  return world;
}

async function tree(world: TrackerWorld, at = "/"): Promise<string[]> {
  const { entries } = await world.admin.list({ path: at });
  const lines: string[] = [];
  for (const { name, kind } of entries) {
    const below = at === "/" ? `/${name}` : `${at}/${name}`;
    lines.push(`${below} ${kind}`);
    if (kind === "directory") lines.push(...await tree(world, below));
  }
  return lines;
}

Deno.test("makeDirectories makes, with parents if asked, all or none", async () => {
  const { admin } = await furnished();
  assert.equal((await admin.makeDirectories({ paths: ["/x", "/x/y"], parents: false })).made, 2);
  assert.equal((await admin.makeDirectories({ paths: ["/x/y/z/w"], parents: true })).made, 2);
  assert.equal((await admin.makeDirectories({ paths: ["/x/y", "/"], parents: true })).made, 0);
  assert.equal((await admin.makeDirectories({ paths: ["/to-dir/a/b"], parents: true })).made, 2);
  const refusals: [string[], boolean, Fault["code"]][] = [
    [["/x"], false, "already-exists"],
    [["/"], false, "already-exists"],
    [["/to-dir"], false, "already-exists"],
    [["/none/y"], false, "not-found"],
    [["/dir/file/y"], false, "not-a-directory"],
    [["/dir/file/y"], true, "not-a-directory"],
    [["/dir/file"], true, "not-a-directory"],
    [["/loop/y"], true, "link-loop"],
    [["/loop"], true, "link-loop"],
    [["/dangling"], true, "not-found"],
    [["/fresh", "/fresh"], false, "already-exists"],
  ];
  for (const [paths, parents, code] of refusals) {
    await refusedWith(code, admin.makeDirectories({ paths, parents }));
  }
  await refusedWith("not-found", admin.stat({ target: { path: "/fresh" }, follow: true }));
});

Deno.test("stat and list follow links where they should", async () => {
  const { admin } = await furnished();
  const stat = (at: string, follow: boolean) => admin.stat({ target: { path: at }, follow });
  assert.equal((await stat("/to-dir", true)).path, "/dir");
  assert.equal((await stat("/to-dir", false)).target, "dir");
  assert.equal((await stat("/to-dir", false)).sizeBytes, 3);
  assert.equal((await stat("/to-dir/file", false)).path, "/dir/file");
  assert.equal((await stat("/", true)).kind, "directory");
  assert.equal((await stat("/", true)).copiesWanted, limits.copiesDefault);
  const file = await stat("/dir/file", true);
  assert.equal(file.copiesLeast, 2);
  assert.deepEqual([file.chunkCount, file.sizeBytes, file.mode, file.modifiedMs], [1, 10, 416, 5]);
  await refusedWith("link-loop", stat("/loop", true));
  await refusedWith("not-found", stat("/dangling", true));
  assert.equal((await stat("/dangling", false)).kind, "link");
  await refusedWith("not-a-directory", stat("/dir/file/x", false));
  const version = await admin.stat({
    target: { versionId: file.versionId as string },
    follow: true,
  });
  assert.equal(version.path, "/dir/file");
  await refusedWith(
    "not-found",
    admin.stat({ target: { versionId: "0".repeat(32) }, follow: true }),
  );

  const list = async (at: string) => {
    const { path, kind, entries } = await admin.list({ path: at });
    return [path, kind, entries.map((entry) => entry.name).join()];
  };
  assert.deepEqual(await list("/to-dir"), ["/dir", "directory", "file,sub"]);
  assert.deepEqual(await list("/dir/file"), ["/dir/file", "file", "file"]);
  assert.deepEqual(await list("/dangling"), ["/dangling", "link", "dangling"]);
  assert.deepEqual(await list("/loop"), ["/loop", "link", "loop"]);
  await refusedWith("not-found", admin.list({ path: "/none" }));
});

Deno.test("links resolve as on a Unix disk", async () => {
  const { admin } = await furnished();
  const table: [string, string, string | Fault["code"]][] = [
    ["/dir/sub/up", "..", "/dir"],
    ["/dir/sub/far", "../../../../dir", "/dir"],
    ["/dir/abs", "/dir/sub", "/dir/sub"],
    ["/dir/dot", "./sub/.", "/dir/sub"],
    ["/dir/slash", "sub//", "/dir/sub"],
    ["/dir/via", "abs/up/file", "/dir/file"],
    ["/dir/through", "file/..", "not-a-directory"],
    ["/dir/long", "x".repeat(300), "invalid-name"],
  ];
  for (const [at, target, leads] of table) {
    await admin.makeLinks({ links: [{ path: at, target, modifiedMs: 1, replace: false }] });
    const found = admin.stat({ target: { path: at }, follow: true });
    if (leads.startsWith("/")) assert.equal((await found).path, leads, at);
    else await refusedWith(leads as Fault["code"], found);
  }
  const chain = Array.from({ length: limits.linkDepthMax + 1 }, (_, i) => ({
    path: `/chain${i}`,
    target: i === 0 ? "dir" : `chain${i - 1}`,
    modifiedMs: 1,
    replace: false,
  }));
  await admin.makeLinks({ links: chain });
  const last = (i: number) => admin.stat({ target: { path: `/chain${i}` }, follow: true });
  assert.equal((await last(limits.linkDepthMax - 1)).path, "/dir");
  await refusedWith("link-loop", last(limits.linkDepthMax));
});

Deno.test("makeLinks replaces links only, and only when asked", async () => {
  const { admin } = await furnished();
  const make = (at: string, target: string, replace: boolean) =>
    admin.makeLinks({ links: [{ path: at, target, modifiedMs: 2, replace }] });
  await refusedWith("already-exists", make("/to-dir", "x", false));
  await refusedWith("already-exists", make("/dir/file", "x", true));
  await refusedWith("already-exists", make("/dir", "x", true));
  await refusedWith("already-exists", make("/", "x", true));
  await refusedWith("not-found", make("/none/x", "x", true));
  await refusedWith("invalid-name", make("/bad", "\ud800", true));
  assert.equal((await make("/to-dir", "elsewhere", true)).made, 1);
  const { target } = await admin.stat({ target: { path: "/to-dir" }, follow: false });
  assert.equal(target, "elsewhere");
  assert.equal((await admin.status({})).links, 3);
});

Deno.test("remove takes away what it says and nothing else", async () => {
  const world = await furnished();
  const { admin } = world;
  const remove = (at: string, what: "file" | "directory" | "tree") =>
    admin.remove({ path: at, what, now: true });
  await refusedWith("forbidden", remove("/", "tree"));
  await refusedWith("forbidden", remove("/", "directory"));
  await refusedWith("is-a-directory", remove("/dir", "file"));
  await refusedWith("not-a-directory", remove("/dir/file", "directory"));
  await refusedWith("not-a-directory", remove("/to-dir", "directory"));
  await refusedWith("directory-not-empty", remove("/dir", "directory"));
  await refusedWith("not-found", remove("/none", "tree"));
  await refusedWith("not-found", remove("/none/x", "tree"));
  assert.deepEqual(await remove("/dangling", "file"), { files: 0, directories: 0, links: 1 });
  assert.deepEqual(await remove("/loop", "tree"), { files: 0, directories: 0, links: 1 });
  assert.deepEqual(await remove("/dir/sub", "directory"), { files: 0, directories: 1, links: 0 });
  assert.deepEqual(await remove("/to-dir", "tree"), { files: 0, directories: 0, links: 1 });
  assert.deepEqual(await tree(world), ["/dir directory", "/dir/file file"]);
  assert.deepEqual(await remove("/dir", "tree"), { files: 1, directories: 1, links: 0 });
  const status = await admin.status({});
  assert.deepEqual([status.files, status.directories, status.chunks], [0, 0, 0]);
});

Deno.test("move renames, replaces only files and links, and never loses a tree", async () => {
  const world = await furnished();
  const { admin } = world;
  const move = (from: string, to: string, replace = false) => admin.move({ from, to, replace });
  await world.upload("/other", [chunkOf(2, 10)]);
  const refusals: [string, string, boolean, Fault["code"]][] = [
    ["/none", "/x", false, "not-found"],
    ["/dir", "/none/x", false, "not-found"],
    ["/dir", "/dir/sub/x", false, "move-into-itself"],
    ["/dir", "/to-dir/x", false, "move-into-itself"],
    ["/", "/x", false, "forbidden"],
    ["/other", "/dir/file", false, "already-exists"],
    ["/other", "/dir", true, "already-exists"],
    ["/dir/sub", "/dir", true, "already-exists"],
    ["/dir/sub", "/other", true, "not-a-directory"],
    ["/other", "/dir/file/x", true, "not-a-directory"],
    ["/other", "/", true, "already-exists"],
  ];
  const before = await tree(world);
  for (const [from, to, replace, code] of refusals) {
    await refusedWith(code, move(from, to, replace));
  }
  assert.equal((await move("/dir", "/dir")).path, "/dir");
  assert.deepEqual(await tree(world), before);
  const other = (await admin.stat({ target: { path: "/other" }, follow: true })).versionId;
  assert.equal((await move("/other", "/to-dir/file", true)).path, "/dir/file");
  const now = await admin.stat({ target: { path: "/dir/file" }, follow: true });
  assert.equal(now.versionId, other);
  await refusedWith("not-a-directory", move("/dir", "/dangling", true));
  assert.equal((await move("/dir", "/renamed")).path, "/renamed");
  assert.deepEqual(await tree(world, "/renamed"), ["/renamed/file file", "/renamed/sub directory"]);
  const status = await admin.status({});
  assert.deepEqual([status.files, status.directories, status.links], [1, 2, 3]);
});

Deno.test("setPolicy is inherited until a directory says otherwise", async () => {
  const { admin } = await furnished();
  const wanted = async (at: string) =>
    (await admin.stat({ target: { path: at }, follow: true })).copiesWanted;
  assert.equal((await admin.setPolicy({ path: "/", copies: 3 })).copies, 3);
  assert.equal((await admin.setPolicy({ path: "/to-dir", copies: 4 })).copies, 4);
  assert.deepEqual([await wanted("/"), await wanted("/dir/sub"), await wanted("/dir/file")], [
    3,
    4,
    2,
  ]);
  assert.equal((await admin.setPolicy({ path: "/dir", copies: null })).copies, 3);
  assert.equal((await admin.setPolicy({ path: "/", copies: null })).copies, 2);
  await refusedWith("not-a-directory", admin.setPolicy({ path: "/dir/file", copies: 1 }));
  await refusedWith("not-found", admin.setPolicy({ path: "/none", copies: 1 }));
});

Deno.test("list pages through a directory in order of UTF-8 bytes, nothing twice", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(
        fc.string({ unit: "binary", minLength: 1, maxLength: 8 })
          .filter((name) => !/[/\0]/.test(name) && name !== "." && name !== ".."),
        { maxLength: 30 },
      ),
      fc.integer({ min: 1, max: 7 }),
      async (names, limit) => {
        const world = await TrackerWorld.open();
        if (names.length > 0) {
          const paths = names.map((name) => `/${name}`);
          await world.admin.makeDirectories({ paths, parents: false });
        }
        const listed: string[] = [];
        let after: string | undefined;
        for (;;) {
          const page = { path: "/", limit, ...(after === undefined ? {} : { after }) };
          const { entries, next } = await world.admin.list(page);
          listed.push(...entries.map((entry) => entry.name));
          if (next === undefined) break;
          assert.equal(entries.length, limit);
          after = next;
        }
        const bytes = (text: string) => new TextEncoder().encode(text).toHex();
        assert.deepEqual(listed.map(bytes), names.map(bytes).toSorted());
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("usage sums a tree, resolvePrefix finds versions by their first digits", async () => {
  const world = await furnished();
  const { admin } = world;
  await world.upload("/dir/sub/more", [chunkOf(3, 30)]);
  const sums = { files: 2, directories: 1, links: 0, fileBytes: 40 };
  assert.deepEqual(await admin.usage({ path: "/dir" }), { path: "/dir", ...sums });
  assert.equal((await admin.usage({ path: "/to-dir" })).links, 1);
  const versionId = await world.upload("/v", [chunkOf(4, 1)]);
  const { matches } = await admin.resolvePrefix({ prefix: versionId.slice(0, 9) });
  assert.deepEqual(matches, [{ versionId, path: path("/v"), sizeBytes: 1 }]);
  assert.deepEqual((await admin.resolvePrefix({ prefix: "fffff" })).matches, []);
});

Deno.test("a path that links make too long is refused, not broken", async () => {
  const { admin } = await TrackerWorld.open();
  const deep = Array.from({ length: 16 }, () => "d".repeat(250)).join("/");
  await admin.makeDirectories({ paths: [`/${deep}`], parents: true });
  await admin.makeDirectories({ paths: ["/top"], parents: false });
  await admin.move({ from: path(`/${"d".repeat(250)}`), to: path("/top/d"), replace: false });
  const rest = Array.from({ length: 15 }, () => "d".repeat(250)).join("/");
  const link = { path: "/short", target: `/top/d/${rest}`, modifiedMs: 1, replace: false };
  await admin.makeLinks({ links: [link] });
  const below = `/short/${"e".repeat(250)}`;
  await admin.makeDirectories({ paths: [below], parents: false });
  const far = `${below}/${"f".repeat(250)}`;
  const made = await admin.makeDirectories({ paths: [far], parents: false }).then(
    () => "made",
    (error) => error.code,
  );
  assert.equal(made, "invalid-name");
});
