/**
 * What a seeder keeps of its place in the cluster when two things change it at once: neither undoes
 * the other, in memory or on the disk.
 */
import assert from "node:assert/strict";
import {
  KeyGeneration,
  makeCode,
  SecretKey,
  SeederId,
  seederKeyOf,
} from "../../../protocol/mod.ts";
import { claims } from "../../protocol/by_code.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { type Identity, IdentityFile } from "../../../roles/seeder/identity.ts";
import { JoinAttempts } from "../../../roles/seeder/join_attempts.ts";
import { Membership } from "../../../roles/seeder/membership.ts";
import { TrackerLine } from "../../../roles/seeder/tracker_line.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { HandClock } from "../tracker/hand_clock.ts";
import { clusterId, clusterKey, startOf } from "./seeder_world.ts";

const seederId = SeederId.parse("5eed000000000001");
const before: Identity = {
  ...{ seederId, clusterId, generation: KeyGeneration.parse(1) },
  attempt: SecretKey.parse("ab".repeat(32)),
  seederKey: seederKeyOf(clusterKey, seederId, 1),
  trackerAddress: "http://old:1",
  heard: startOf(1),
};

/** A file whose writes end when the test says so. */
class SlowFile extends IdentityFile {
  readonly begun: { identity: Identity; end: () => void }[] = [];
  #kept = before;

  override read(): Promise<Identity> {
    return Promise.resolve(this.#kept);
  }

  override write(identity: Identity): Promise<void> {
    const written = Promise.withResolvers<void>();
    const end = () => {
      this.#kept = identity;
      written.resolve();
    };
    this.begun.push({ identity, end });
    return written.promise;
  }
}

async function opened() {
  const clock = new HandClock(), random = seededRandom(1), log = silentLog;
  const disk = new SimDisk({ random, clock });
  const file = new SlowFile(disk, "/state", clock);
  const code = Promise.withResolvers<string>();
  let asked = 0;
  const membership: Membership = new Membership({
    ...{ file, clock, random, log },
    attempts: new JoinAttempts({ disk, directory: "/state", clock, random, log }),
    // The first is asked for at the start.
    joinCode: () => asked++ === 0 ? Promise.resolve(undefined) : code.promise,
    capacityBytes: () => Promise.resolve(1),
    line: new TrackerLine({
      ...{ clock, random, transport: () => Promise.reject(new TypeError("not called")) },
      identity: () => membership.identity,
      address: () => membership.address(),
    }),
  });
  await membership.open();
  return { membership, file, code };
}

const settle = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

Deno.test("an address that is looked up does not undo the epoch that was heard meanwhile", async () => {
  const { membership, file, code } = await opened();
  const looking = membership.refreshAddress();
  const hearing = membership.hearStart(startOf(5));
  const tracker = "http://new:1";
  const body = { purpose: "join", tracker, clusterId, expiresMs: 9 } as const;
  code.resolve(makeCode(clusterKey, claims(body)));
  for (let i = 0; i < 4; i++) {
    await settle();
    for (const { end } of file.begun) end();
  }
  await Promise.all([looking, hearing]);
  const both = { ...before, heard: startOf(5), trackerAddress: "http://new:1" };
  assert.deepEqual(membership.identity, both);
  assert.deepEqual(await file.read(), both);
});

Deno.test("what is written to the disk last is what is known last", async () => {
  const { membership, file } = await opened();
  const heard = [2, 3, 4].map((epoch) => membership.hearStart(startOf(epoch)));
  await settle();
  assert.equal(file.begun.length, 1, "one write at a time");
  for (let i = 0; i < 4; i++) {
    for (const { end } of file.begun.toReversed()) end();
    await settle();
  }
  await Promise.all(heard);
  assert.equal(file.begun.at(-1)?.identity.heard?.epoch, 4);
  await assert.rejects(membership.hearStart(startOf(3)), /older tracker/);
});
