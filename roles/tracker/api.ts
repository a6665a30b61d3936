/** The tracker's routes, each handed to the part that answers it. No decision is taken here. */
import { Fault, limits, type SnapshotMark, type trackerRoutes } from "../../protocol/mod.ts";
import type { Handlers } from "../kit/serve.ts";
import { version } from "../kit/version.ts";
import { takeOffer } from "./files/adopt.ts";
import { Asked } from "./asked.ts";
import { adopted } from "./seeders/adoptions.ts";
import { type Codes, login } from "./codes.ts";
import { commitUploads, type RecentCommits } from "./files/commit.ts";
import type { Core } from "./core.ts";
import { explain } from "./checks/explain.ts";
import { fsck } from "./checks/fsck.ts";
import { type Caller, codeIdOf, userOf } from "./guard.ts";
import { lastChange } from "./files/last_change.ts";
import * as listing from "./files/listing.ts";
import { locate, reportChunks } from "./files/locate.ts";
import * as admission from "./seeders/admission.ts";
import * as membership from "./seeders/membership.ts";
import * as namespace from "./files/namespace.ts";
import * as care from "./seeders/seeder_care.ts";
import { scrubNow, scrubStatus } from "./copies/scrubs.ts";
import type { Status } from "./status.ts";
import * as trash from "./files/trash.ts";
import * as uploads from "./files/uploads.ts";
import * as versions from "./files/versions.ts";
import { whatIf } from "./checks/what_if.ts";

export interface ApiParts {
  readonly core: Core;
  readonly codes: Codes;
  readonly recent: RecentCommits;
  readonly status: Status;
}

export function trackerHandlers(
  { core, codes, recent, status }: ApiParts,
): Handlers<typeof trackerRoutes, Caller> {
  return {
    health: () =>
      Promise.resolve({
        status: "ok",
        role: "tracker",
        version,
        protocol: limits.protocolVersion,
      }),

    join: async ({ input, caller, peer }) => {
      const codeId = codeIdOf(caller);
      const reply = await membership.join(core, input, codeId, peer);
      await codes.used(codeId);
      return reply;
    },
    heartbeat: ({ input, peer }) => membership.heartbeat(core, input, peer),
    inventory: async ({ input }) => {
      await membership.takeInventory(core, input);
      return {};
    },
    scrubReport: async ({ input }) => {
      await core.scrubs.take(input);
      return {};
    },
    offer: ({ input }) => takeOffer(core, input),
    signOut: async ({ input }) => {
      await membership.signOut(core, input.seederId);
      return {};
    },

    pullLog: ({ input }) => core.shipping.pull(input),
    presentLog: () => Promise.reject(notRebuilding()),
    uploadLog: () => Promise.reject(notRebuilding()),
    pullSnapshot: async ({ input }) => ({ text: await partOfSnapshot(core, input) }),
    exportSnapshot: async ({ input }) => ({ text: await partOfSnapshot(core, input) }),
    uploadSnapshot: () => Promise.reject(notRebuilding()),
    exportLog: async ({ input }) => ({
      card: core.shipping.card(),
      epoch: core.start.epoch,
      head: core.shipping.head,
      ...baseOf(core),
      records: await core.shipping.recordsAfter(input.after),
    }),

    login: async ({ input, caller }) => {
      const codeId = codeIdOf(caller);
      const reply = await login(core, input, codeId);
      await codes.used(codeId);
      return reply;
    },
    mintCode: async ({ input: { purpose, ...wishes } }) => {
      const { uses = 1, lifeMs = limits.codeLifeMs } = wishes;
      return await Promise.resolve({ code: codes.mint(purpose, wishes), lifeMs, uses });
    },
    status: () => status.read(),

    stat: ({ input }) => listing.stat(core, input),
    list: ({ input }) => listing.list(core, input),
    usage: ({ input }) => listing.usage(core, input),
    resolvePrefix: ({ input }) => listing.resolvePrefix(core, input.prefix),

    makeDirectories: (call) =>
      namespace.makeDirectories(core, call.input, Asked.for("makeDirectories", call)),
    makeLinks: (call) => namespace.makeLinks(core, call.input, Asked.for("makeLinks", call)),
    remove: (call) => namespace.remove(core, call.input, Asked.for("remove", call)),
    trash: ({ input }) => trash.listTrash(core, input),
    restore: (call) => trash.restore(core, call.input, Asked.for("restore", call)),
    emptyTrash: (call) => trash.emptyTrash(core, call.input, Asked.for("emptyTrash", call)),
    move: (call) => namespace.move(core, call.input, Asked.for("move", call)),
    setPolicy: (call) => namespace.setPolicy(core, call.input, Asked.for("setPolicy", call)),
    versions: ({ input }) => versions.listVersions(core, input),
    revertFile: (call) => versions.revertFile(core, call.input, Asked.for("revertFile", call)),
    emptyVersions: (call) =>
      versions.emptyVersions(core, call.input, Asked.for("emptyVersions", call)),
    lastChange: ({ caller }) => lastChange(core, userOf(caller)),

    openUploads: ({ input, caller }) => uploads.openUploads(core, input, userOf(caller)),
    placeChunks: ({ input }) => uploads.placeChunks(core, input),
    recordChunks: ({ input }) => uploads.recordChunks(core, input),
    commitUploads: ({ input, caller }) => commitUploads(core, recent, input, userOf(caller)),
    abandonUploads: async ({ input }) => ({
      abandoned: await uploads.abandonUploads(core, input.uploadIds),
    }),

    locate: ({ input }) => locate(core, input),
    reportChunks: async ({ input, caller }) => ({
      accepted: await reportChunks(core, input, userOf(caller)),
    }),

    maintenance: (call) => care.maintenance(core, call.input, Asked.for("maintenance", call)),
    drain: (call) => care.drain(core, call.input, Asked.for("drain", call)),
    forget: (call) => admission.forget(core, call.input, Asked.for("forget", call)),
    acceptSeeder: (call) => admission.accept(core, call.input, Asked.for("acceptSeeder", call)),
    setPace: (call) => care.setPace(core, call.input.pace, Asked.for("setPace", call)),
    confirmLoss: (call) => core.losses.confirm(Asked.for("confirmLoss", call)),

    scrubStatus: async () => await Promise.resolve(scrubStatus(core)),
    scrubNow: async ({ input }) => await Promise.resolve(scrubNow(core, input.seeders)),
    adopted: ({ input }) => adopted(core, input),
    fsck: ({ input }) => fsck(core, input),
    explain: ({ input }) => explain(core, input),
    whatIf: ({ input }) => whatIf(core, input),
  };
}

/** What a backup begins with. */
function baseOf({ archive }: Core): { base?: SnapshotMark } {
  const base = archive?.folder.marks.at(-1);
  return base === undefined ? {} : { base };
}

async function partOfSnapshot(
  { archive }: Core,
  { sequence, offset }: { sequence: number; offset: number },
): Promise<string> {
  const mark = archive?.folder.at(sequence);
  if (archive === undefined || mark === undefined) {
    throw new Fault("not-found", `there is no snapshot at operation ${sequence}`);
  }
  return await archive.folder.read(mark, offset);
}

function notRebuilding(): Fault {
  return new Fault("unavailable", "this tracker has its log");
}
