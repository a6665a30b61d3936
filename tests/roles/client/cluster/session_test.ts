/** The session: patience with the tracker, bounded, and one id for all tries of a change. */
import assert from "node:assert/strict";
import { Fault, limits } from "../../../../protocol/mod.ts";
import { systemRandom } from "../../../../roles/kit/random.ts";
import { systemDisk } from "../../../../roles/kit/system_disk.ts";
import { loadCredentials, saveCredentials } from "../../../../roles/client/cluster/credentials.ts";
import { login } from "../../../../roles/client/cluster/session.ts";
import { hastyClock, remote, trackerAddress, withWorld } from "../world.ts";
import { seededRandom } from "../../../../roles/kit/random.ts";

Deno.test("login turns a login code into credentials, and refuses other texts", () =>
  withWorld(1, async (world) => {
    const parts = { transport: world.transport, clock: hastyClock(), random: seededRandom(1) };
    const credentials = await login({ ...parts, code: ` ${world.code}\n` });
    assert.equal(credentials.trackerAddress, trackerAddress);
    await assert.rejects(login({ ...parts, code: "hello" }), { code: "code-invalid" });
    const joinCode = (await world.session.tracker.mintCode({ purpose: "join" })).code;
    await assert.rejects(login({ ...parts, code: joinCode }), { code: "code-invalid" });
    const forged = `${world.code.slice(0, -1)}${world.code.endsWith("A") ? "B" : "A"}`;
    const attempt = login({ ...parts, code: forged });
    await assert.rejects(attempt, (error) => error instanceof Fault);
  }));

Deno.test("credentials are kept for their owner alone, and damage is told", () =>
  withWorld(1, async (world) => {
    const disk = systemDisk();
    const directory = `${world.directory}/state`;
    assert.equal(await loadCredentials(disk, directory), undefined);
    const credentials = { trackerAddress, token: "t", user: "u", clusterId: "c" };
    await saveCredentials(disk, directory, credentials, systemRandom());
    await saveCredentials(disk, directory, credentials, systemRandom());
    assert.deepEqual(await loadCredentials(disk, directory), credentials);
    assert.equal((await disk.stat(`${directory}/client.json`))?.mode, 0o600);
    for (const text of ["", "{}", '{"token":1}', JSON.stringify({ ...credentials, more: 1 })]) {
      await Deno.writeTextFile(`${directory}/client.json`, text);
      await assert.rejects(loadCredentials(disk, directory), { code: "config-corrupt" });
    }
  }));

Deno.test("openSession waits for the tracker and says so once an outage", () =>
  withWorld(1, async (world) => {
    let calls = 0;
    world.trackerBehave = () => ++calls <= 5 ? "unreachable" : "ok";
    const both = [world.session.tracker.status({}), world.session.tracker.status({})];
    await Promise.all(both);
    assert.equal(world.waits.length, 1);
    calls = 3;
    await world.session.tracker.status({});
    assert.equal(world.waits.length, 2);
  }));

Deno.test("openSession asks again while the tracker is not ready, and no other fault twice", () =>
  withWorld(1, async (world) => {
    world.trackerBehave = (_path, nth) => nth < 2 ? new Fault("unavailable", "starting") : "ok";
    await world.session.tracker.status({});
    world.trackerCalls.clear();
    world.trackerBehave = () => new Fault("forbidden", "no");
    await assert.rejects(world.session.tracker.status({}), { code: "forbidden" });
    assert.equal(world.trackerCalls.get("/v1/status"), 1);
  }));

Deno.test("openSession gives a silent tracker up in the end, with the last fault", () =>
  withWorld(1, async (world) => {
    world.trackerBehave = () => "silent";
    const beganMs = world.session.clock.now();
    await assert.rejects(world.session.tracker.status({}), { code: "tracker-unreachable" });
    assert.ok(world.session.clock.now() - beganMs >= limits.trackerRetryMs - limits.trackerCallMs);
    assert.ok((world.trackerCalls.get("/v1/status") ?? 0) > 1);
  }));

Deno.test("openSession stops waiting when the signal fires", () =>
  withWorld(1, async (world) => {
    const stop = new AbortController();
    world.trackerBehave = (_path, nth) => {
      if (nth === 2) stop.abort();
      return "silent";
    };
    const call = world.session.tracker.status({}, { signal: stop.signal });
    await assert.rejects(call, { code: "interrupted" });
    const later = world.session.tracker.status({}, { signal: stop.signal });
    await assert.rejects(later, { code: "interrupted" });
  }));

Deno.test("openSession gets the answer that was lost when it asks again", () =>
  withWorld(1, async (world) => {
    const { tracker } = world.session;
    const lose = (route: string) => {
      world.trackerCalls.clear();
      world.trackerBehave = (path, nth) => path === route && nth === 0 ? "lose-reply" : "ok";
    };
    lose("/v1/files/make-directories");
    await tracker.makeDirectories({ paths: [remote("/d")], parents: false });
    lose("/v1/files/move");
    assert.equal(
      (await tracker.move({ from: remote("/d"), to: remote("/e"), replace: false })).path,
      "/e",
    );
    lose("/v1/files/make-links");
    const links = [{ path: remote("/l"), target: "e", modifiedMs: 1, replace: false }];
    assert.deepEqual(await tracker.makeLinks({ links }), { made: 1 });
    lose("/v1/files/remove");
    const { trashId } = await tracker.remove({ path: remote("/e"), what: "tree" });
    assert.equal(world.trackerCalls.get("/v1/files/remove"), 2);
    assert(trashId !== undefined, "what went where is told as well");
    lose("/v1/trash/restore");
    assert.equal((await tracker.restore({ what: { trashId } })).path, "/e");
  }));

Deno.test("openSession tells a refusal as it is", () =>
  withWorld(1, async (world) => {
    const { tracker } = world.session;
    const remove = tracker.remove({ path: remote("/none"), what: "file" });
    await assert.rejects(remove, { code: "not-found" });
    const move = { from: remote("/none"), to: remote("/other"), replace: false };
    world.trackerBehave = (path, nth) =>
      path === "/v1/files/move" && nth === 0 ? "unreachable" : "ok";
    await assert.rejects(tracker.move(move), { code: "not-found" });
  }));

Deno.test("openSession takes nobody else's work for its own", () =>
  withWorld(1, async (world) => {
    const { tracker } = world.session;
    await tracker.makeDirectories({ paths: [remote("/d")], parents: false });
    let theirs: Promise<unknown> | undefined;
    world.trackerBehave = (path, nth) => {
      if (path !== "/v1/files/remove" || nth > 0) return "ok";
      theirs = tracker.remove({ path: remote("/d"), what: "directory" });
      return "unreachable";
    };
    const ours = tracker.remove({ path: remote("/d"), what: "directory" });
    await assert.rejects(ours, { code: "not-found" });
    await theirs;
  }));
