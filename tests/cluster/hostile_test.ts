/**
 * A program that joined with a good code and is hostile: what it may still do once a person has put
 * it out, although it goes on reporting; and that no code is in what a service writes.
 */
import assert from "node:assert/strict";
import {
  asFault,
  connect,
  type Connection,
  logOrigin,
  Prover,
  SecretKey,
  seederIdOf,
  trackerRoutes,
} from "../../protocol/mod.ts";
import { systemTransport } from "../../roles/kit/system_transport.ts";
import { joinBy } from "../protocol/by_code.ts";
import { runProgram, TestCluster, until } from "./cluster.ts";

const attempt = SecretKey.parse("e".repeat(64));
const seederId = seederIdOf(attempt);

function reporting(tracker: Connection<typeof trackerRoutes>) {
  return tracker.heartbeat({
    ...{ seederId, bootId: "b".repeat(16), name: "mallory", advertised: { port: 1 } },
    space: { totalBytes: 2 ** 52, freeBytes: 2 ** 52, usedBytes: 0 },
    ...{ chunkCount: 0, inventoryDigest: "0".repeat(32), writable: true, outcomes: [] },
  });
}

Deno.test("a seeder that is put out while it reports reads nothing more and cannot come back", async () => {
  await using cluster = await TestCluster.start(2);
  const transport = systemTransport();
  try {
    const address = cluster.urlOf("tracker");
    const stranger = connect(trackerRoutes, address, transport, "the tracker");
    const code = (await cluster.ok(["join-code"])).trim();
    const joining = { seederId, attempt, name: "mallory", advertised: { port: 1 } };
    const joined = await joinBy(stranger, code, {
      ...joining,
      ...{ generation: 0, capacityBytes: 2 ** 30 },
    });
    const name = { kind: "seeder", id: seederId, generation: 1 } as const;
    const prover = new Prover(name, joined.seederKey, "f".repeat(32));
    const mallory = connect(trackerRoutes, address, transport, "the tracker", { prover });
    const pull = () => mallory.pullLog({ seederId, position: logOrigin });
    await reporting(mallory);
    assert.equal((await pull()).clusterId.length, 16, "a member is answered");
    const listed = await cluster.ok(["seeders", "--json"]);
    assert.match(listed, new RegExp(`"totalBytes":${2 ** 30}`), "no more than it joined with");

    const gone = await cluster.client(["forget", "mallory"]);
    assert.match(gone.err, /still reports[^]*--now/);
    await cluster.ok(["forget", "mallory", "--now"]);
    for (let turn = 0; turn < 3; turn++) {
      for (const ask of [() => reporting(mallory), pull]) {
        assert.equal(await ask().then(() => "", (error) => asFault(error).code), "forbidden");
      }
      await cluster.end("tracker", "SIGKILL");
      await cluster.startRole("tracker");
    }
    const again = (await cluster.ok(["join-code"])).trim();
    const refused = joinBy(stranger, again, { ...joining, generation: 1, capacityBytes: 2 ** 30 });
    await assert.rejects(refused, { code: "forbidden" });
    await cluster.ok(["mkdir", "/goes-on"]);
    assert.match(await cluster.ok(["seeders"]), /mallory +banned/);
    await until("both seeders are there", async () => {
      const { seeders } = await cluster.status() as { seeders: { state: string }[] };
      return seeders.filter(({ state }) => state === "green").length === 2;
    });
  } finally {
    transport.close();
  }
});

Deno.test("a tracker that is a service writes no code, and codes prints them on its machine", async () => {
  await using cluster = await TestCluster.start(1);
  const disk = cluster.diskOf("tracker");
  const all = await runProgram(["codes", "--disk", disk]);
  assert.match(all.out, /^join, .*offshore-join-\S+\nlogin, .*offshore-login-\S+\nrecovery, /);
  const login = await runProgram(["codes", "login", "--disk", disk]);
  assert.match(login.out, /^offshore-login-\S+\n$/);
  const state = `${cluster.directory}/by-pipe`;
  const words = ["--state", state, "--tracker", cluster.urlOf("tracker")];
  const logged = await runProgram([...words, "login"], { stdin: login.out });
  assert.match(logged.out, /logged in as admin/);
  assert.equal((await runProgram([...words, "ls"])).code, 0);
  const second = await runProgram([...words, "login"], { stdin: login.out });
  assert.match(second.err, /serves once, and was used[^]*next: /);
  const kept = `${cluster.outputOf("tracker")}${await cluster.logOf("tracker")}`;
  assert.match(kept, /offshore codes --disk/);
  assert.doesNotMatch(kept, /offshore-(join|login|recovery)-/);
});
