/**
 * A tracker whose disk is lost, from the seeders that present themselves. It begins with the
 * recovery code and nothing else: the first seeder hands it the sealed cluster key, with which it
 * can tell its seeders from strangers and prove to them who it is. When enough are here it takes
 * the newest log (`plan/rebuild.ts`), does every operation again, and leaves a folder that a
 * tracker starts from.
 *
 * Broken off at any moment, it goes on where it was when it is started again.
 */
import {
  Fault,
  isPresentedBy,
  isSeederToken,
  isSigned,
  limits,
  positionOf,
  type PresentLogReply,
  type PresentLogRequest,
  rebuildProof,
  type RecoveryCode,
  type SeederId,
  seederKeyOf,
  trackerRoutes,
  unsealKey,
  type UploadLogReply,
  type UploadLogRequest,
} from "../../protocol/mod.ts";
import type * as z from "zod";
import type { Clock } from "../kit/clock.ts";
import { type Disk, readWhole } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";
import type { Random } from "../kit/random.ts";
import { type App, type Guard, type Handlers, serveRoutes } from "../kit/serve.ts";
import { version } from "../kit/version.ts";
import type { Catalog } from "./catalog/catalog.ts";
import { ClusterKeys, writeClusterKeys } from "./cluster_keys.ts";
import type { Caller } from "./guard.ts";
import { LogIntake } from "./log_intake.ts";
import { type LogOffer, planRebuild } from "./plan/rebuild.ts";
import { keepSealed } from "./recovery.ts";

export const clusterIdSetting = "cluster-id";
export const epochSetting = "epoch";
/** Records of a lower epoch than this that are not in the log were given up by a rebuild. */
export const authoritySetting = "log-authority-epoch";
const intakeSetting = "log-intake";

/** What every way back from nothing is given. */
export interface RebuildParts {
  readonly catalog: Catalog;
  readonly disk: Disk;
  readonly stateDirectory: string;
  readonly recoveryCode: RecoveryCode;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** @throws Fault `config-corrupt` when the catalog is of a rebuild that did not come to its end */
export async function refuseUnfinished(catalog: Catalog): Promise<void> {
  const state = await catalog.read((view) => view.setting(intakeSetting));
  if (state !== "begun") return;
  throw new Fault("config-corrupt", "this tracker's rebuild did not come to its end", {
    next: "start it with --rebuild (or --restore FILE) and --recovery-code again",
  });
}

/**
 * Marks the catalog as being filled; false when it was filled before, so that a service may be
 * started again with the same flags. @throws Fault `config-invalid` when there is another cluster
 * here
 */
export async function beginIntake(parts: RebuildParts): Promise<boolean> {
  const { catalog, disk, stateDirectory } = parts;
  const { state, head } = await catalog.read(async (view) => ({
    state: await view.setting(intakeSetting),
    head: await view.logHead(),
  }));
  if (state !== undefined) return state === "begun";
  if (head !== undefined || await readWhole(disk, `${stateDirectory}/cluster.json`) !== undefined) {
    throw new Fault(
      "config-invalid",
      `${stateDirectory} is not empty: it holds a tracker's state`,
      {
        next: "start without --rebuild and --restore, or move the folder away first",
      },
    );
  }
  await catalog.transaction((tx) => tx.putSetting(intakeSetting, "begun"));
  return true;
}

/** Leaves what a tracker starts from, under an epoch that no earlier tracker reaches. */
export async function endIntake(
  parts: RebuildParts,
  keys: ClusterKeys,
  highestEpoch: number,
): Promise<number> {
  const { catalog, disk, stateDirectory, random, clock, recoveryCode } = parts;
  const epoch = (Math.floor(highestEpoch / limits.epochsOfGenerationMax) + 1) *
    limits.epochsOfGenerationMax;
  await writeClusterKeys(disk, stateDirectory, keys, clock.now());
  const recovery = { disk, stateDirectory, random, nowMs: clock.now() };
  await keepSealed(recovery, keys, recoveryCode);
  await catalog.transaction(async (tx) => {
    await tx.putSetting(clusterIdSetting, keys.clusterId);
    await tx.putSetting(epochSetting, String(epoch));
    await tx.putSetting(authoritySetting, String(epoch));
    await tx.putSetting(intakeSetting, "ended");
  });
  return epoch;
}

export interface Rebuild {
  /** Answers seeders; everyone else is told to wait. */
  readonly app: App;
  /** Resolves when the folder is whole, true, or when `signal` fired before, false. */
  run(signal: AbortSignal): Promise<boolean>;
}

interface Presented {
  readonly request: PresentLogRequest;
  readonly heardMs: number;
}

/** @param seedersNeeded how many seeders a person says must be enough */
export async function openRebuild(
  parts: RebuildParts & { readonly seedersNeeded?: number | undefined },
): Promise<Rebuild> {
  const begun = await beginIntake(parts);
  const rebuild = new Rebuilding(parts);
  const unavailable = () => {
    throw new Fault("tracker-rebuilding", rebuild.progress());
  };
  const handlers = Object.fromEntries(
    Object.keys(trackerRoutes).map((name) => [name, unavailable]),
  );
  const app = serveRoutes<typeof trackerRoutes, Caller>({
    table: trackerRoutes,
    // The names are those of the table; the cast says so to the compiler.
    handlers: {
      ...handlers as unknown as Handlers<typeof trackerRoutes, Caller>,
      health: () =>
        Promise.resolve(
          {
            ...{ status: "starting", role: "tracker", version },
            protocol: limits.protocolVersion,
          } as const,
        ),
      presentLog: ({ input }) => rebuild.present(input),
      uploadLog: ({ input }) => rebuild.upload(input),
    },
    guard: rebuild.guard,
    log: parts.log,
    random: parts.random,
  });
  return { app, run: async (signal) => !begun || await rebuild.run(signal) };
}

class Rebuilding {
  readonly #presented = new Map<SeederId, Presented>();
  #keys: ClusterKeys | undefined;
  #intake: LogIntake | undefined;
  #from: SeederId | undefined;
  #fromHeardMs = 0;
  #enoughSinceMs: number | undefined;
  #told = "";
  /** Their logs are damaged, or contradict what was taken already. */
  readonly #bad = new Set<SeederId>();
  readonly #done = Promise.withResolvers<void>();
  #ended = false;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly parts: RebuildParts & { readonly seedersNeeded?: number | undefined },
  ) {}

  progress(): string {
    if (this.#intake !== undefined) {
      return `${this.#intake.position.sequence} operations are done again`;
    }
    return this.#told === "" ? "no seeder has presented itself yet" : this.#told;
  }

  readonly guard: Guard<Caller> = (route, { token }, input) => {
    if (route.access === "open") return { kind: "anyone" };
    if (route !== trackerRoutes.uploadLog) throw new Fault("tracker-rebuilding", this.progress());
    const { seederId } = input as z.output<typeof trackerRoutes.uploadLog.input>;
    const key = this.#keys?.clusterKey;
    if (key === undefined || token === undefined || !isSeederToken(key, seederId, token)) {
      throw new Fault("unauthenticated", `the token is not that of seeder ${seederId}`);
    }
    return { kind: "seeder", seederId };
  };

  async run(signal: AbortSignal): Promise<boolean> {
    this.parts.log.info("rebuilding: waiting for seeders", {});
    const stopped = new Promise<false>((resolve) => {
      if (signal.aborted) resolve(false);
      signal.addEventListener("abort", () => resolve(false), { once: true });
    });
    const ended = await Promise.race([this.#done.promise.then(() => true), stopped]);
    await this.#busy.catch(() => {});
    return ended;
  }

  /** @throws Fault `code-invalid`, `unauthenticated`, `config-corrupt` */
  async present(request: PresentLogRequest): Promise<z.output<typeof PresentLogReply>> {
    const { clock, recoveryCode } = this.parts;
    const keys = this.#keys ??= new ClusterKeys({
      clusterId: request.card.sealedKey.clusterId,
      clusterKey: unsealKey(recoveryCode, request.card.sealedKey),
    });
    const { seederId, nonce, last } = request;
    const seederKey = seederKeyOf(keys.clusterKey, seederId);
    if (!isPresentedBy(seederKey, request)) {
      throw new Fault("unauthenticated", `seeder ${seederId} is not of cluster ${keys.clusterId}`);
    }
    if (last !== undefined && !isSigned(keys.clusterKey, last)) {
      throw new Fault(
        "config-corrupt",
        `the log of seeder ${seederId} was not written by a tracker`,
      );
    }
    const nowMs = clock.now();
    if (!this.#presented.has(seederId)) {
      const { sequence, epoch } = positionOf(last);
      this.parts.log.info("seeder presented its log", { seederId, sequence, epoch });
    }
    this.#presented.set(seederId, { request, heardMs: nowMs });
    const proof = rebuildProof(seederKey, seederId, nonce);
    const uploadAfter = await this.#alone(() => this.#decide(seederId, nowMs));
    return { proof, ...(uploadAfter === undefined ? {} : { uploadAfter }) };
  }

  /** @throws Fault `tracker-rebuilding` when this is not the seeder whose log is taken */
  async upload(
    { seederId, records }: z.output<typeof UploadLogRequest>,
  ): Promise<z.output<typeof UploadLogReply>> {
    return await this.#alone(async () => {
      if (seederId !== this.#from || this.#intake === undefined) {
        throw new Fault("tracker-rebuilding", "the log is taken from another seeder");
      }
      this.#fromHeardMs = this.parts.clock.now();
      try {
        await this.#intake.take(records);
      } catch (fault) {
        if (fault instanceof Fault && fault.code === "config-corrupt") {
          this.#giveUp(seederId, fault);
        }
        throw fault;
      }
      return await this.#endOrMore(seederId);
    });
  }

  async #endOrMore(seederId: SeederId): Promise<z.output<typeof UploadLogReply>> {
    const last = positionOf(this.#presented.get(seederId)?.request.last);
    const intake = this.#intake;
    if (intake === undefined || intake.position.sequence < last.sequence) {
      return { uploadAfter: intake?.position.sequence ?? 0 };
    }
    if (!this.#ended) await this.#end(intake);
    return {};
  }

  async #end(intake: LogIntake): Promise<void> {
    const keys = this.#keys;
    if (keys === undefined) return;
    intake.forgetOpen();
    const epochs = [...this.#presented.values()].map(({ request }) => request.epochHeard);
    const highest = Math.max(intake.position.epoch, ...epochs);
    const epoch = await endIntake(this.parts, keys, highest);
    this.parts.log.info("rebuilt", { operations: intake.position.sequence, epoch });
    this.#ended = true;
    this.#done.resolve();
  }

  /** After which record this seeder shall go on; undefined when it shall wait. */
  async #decide(seederId: SeederId, nowMs: number): Promise<number | undefined> {
    if (this.#ended) return undefined;
    if (this.#from !== undefined && this.#from !== seederId) {
      if (nowMs - this.#fromHeardMs < limits.redAfterMs) return undefined;
      this.#presented.delete(this.#from);
      this.#giveUp(this.#from, "it fell silent");
    }
    if (this.#from === undefined && !this.#choose(nowMs)) return undefined;
    if (this.#from !== seederId || this.#keys === undefined) return undefined;
    this.#fromHeardMs = nowMs;
    this.#intake ??= await LogIntake.open(this.parts.catalog, this.#keys.clusterKey);
    return (await this.#endOrMore(seederId)).uploadAfter;
  }

  #choose(nowMs: number): boolean {
    const offers = [...this.#presented.values()].flatMap(({ request, heardMs }): LogOffer[] => {
      const { seederId, last, card: { copies, seeders } } = request;
      if (this.#bad.has(seederId) || nowMs - heardMs > limits.redAfterMs) return [];
      return [{ seederId, position: positionOf(last), copies, seeders }];
    });
    const plan = planRebuild(offers, this.parts.seedersNeeded);
    if (plan.why !== this.#told) this.parts.log.info("rebuilding", { why: plan.why });
    this.#told = plan.why;
    if (plan.kind === "wait") {
      this.#enoughSinceMs = undefined;
      return false;
    }
    this.#enoughSinceMs ??= nowMs;
    if (nowMs - this.#enoughSinceMs < limits.rebuildSettleMs) return false;
    this.#from = plan.from;
    this.#fromHeardMs = nowMs;
    return true;
  }

  #giveUp(seederId: SeederId, why: unknown): void {
    this.parts.log.warn("the log is taken from another seeder", { from: seederId, why });
    this.#from = undefined;
    this.#enoughSinceMs = undefined;
    this.#intake?.forgetOpen();
  }

  /** One after another. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.catch(() => {}).then(work);
    this.#busy = result;
    return result;
  }
}
