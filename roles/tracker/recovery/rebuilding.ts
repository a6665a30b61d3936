/**
 * Takes a tracker's state from the seeders that present themselves. It begins with the recovery
 * code and nothing else: the first seeder hands it the sealed cluster key, with which it can tell
 * its seeders from strangers and prove to them who it is. When enough are here it takes the newest
 * snapshot and the newest log (`plan/rebuild.ts`), does every operation after the snapshot again,
 * and leaves a folder that a tracker starts from.
 *
 * Broken off at any moment, it goes on where it was when it is started again. What turns out
 * damaged, or to contradict what was taken from others, is passed over, and the catalog begun anew.
 */
import {
  asFault,
  Fault,
  isCardSigned,
  isPresentedBy,
  isSigned,
  limits,
  type LogPosition,
  positionOf,
  type PresentLogReply,
  type PresentLogRequest,
  rebuildProof,
  type Route,
  type SeederId,
  type SnapshotMark,
  trackerRoutes,
  unsealKey,
  type UploadLogReply,
  type UploadLogRequest,
  type UploadSnapshotReply,
  type UploadSnapshotRequest,
} from "../../../protocol/mod.ts";
import type * as z from "zod";
import { Proofs } from "../../kit/proofs.ts";
import type { Guard } from "../../kit/serve.ts";
import { SnapshotFolder } from "../../kit/snapshot_folder.ts";
import { ClusterKeys } from "../cluster_keys.ts";
import { admitSeeder, type Caller, confirmSeeder, secretOf } from "../guard.ts";
import { LogIntake } from "../log/log_intake.ts";
import { type LogOffer, planRebuild, type RebuildPlan } from "../plan/rebuild.ts";
import { restoreSnapshot, rowsAtOnceAlone } from "../snapshots/snapshot_restore.ts";
import { endIntake, markBegun, type RebuildParts } from "./way_back.ts";

/** @param seedersNeeded how many seeders a person says must be enough */
export interface RebuildingParts extends RebuildParts {
  readonly seedersNeeded?: number | undefined;
  /** Of this disk, whose log is gone on with: nothing in its catalog is ever begun anew. */
  readonly own?: ClusterKeys;
}

interface Presented {
  readonly request: PresentLogRequest;
  readonly heardMs: number;
}

type Taking = Extract<RebuildPlan, { kind: "take" }>;
type LogReply = z.output<typeof UploadLogReply>;

const politeMs = 2;

export class Rebuilding {
  readonly #folder: SnapshotFolder;
  readonly #presented = new Map<SeederId, Presented>();
  #keys: ClusterKeys | undefined;
  readonly #proofs: Proofs;
  #taken: LogPosition | undefined;
  #plan: Taking | undefined;
  #intake: LogIntake | undefined;
  /** A snapshot on its way into the catalog. */
  #restoring: Promise<void> | undefined;
  #fromHeardMs = 0;
  #enoughSinceMs: number | undefined;
  #told = "";
  /** Their logs are damaged. */
  readonly #bad = new Set<SeederId>();
  /** Snapshots that are damaged, at one seeder or as such. */
  readonly #badSnapshots = new Set<string>();
  /** Whose records the catalog has since it was begun; undefined for those of an earlier start. */
  #sources = new Set<SeederId | undefined>();
  readonly #done = Promise.withResolvers<void>();
  #ended = false;
  #opened = false;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: RebuildingParts) {
    const { disk, stateDirectory, random, log } = parts;
    this.#keys = parts.own;
    this.#proofs = new Proofs((name) => this.#keys && secretOf(this.#keys, name), random);
    this.#folder = new SnapshotFolder(disk, `${stateDirectory}/snapshots`, log);
  }

  progress(): string {
    if (this.#restoring !== undefined) return "the tables are filled from a snapshot";
    if (this.#intake !== undefined) {
      return `${this.#intake.position.sequence} operations are done again`;
    }
    return this.#told === "" ? "no seeder has presented itself yet" : this.#told;
  }

  readonly guard: Guard<Caller> = {
    admit: (head) => {
      const { access } = head.route;
      if (access === "open") return { caller: { kind: "anyone" } };
      const wait = new Fault("tracker-rebuilding", this.progress());
      if (access !== "seeder" || this.#keys === undefined) throw wait;
      const admission = admitSeeder(this.#proofs, head);
      const uploads: Route[] = [trackerRoutes.uploadLog, trackerRoutes.uploadSnapshot];
      if (uploads.includes(head.route)) return admission;
      return { ...admission, refusal: admission.refusal ?? wait };
    },
    confirm: confirmSeeder,
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
    const { clock } = this.parts;
    const keys = this.#keys ??= this.#unsealed(request);
    const { seederId, generation, nonce, last, heard, after, card } = request;
    const seederKey = keys.seederKey(seederId, generation);
    if (!isPresentedBy(seederKey, request)) {
      throw new Fault("unauthenticated", `seeder ${seederId} is not of cluster ${keys.clusterId}`);
    }
    // What no tracker of this cluster wrote counts for nothing, whoever presents it.
    const marks = [heard, positionOf(last), after];
    const isOurs = marks.every((mark) => isSigned(keys.clusterKey, mark)) &&
      isCardSigned(keys.clusterKey, card);
    if (!isOurs) {
      const detail = `what seeder ${seederId} presents was not written by a tracker`;
      throw new Fault("unauthenticated", detail);
    }
    const nowMs = clock.now();
    if (!this.#presented.has(seederId)) {
      const { sequence, epoch } = positionOf(last);
      const snapshots = request.snapshots.map((mark) => mark.sequence);
      this.parts.log.info("seeder presented its log", { seederId, sequence, epoch, snapshots });
    }
    this.#presented.set(seederId, { request, heardMs: nowMs });
    const proof = rebuildProof(seederKey, seederId, nonce);
    return { proof, ...await this.#alone(() => this.#decide(seederId, nowMs)) };
  }

  #unsealed({ card: { sealedKey } }: PresentLogRequest): ClusterKeys {
    const { recoveryCode } = this.parts;
    if (recoveryCode === undefined) throw new Fault("internal", "no recovery code to open it with");
    const clusterKey = unsealKey(recoveryCode, sealedKey);
    return new ClusterKeys({ clusterId: sealedKey.clusterId, clusterKey });
  }

  /** @throws Fault `tracker-rebuilding` when this is not the seeder whose log is taken */
  async upload({ seederId, records }: z.output<typeof UploadLogRequest>): Promise<LogReply> {
    return await this.#alone(async () => {
      if (seederId !== this.#plan?.from || this.#intake === undefined) {
        throw new Fault("tracker-rebuilding", "the log is taken from another seeder");
      }
      this.#fromHeardMs = this.parts.clock.now();
      try {
        if (records.length === 0) throw new Fault("config-corrupt", "it cannot read its own log");
        await this.#intake.take(records);
        this.#sources.add(seederId);
      } catch (fault) {
        if (this.#intake.position.sequence > (this.#plan.base?.mark.sequence ?? 0)) {
          this.#sources.add(seederId);
        }
        if (asFault(fault).code === "config-corrupt") await this.#contradicted(seederId, fault);
        throw fault;
      }
      return await this.#endOrMore(seederId);
    });
  }

  /** @throws Fault `tracker-rebuilding` when this is not the snapshot that is taken */
  async uploadSnapshot(
    { seederId, sequence, offset, text }: z.output<typeof UploadSnapshotRequest>,
  ): Promise<z.output<typeof UploadSnapshotReply>> {
    return await this.#alone(async () => {
      const base = this.#plan?.base;
      if (base?.seederId !== seederId || base.mark.sequence !== sequence || !this.#isMissing()) {
        throw new Fault("tracker-rebuilding", "another snapshot is taken");
      }
      this.#fromHeardMs = this.parts.clock.now();
      const receiver = await this.#folder.receive(base.mark);
      try {
        // A part that comes a second time, as its answer was lost.
        if (offset !== receiver.offset) return { offset: receiver.offset };
        if (text === "") throw new Fault("config-corrupt", "it cannot read its own snapshot");
        return await receiver.take(text) ? {} : { offset: receiver.offset };
      } catch (fault) {
        if (asFault(fault).code !== "config-corrupt") throw fault;
        this.#badSnapshots.add(`${seederId} ${base.mark.digest}`);
        this.#giveUp(seederId, fault);
        return {};
      } finally {
        receiver.close();
      }
    });
  }

  /** The snapshot to begin with is not here yet. */
  #isMissing(): boolean {
    const base = this.#plan?.base;
    return base !== undefined && this.#intake === undefined && !this.#folder.has(base.mark);
  }

  async #endOrMore(seederId: SeederId): Promise<LogReply> {
    const last = positionOf(this.#presented.get(seederId)?.request.last);
    const intake = this.#intake;
    if (intake === undefined) return {};
    if (intake.position.sequence < last.sequence) {
      return { uploadAfter: intake.position.sequence };
    }
    if (!this.#ended) await this.#end(intake);
    return {};
  }

  async #end(intake: LogIntake): Promise<void> {
    const keys = this.#keys;
    if (keys === undefined) return;
    intake.forgetOpen();
    const epochs = [...this.#presented.values()].map(({ request }) => request.heard.epoch);
    const highest = Math.max(intake.position.epoch, ...epochs);
    const leases = [...this.#presented.values()].map(({ request }) => request.leaseHeardMs ?? 0);
    const epoch = await endIntake(this.parts, keys, highest, Math.max(...leases));
    this.parts.log.info("rebuilt", { operations: intake.position.sequence, epoch });
    this.#ended = true;
    this.#done.resolve();
  }

  /** What this seeder shall hand over now; nothing when it shall wait. */
  async #decide(
    seederId: SeederId,
    nowMs: number,
  ): Promise<Omit<z.output<typeof PresentLogReply>, "proof">> {
    if (this.#ended || this.#restoring !== undefined) return {};
    await this.#open();
    const awaited = this.#awaited();
    if (awaited !== undefined && awaited !== seederId) {
      if (nowMs - this.#fromHeardMs < limits.redAfterMs) return {};
      this.#presented.delete(awaited);
      this.#giveUp(awaited, "it fell silent");
    }
    if (this.#plan === undefined && !this.#choose(nowMs)) return {};
    const plan = this.#plan;
    if (plan === undefined || this.#keys === undefined) return {};
    if (this.#intake === undefined) {
      if (this.parts.own !== undefined && !plan.resume) throw this.#noBeginning();
      if (this.#isMissing()) return await this.#wantedOf(seederId, plan, nowMs);
      if (plan.base !== undefined) return this.#restore(plan.base.mark);
      if (!plan.resume) await this.#startOver();
      this.#intake = await LogIntake.open(this.parts.catalog, this.#keys.clusterKey);
    }
    if (plan.from !== seederId) return {};
    this.#fromHeardMs = nowMs;
    const reply = await this.#endOrMore(seederId);
    if (reply.uploadAfter === undefined) return reply;
    // With the last record there is, where the seeder has it: it tells whether the two agree.
    const after = this.#presented.get(seederId)?.request.after.sequence ?? 0;
    return { uploadAfter: Math.max(after, reply.uploadAfter - 1) };
  }

  /** Who was asked for something. */
  #awaited(): SeederId | undefined {
    return this.#isMissing() ? this.#plan?.base?.seederId : this.#plan?.from;
  }

  async #wantedOf(seederId: SeederId, { base }: Taking, nowMs: number) {
    if (base === undefined || base.seederId !== seederId) return {};
    this.#fromHeardMs = nowMs;
    const receiver = await this.#folder.receive(base.mark);
    receiver.close();
    return { uploadSnapshot: { sequence: base.mark.sequence, offset: receiver.offset } };
  }

  /** Beside the questions of seeders: it may take longer than they wait. */
  #restore(mark: SnapshotMark): Record<never, never> {
    const { catalog, clock, log } = this.parts;
    const clusterKey = this.#keys?.clusterKey;
    if (clusterKey === undefined) return {};
    const work = async () => {
      try {
        await this.#startOver();
        const file = { disk: this.parts.disk, path: this.#folder.pathOf(mark) };
        const pause = () => clock.sleep(politeMs);
        await restoreSnapshot(catalog, file, mark, clusterKey, pause, rowsAtOnceAlone);
        this.#intake = await LogIntake.open(catalog, clusterKey);
        log.info("tables filled from a snapshot", { sequence: mark.sequence });
      } catch (fault) {
        log.warn("a snapshot is passed over", { sequence: mark.sequence, fault });
        if (asFault(fault).code === "config-corrupt") this.#badSnapshots.add(mark.digest);
        this.#forgetPlan();
      } finally {
        this.#restoring = undefined;
        this.#fromHeardMs = clock.now();
      }
    };
    this.#restoring = work();
    return {};
  }

  /** Once, and before anything is chosen: what an earlier start has left. */
  async #open(): Promise<void> {
    if (this.#opened) return;
    await this.#folder.open();
    const head = await this.parts.catalog.read((view) => view.logHead());
    this.#taken = positionOf(head && { ...head, mac: "" });
    this.#sources = new Set(head === undefined ? [] : [undefined]);
    this.#opened = true;
  }

  async #startOver(): Promise<void> {
    this.#intake = undefined;
    this.#taken = undefined;
    this.#sources = new Set();
    await this.parts.catalog.transaction(async (tx) => {
      await tx.reset();
      await markBegun(tx);
    });
  }

  #choose(nowMs: number): boolean {
    const offers = [...this.#presented.values()].flatMap(({ request, heardMs }): LogOffer[] => {
      const { seederId, last, after, card: { keepers } } = request;
      if (this.#bad.has(seederId) || nowMs - heardMs > limits.redAfterMs) return [];
      const snapshots = request.snapshots.filter(({ digest }) =>
        !this.#badSnapshots.has(digest) && !this.#badSnapshots.has(`${seederId} ${digest}`)
      );
      const position = positionOf(last);
      return [{ seederId, position, after, snapshots, keepers }];
    });
    const plan = planRebuild(offers, this.parts.seedersNeeded, this.#taken);
    if (plan.why !== this.#told) this.parts.log.info("rebuilding", { why: plan.why });
    this.#told = plan.why;
    if (plan.kind === "wait") {
      this.#enoughSinceMs = undefined;
      return false;
    }
    this.#enoughSinceMs ??= nowMs;
    if (nowMs - this.#enoughSinceMs < limits.rebuildSettleMs) return false;
    this.#plan = plan;
    this.#fromHeardMs = nowMs;
    return true;
  }

  /** What this seeder says is damaged, or does not fit what came from others. */
  async #contradicted(seederId: SeederId, fault: unknown): Promise<void> {
    const others = [...this.#sources].some((source) => source !== seederId);
    const base = this.#plan?.base;
    if (base !== undefined && !this.#sources.has(seederId)) {
      // Not one of its records fits: the snapshot is of another history.
      this.#badSnapshots.add(base.mark.digest);
    } else if (!others) this.#bad.add(seederId);
    this.#giveUp(seederId, fault);
    if (this.parts.own === undefined) return await this.#startOver();
    // What was taken from others stays. Where nothing was, it is this log that does not fit.
    if ([...this.#sources].every((source) => source === undefined)) throw this.#noBeginning();
  }

  /** Ends with this fault: the log of this disk is no beginning of the newest there is. */
  #noBeginning(): Fault {
    const fault = new Fault(
      "config-invalid",
      "this tracker's log went another way than that of the seeders, or theirs begins later",
      { next: "move its folder away and start it with --rebuild and the recovery code" },
    );
    this.#done.reject(fault);
    return fault;
  }

  #giveUp(seederId: SeederId, why: unknown): void {
    this.parts.log.warn("the log is taken from another seeder", { from: seederId, why });
    this.#intake?.forgetOpen();
    this.#taken = this.#intake?.position ?? this.#taken;
    this.#forgetPlan();
  }

  #forgetPlan(): void {
    this.#plan = undefined;
    this.#intake = undefined;
    this.#enoughSinceMs = undefined;
  }

  /** One after another. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#busy.catch(() => {}).then(work);
    this.#busy = result;
    return result;
  }
}
