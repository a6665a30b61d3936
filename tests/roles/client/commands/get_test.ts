import assert from "node:assert/strict";
import { openClientWorld } from "../client_world.ts";
import { makeTree, shape } from "../trees.ts";

Deno.test("get -r writes nothing through a local link", async () => {
  await using world = await openClientWorld();
  await makeTree(`${world.local}/tree`);
  await world.run(["put", "-r", "tree", "/"]);
  await Deno.mkdir(`${world.local}/outside`);
  await Deno.mkdir(`${world.local}/back`);
  await Deno.symlink("../outside", `${world.local}/back/sub dir`);
  await Deno.symlink("../outside/escaped", `${world.local}/back/a`);
  const ran = await world.run(["get", "-r", "-f", "/tree/.", "back"]);
  assert.equal(ran.code, 1);
  assert.match(ran.error, /back\/sub dir is a link, where a directory is to be/);
  assert.deepEqual(await shape(`${world.local}/outside`), []);
  assert.equal((await Deno.lstat(`${world.local}/back/a`)).isFile, true);
});

Deno.test("get names what it cannot do", async () => {
  await using world = await openClientWorld();
  await world.run(["mkdir", "/d"]);
  await Deno.writeTextFile(`${world.local}/file`, "");
  await world.run(["put", "file", "/d"]);
  for (
    const [words, code, message] of [
      [["/none"], 3, /\/none/],
      [["/d", "x"], 4, /next: type: get -r \/d/],
      [["/d/file"], 4, /file[^]*--force/],
      [["/d/file", "/d/file", "x"], 3, /x is no local directory/],
      [["/d/file", "none/x"], 3, /no local directory/],
      [["/d", "-"], 4, /\/d is a directory/],
    ] as [string[], number, RegExp][]
  ) {
    const ran = await world.run(["get", ...words]);
    assert.match(ran.error, message);
    assert.equal(ran.code, code, `${words.join(" ")}: ${ran.error}`);
  }
  assert.equal((await world.run(["get", "-f", "/d/file"])).code, 0);
});

Deno.test("get -r follows no link that stands where the top of the tree is to be", async () => {
  await using world = await openClientWorld();
  await makeTree(`${world.local}/tree`);
  await world.run(["put", "-r", "tree", "/"]);
  await Deno.mkdir(`${world.local}/outside`);
  await Deno.mkdir(`${world.local}/out`);
  await Deno.symlink("../outside", `${world.local}/out/tree`);
  for (const flags of ["-r", "-rf"]) {
    const ran = await world.run(["get", flags, "/tree", "out"]);
    assert.equal(ran.code, 4, ran.error);
    assert.match(ran.error, /out\/tree is a link, where a directory is to be/);
  }
  assert.deepEqual(await shape(`${world.local}/outside`), []);
  assert.equal(await Deno.readLink(`${world.local}/out/tree`), "../outside");
  // A place that the person typed is followed, as with cp.
  const ran = await world.run(["get", "-r", "/tree/.", "out/tree"]);
  assert.equal(ran.code, 0, ran.error);
  assert.notDeepEqual(await shape(`${world.local}/outside`), []);
});

Deno.test("get replaces no device and says what to type instead", async () => {
  await using world = await openClientWorld(2);
  await Deno.writeTextFile(`${world.local}/file`, "text");
  await world.run(["put", "file", "/file"]);
  await new Deno.Command("mkfifo", { args: [`${world.local}/pipe`] }).output();
  await Deno.symlink("pipe", `${world.local}/link`);
  for (const to of ["pipe", "link", "/dev/stdout", "/dev/fd/1", "/dev/null"]) {
    const ran = await world.run(["get", "-f", "/file", to]);
    assert.equal(ran.code, 4, ran.error);
    assert.match(ran.error, /is a device, a pipe or a socket[^]*next: .*offshore get REMOTE - >/);
  }
  assert.equal((await Deno.lstat(`${world.local}/pipe`)).isFifo, true);
  assert.equal((await Deno.lstat(`${world.local}/link`)).isSymlink, true);
  assert.equal((await Deno.lstat("/dev/null")).isCharDevice, true);
});

Deno.test("get drops set-uid and the like, obeys the umask, and keeps both on request", async () => {
  await using world = await openClientWorld(2);
  const umask = Deno.umask();
  await Deno.writeTextFile(`${world.local}/file`, "text");
  await Deno.chmod(`${world.local}/file`, 0o6777);
  const put = await world.run(["put", "file", "/file"]);
  assert.equal(put.code, 0, put.error);
  const modeOf = async (name: string) => (await Deno.stat(`${world.local}/${name}`)).mode! & 0o7777;
  assert.equal((await world.run(["get", "/file", "plain"])).code, 0);
  assert.equal(await modeOf("plain"), 0o777 & ~umask);
  assert.equal((await world.run(["get", "-p", "/file", "exact"])).code, 0);
  assert.equal(await modeOf("exact"), 0o6777);
});

Deno.test("put -r and get -r keep modes of directories, also of those nobody may write", async () => {
  await using world = await openClientWorld(2);
  const umask = Deno.umask();
  const modes = {
    "tree": 0o755,
    "tree/closed": 0o500,
    "tree/closed/in": 0o700,
    "tree/set": 0o2775,
  };
  for (const path of Object.keys(modes)) await Deno.mkdir(`${world.local}/${path}`);
  await Deno.writeTextFile(`${world.local}/tree/closed/in/file`, "text");
  for (const [path, mode] of Object.entries(modes)) {
    await Deno.chmod(`${world.local}/${path}`, mode);
  }
  assert.equal((await world.run(["put", "-r", "tree", "/"])).code, 0);
  const stat = await world.run(["ls", "-l", "/tree"]);
  assert.match(stat.output, /^dr-x------ .*closed$/m);
  assert.match(stat.output, /^drwxrwsr-x .*set$/m);
  for (const [flag, mask] of [["-r", 0o777 & ~umask], ["-rp", 0o7777]] as const) {
    const to = `back${flag}`;
    const got = await world.run(["get", flag, "/tree", to]);
    assert.equal(got.code, 0, got.error);
    for (const [path, mode] of Object.entries(modes)) {
      const there = (await Deno.stat(`${world.local}/${path.replace("tree", to)}`)).mode! & 0o7777;
      assert.equal(there, mode & mask, `${flag} ${path}`);
    }
    assert.equal(await Deno.readTextFile(`${world.local}/${to}/closed/in/file`), "text");
  }
});
