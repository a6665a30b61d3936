/**
 * What a tracker that is being rebuilt believes: presentations made by hand, honest and not, of
 * seeders whose keys are known.
 */
import assert from "node:assert/strict";
import {
  type ClusterCard,
  ClusterId,
  limits,
  logChecksum,
  logOrigin,
  type LogRecord,
  positionOf,
  RecoveryCode,
  sealKey,
  SecretKey,
  SeederId,
  seederKeyOf,
  signCard,
  signPresentation,
  signRecord,
} from "../../../../protocol/mod.ts";
import { silentLog } from "../../../../roles/kit/log.ts";
import { seededRandom } from "../../../../roles/kit/random.ts";
import {
  MemoryCatalogData,
  openMemoryCatalog,
} from "../../../../roles/tracker/catalog/memory_catalog.ts";
import { isAnother } from "../../../../roles/tracker/plan/authority.ts";
import { LeaseClock } from "../../../../roles/tracker/copies/lease_clock.ts";
import { commitStart } from "../../../../roles/tracker/log/begin.ts";
import { authoritySetting, beginIntake } from "../../../../roles/tracker/recovery/way_back.ts";
import { Rebuilding } from "../../../../roles/tracker/recovery/rebuilding.ts";
import { SimDisk } from "../../../simulation/machine/sim_disk.ts";
import { HandClock, refusedWith, stateDirectory } from "../tracker_world.ts";

const clusterKey = SecretKey.parse("5c".repeat(32));
const clusterId = ClusterId.parse("c".repeat(16));
const recoveryCode = RecoveryCode.parse(`offshore-recovery-${"5e".repeat(32)}`);
const sealedKey = sealKey(recoveryCode, clusterId, clusterKey, "ab".repeat(12));
const ids = ["1", "2", "3"].map((digit) => SeederId.parse(digit.repeat(16)));
const term = "7e".repeat(8);

/** What a tracker of this cluster wrote: its start, the keepers, and directories. */
function logOf(length: number): LogRecord[] {
  const records: LogRecord[] = [];
  for (let sequence = 1; sequence <= length; sequence++) {
    const place = { nodeId: sequence + 1, parentId: 1, name: `d${sequence}` };
    const text = JSON.stringify(
      sequence === 1
        ? { kind: "start-tracker", term }
        : sequence === 2
        ? { kind: "set-keepers", seederIds: ids }
        : { kind: "make-directory", ...place, mode: 0o755, modifiedMs: 0, by: "ada" },
    );
    const checksum = logChecksum(records.at(-1)?.checksum ?? logOrigin.checksum, text);
    const record = { sequence, epoch: 1, term, timeMs: sequence, text, checksum };
    records.push(signRecord(clusterKey, record));
  }
  return records;
}

function cardOf(keepers: readonly SeederId[], epoch = 1, key = clusterKey): ClusterCard {
  return signCard(key, { sealedKey, keepers: { epoch, sequence: 2, seederIds: [...keepers] } });
}

class RebuildWorld {
  readonly clock = new HandClock();
  leaseHeardMs = 0;
  readonly random;
  readonly catalog = openMemoryCatalog(new MemoryCatalogData());
  readonly rebuilding: Rebuilding;
  readonly #parts;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    const disk = new SimDisk({ random: this.random, clock: this.clock });
    const { catalog, clock, random } = this;
    const all = { catalog, disk, stateDirectory, recoveryCode, clock, random, log: silentLog };
    this.#parts = all;
    this.rebuilding = new Rebuilding(all);
  }

  static async open(seed = 3): Promise<RebuildWorld> {
    const world = new RebuildWorld(seed);
    await world.#parts.disk.makeDirectory(stateDirectory);
    await beginIntake(world.#parts);
    return world;
  }

  present(seederId: SeederId, log: readonly LogRecord[], card = cardOf(ids)) {
    const seederKey = seederKeyOf(clusterKey, seederId, 1);
    const last = log.at(-1);
    assert(last);
    return this.rebuilding.present(signPresentation(seederKey, {
      ...{ seederId, generation: 1, card, heard: positionOf(log[0]), last: positionOf(last) },
      ...{ after: logOrigin, snapshots: [], nonce: "9d".repeat(16) },
      leaseHeardMs: this.leaseHeardMs,
    }));
  }

  /** These show what they have until the rebuild is through; up to which operation it came. */
  async through(logs: ReadonlyMap<SeederId, LogRecord[]>, card = cardOf(ids)): Promise<number> {
    for (let round = 0; round < 20; round++) {
      for (const [seederId, log] of logs) {
        let { uploadAfter } = await this.present(seederId, log, card);
        while (uploadAfter !== undefined) {
          const records = log.slice(uploadAfter);
          ({ uploadAfter } = await this.rebuilding.upload({ seederId, records }));
        }
      }
      if (await this.catalog.read((view) => view.setting(authoritySetting)) !== undefined) break;
      this.clock.advance(1_000);
    }
    return (await this.catalog.read((view) => view.logHead()))?.sequence ?? 0;
  }

  /** What the tracker that starts from here writes first. */
  async start() {
    const rebuiltEpoch = Number(
      await this.catalog.read((view) => view.setting(authoritySetting)),
    );
    const { catalog, random } = this;
    const nowMs = this.clock.now();
    return await commitStart(
      { catalog, clusterKey, random, nowMs, rebuiltEpoch },
      () => Promise.resolve(),
    );
  }
}

Deno.test("a card that no tracker signed counts for nothing, also when it comes first", async () => {
  const world = await RebuildWorld.open();
  const [one, two, thief] = ids;
  assert(one && two && thief);
  const short = logOf(4);
  const forged = [
    cardOf([thief], 2 ** 40, seederKeyOf(clusterKey, thief, 1)),
    { ...cardOf(ids), keepers: { ...cardOf(ids).keepers, seederIds: [thief] } },
    { ...cardOf(ids), keepers: { ...cardOf(ids).keepers, epoch: 2 ** 40 } },
  ];
  for (const card of forged) {
    await refusedWith("unauthenticated", world.present(thief, short, card));
    world.clock.advance(limits.rebuildSettleMs);
  }
  assert.equal(await world.through(new Map([[thief, short]])), 0, "alone it is no majority");
  assert.equal(await world.through(new Map([[one, logOf(23)], [two, logOf(9)]])), 23);
});

Deno.test("a start or a record that no tracker signed is refused, and raises no epoch", async () => {
  const world = await RebuildWorld.open();
  const [one] = ids;
  assert(one);
  const log = logOf(5);
  const high = { ...log[0]!, epoch: 2 ** 40 };
  await refusedWith("unauthenticated", world.present(one, [high, ...log.slice(1)]));
  await refusedWith("unauthenticated", world.present(one, [log[0]!, { ...log[4]!, sequence: 99 }]));
});

Deno.test("a keeper that hides the end of its log, or is off, hides nothing from a majority", async () => {
  for (const here of [[0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
    const world = await RebuildWorld.open();
    // Operation 23 was acknowledged by the second and the third; the first hides what it has.
    const logs = [logOf(4), logOf(23), logOf(23)];
    const shown = new Map(here.map((i) => [ids[i]!, logs[i]!]));
    assert.equal(await world.through(shown), 23);
  }
});

Deno.test("two rebuilds from other seeders have one epoch and two terms, and each stops for the other", async () => {
  const starts = [];
  for (const i of [0, 1]) {
    const world = await RebuildWorld.open(7 + i);
    const alone = new Map([[ids[i]!, logOf(5 + i)]]);
    assert.equal(await world.through(alone, cardOf([ids[i]!])), 5 + i);
    starts.push(await world.start());
  }
  const [one, two] = starts;
  assert(one && two);
  assert.deepEqual([one.epoch, two.epoch], Array(2).fill(limits.epochsOfGenerationMax));
  assert.notEqual(one.term, two.term);
  assert(isAnother(one, two) && isAnother(two, one), "who is told of the other stops");
});

Deno.test("the lease clock of a rebuilt tracker begins after the latest that a keeper heard", async () => {
  const [one, two] = ids;
  assert(one && two);
  for (const aheadMs of [-90_000, 90_000]) {
    const world = await RebuildWorld.open();
    world.leaseHeardMs = world.clock.now() + aheadMs;
    await world.through(new Map([[one, logOf(5)], [two, logOf(5)]]));
    const nowMs = world.clock.now();
    const leases = await world.catalog.read((view) => LeaseClock.open(view, world.clock, nowMs));
    assert.equal(leases.now(), Math.max(nowMs, world.leaseHeardMs));
  }
});
