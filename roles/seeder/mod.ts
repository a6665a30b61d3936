/** The door of the seeder: it keeps chunks, serves them, and does what the tracker orders. */
import type { Transport } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import { type Disk, removeUnfinished } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";
import { type Random, randomHex } from "../kit/random.ts";
import type { App } from "../kit/serve.ts";
import { Adoption } from "./adoption.ts";
import { AdoptionOffers } from "./adoption_offer.ts";
import { Anchor } from "./anchor.ts";
import type { answerTo } from "./answer.ts";
import { seederApp } from "./api.ts";
import { JoinAttempts } from "./join_attempts.ts";
import { LeaveGuard } from "./guard.ts";
import { DiskHealth } from "./health.ts";
import { LogKeeper } from "./log/keeper.ts";
import { IdentityFile } from "./identity.ts";
import { Load } from "./load.ts";
import { LostReports } from "./lost_reports.ts";
import { Membership } from "./membership.ts";
import { Receipts } from "./receipts.ts";
import { Scrub } from "./scrub.ts";
import { ScrubFile } from "./scrub_file.ts";
import { SeederLoop } from "./seeder.ts";
import type { AdoptedFiles } from "./store/adopted_files.ts";
import type { ChunkStore } from "./store/chunk_store.ts";
import { TrackerLine } from "./tracker_line.ts";
import { TrackerTime } from "./tracker_time.ts";
import { WaitingBytes } from "./waiting_bytes.ts";
import { Worker } from "./worker.ts";

export { Anchor };
export type { ChunkStore } from "./store/chunk_store.ts";
export { type DiskStore, type DiskStoreParts, openDiskStore } from "./store/disk_store.ts";
export { type MemoryStore, type MemoryStoreParts, openMemoryStore } from "./store/memory_store.ts";

export interface SeederParts {
  /** Stays the caller's: `close` of the seeder does not close it. */
  readonly store: ChunkStore;
  readonly disk: Disk;
  readonly stateDirectory: string;
  /** Tells whether the disk is still the one of the start; without it that is not asked. */
  readonly anchor?: Anchor;
  /** Files found in the disk folder are held in place; without it none are looked for. */
  readonly adopt?: {
    readonly folder: string;
    readonly files: AdoptedFiles;
    /** False: what was adopted stays, and nothing new is looked for. */
    readonly enabled: boolean;
  };
  /** What people call it. */
  readonly name: string;
  /** Machines that fail together share a zone. */
  readonly zone?: string;
  /** Asked until it answers while there is no identity yet, and for the tracker's address later. */
  readonly joinCode: () => Promise<string | undefined>;
  /** Overrides the address in the code. */
  readonly trackerAddress?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly log: Log;
  /** Of the simulator: how it answers for chunks, in the place of the honest way. */
  readonly answer?: typeof answerTo;
}

export interface Seeder {
  readonly app: App;
  /** Joins, reports and carries out orders until `signal` fires, then signs out. */
  run(advertised: { host?: string; port: number }, signal: AbortSignal): Promise<void>;
  /** True when the tracker has answered a heartbeat of this process. */
  readonly joined: boolean;
  close(): Promise<void>;
}

/** @throws Fault `config-corrupt`; `config-invalid` when the join code is of another cluster */
export async function openSeeder(parts: SeederParts): Promise<Seeder> {
  const { disk, stateDirectory, clock, random, transport, log } = parts;
  await disk.makeDirectory(stateDirectory);
  for (const below of ["", "/log", "/packs", "/quarantine"]) {
    await removeUnfinished(disk, `${stateDirectory}${below}`);
  }
  const line = new TrackerLine({
    ...{ clock, random, transport },
    identity: () => membership.identity,
    address: () => membership.address(),
  });
  const membership: Membership = new Membership({
    file: new IdentityFile(disk, stateDirectory, clock),
    attempts: new JoinAttempts({ disk, directory: stateDirectory, clock, random, log }),
    joinCode: parts.joinCode,
    capacityBytes: async () => (await parts.store.space()).totalBytes,
    ...(parts.trackerAddress === undefined ? {} : { trackerAddress: parts.trackerAddress }),
    ...{ line, clock, random, log },
  });
  await membership.open();
  const identity = () => membership.identity;
  const time = new TrackerTime(clock);
  const leaseTime = new TrackerTime(clock);
  const health = new DiskHealth(disk, stateDirectory, clock, log, parts.anchor);
  const quiet = health.watched(parts.store);
  const load = new Load(clock);
  const store = load.watched(quiet);
  const receipts = new Receipts(
    (chunkId) => store.isStored(chunkId),
    store.summary().chunkCount === 0,
  );
  const scrubFile = new ScrubFile(disk, stateDirectory, log);
  const scrub = new Scrub({ store: quiet, load, file: scrubFile, time, clock, log });
  const losses = new LostReports(store, time);
  const worker = new Worker({
    ...{ store, identity, time, receipts, clock, transport, log },
    ...parts.answer === undefined ? {} : { answer: parts.answer },
  });
  const bootId = randomHex(random, 16);
  const common = { store, clock, random, transport, log };
  const parties = { membership, line, health, worker, scrub, losses, time, leaseTime, receipts };
  const loop = new SeederLoop({ ...common, ...parties, bootId });
  const directory = `${stateDirectory}/log`;
  const keeper = new LogKeeper({
    ...{ disk, directory, membership, line, leaseTime, clock, random, log },
  });
  const guard = new LeaveGuard(identity, leaseTime);
  const adoption = adoptionOf(parts, quiet, load);
  const offers = adoption === undefined || parts.adopt === undefined
    ? undefined
    : new AdoptionOffers({
      ...{ adopted: parts.adopt.files, adoption, membership, line, bootId, clock, log },
      joined: () => loop.joined,
    });
  const waiting = new WaitingBytes(clock);
  const app = seederApp({ ...common, guard, receipts, waiting, joined: () => loop.joined });
  return {
    app,
    get joined() {
      return loop.joined;
    },
    run: async (advertised, signal) => {
      const zone = parts.zone === undefined ? {} : { zone: parts.zone };
      const ended = new AbortController();
      const either = AbortSignal.any([signal, ended.signal]);
      const beside = Promise.all([
        scrub.run(either),
        keeper.run(either),
        adoption?.run(either),
        offers?.run(either),
      ]);
      try {
        await loop.run({ name: parts.name, ...zone, advertised }, signal);
      } finally {
        ended.abort();
        await beside;
      }
    },
    close: () => worker.idle(),
  };
}

function adoptionOf(parts: SeederParts, store: ChunkStore, load: Load): Adoption | undefined {
  const { adopt, disk, clock, log } = parts;
  if (adopt === undefined) return undefined;
  const { files: adopted, folder, enabled } = adopt;
  return new Adoption({ adopted, folder, enabled, disk, store, load, clock, log });
}
