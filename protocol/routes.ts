/**
 * The one table of routes. The servers (`roles/kit/serve.ts`) and the typed caller (`wire.ts`) both
 * derive from it, and `docs/PROTOCOL.md` is generated from it.
 *
 * `access`: `open` to anyone; `person` with a login token; `seeder` or `code` with a proof under a
 * seeder's key or the secret of a code (`proof.ts`); `leave` with a leave for the chunk. `body` and
 * `reply` are JSON unless they are raw bytes. Where the
 * request body is bytes, or there is none, the input travels in the path, the query and the named
 * headers.
 */
import * as z from "zod";
import * as adopt from "./adopt.ts";
import * as checks from "./checks.ts";
import * as chunks from "./chunks.ts";
import * as codes from "./codes.ts";
import * as files from "./files.ts";
import * as healing from "./healing.ts";
import * as fsck from "./fsck.ts";
import { limits } from "./limits.ts";
import * as log from "./log.ts";
import * as membership from "./membership.ts";
import * as scrub from "./scrub.ts";
import * as snapshot from "./snapshot.ts";
import * as trash from "./trash.ts";
import * as versions from "./versions.ts";

export type Access = "open" | "person" | "seeder" | "code" | "leave";

/** Whether requests for this route, and the replies to them, are proved. */
export function isProved({ access }: { readonly access: Access }): boolean {
  return access === "seeder" || access === "code";
}

export interface Route<
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
  Body extends "json" | "bytes" | "none" = "json" | "bytes" | "none",
  Reply extends "json" | "bytes" = "json" | "bytes",
> {
  readonly method: "GET" | "HEAD" | "PUT" | "POST";
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  readonly input: Input;
  readonly output: Output;
  readonly body: Body;
  /** No more of a body is read; of a chunk, the size that its leave names. */
  readonly bodyBytesMax: number;
  readonly reply: Reply;
  /** Input fields that travel in headers: field to header name, both in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Least role a person needs. */
  readonly role?: "reader" | "writer" | "admin";
}

function json<I extends z.ZodType, O extends z.ZodType>(
  access: Access,
  path: string,
  summary: string,
  input: I,
  output: O,
  role?: "reader" | "writer" | "admin",
): Route<I, O, "json", "json"> {
  const route = { method: "POST", path, access, summary, input, output } as const;
  const bodyBytesMax = access === "open" ? limits.openBodyBytesMax : limits.smallBodyBytesMax;
  const kinds = { body: "json", bodyBytesMax, reply: "json" } as const;
  return { ...route, ...kinds, ...(role === undefined ? {} : { role }) };
}

function sized<R extends Route>(bodyBytesMax: number, route: R): R {
  return { ...route, bodyBytesMax };
}

/** The route takes lists of things. */
function large<R extends Route>(route: R): R {
  return sized(limits.jsonBodyBytesMax, route);
}

const Nothing = z.strictObject({});

export const HealthReply = z.strictObject({
  /** `rebuilding`: well, and waiting for seeders; whoever waits for `ok` before them waits on. */
  status: z.enum(["ok", "starting", "rebuilding"]),
  role: z.enum(["tracker", "seeder", "client"]),
  version: z.string(),
  protocol: z.int(),
});

const health: Route<typeof Nothing, typeof HealthReply, "none", "json"> = {
  method: "GET",
  path: "/v1/health",
  access: "open",
  summary: "Whether the role answers. Says nothing about the data.",
  input: Nothing,
  output: HealthReply,
  body: "none",
  bodyBytesMax: 0,
  reply: "json",
};

export const trackerRoutes = {
  health,
  join: json(
    "code",
    "/v1/seeders/join",
    "A new seeder presents a join code and receives its key.",
    membership.JoinRequest,
    membership.JoinReply,
  ),
  heartbeat: large(json(
    "seeder",
    "/v1/seeders/heartbeat",
    "A seeder reports; orders come back in the reply.",
    membership.Heartbeat,
    membership.HeartbeatReply,
  )),
  inventory: large(json(
    "seeder",
    "/v1/seeders/inventory",
    "One page of what a seeder holds.",
    membership.InventoryPage,
    Nothing,
  )),
  scrubReport: large(json(
    "seeder",
    "/v1/seeders/scrub-report",
    "What a seeder's scrub has done.",
    scrub.ScrubReport,
    Nothing,
  )),
  offer: large(json(
    "seeder",
    "/v1/seeders/offer",
    "Files a seeder found on its disk, and how far it is with them. Asked again, the same answer.",
    adopt.OfferRequest,
    adopt.OfferReply,
  )),
  signOut: json(
    "seeder",
    "/v1/seeders/sign-out",
    "A seeder stops on purpose.",
    z.strictObject({ seederId: membership.Heartbeat.shape.seederId }),
    Nothing,
  ),
  pullLog: large(json(
    "seeder",
    "/v1/log/pull",
    "A seeder tells how much of the log it keeps and asks for more; answered when there is.",
    log.PullLogRequest,
    log.PullLogReply,
  )),
  presentLog: sized(
    limits.presentBodyBytesMax,
    json(
      "open",
      "/v1/log/present",
      "A seeder shows a tracker that is being rebuilt what it keeps of the log.",
      log.PresentLogRequest,
      log.PresentLogReply,
    ),
  ),
  uploadLog: large(json(
    "seeder",
    "/v1/log/upload",
    "Records for a tracker that is being rebuilt.",
    log.UploadLogRequest,
    log.UploadLogReply,
  )),
  pullSnapshot: json(
    "seeder",
    "/v1/snapshot/pull",
    "A seeder fetches a snapshot of the catalog, part by part.",
    snapshot.PullSnapshotRequest,
    snapshot.PullSnapshotReply,
  ),
  uploadSnapshot: large(json(
    "seeder",
    "/v1/snapshot/upload",
    "A part of a snapshot for a tracker that has lost it.",
    snapshot.UploadSnapshotRequest,
    snapshot.UploadSnapshotReply,
  )),
  exportSnapshot: json(
    "person",
    "/v1/snapshot/export",
    "A part of the snapshot that a backup begins with.",
    snapshot.ExportSnapshotRequest,
    snapshot.PullSnapshotReply,
    "admin",
  ),
  exportLog: json(
    "person",
    "/v1/log/export",
    "One page of the log, for a backup.",
    log.ExportLogRequest,
    log.ExportLogReply,
    "admin",
  ),
  login: json(
    "code",
    "/v1/login",
    "A person presents a login code and receives a token.",
    codes.LoginRequest,
    codes.LoginReply,
  ),
  mintCode: json(
    "person",
    "/v1/codes",
    "A fresh join or login code.",
    codes.MintCodeRequest,
    codes.MintCodeReply,
    "admin",
  ),
  status: json(
    "person",
    "/v1/status",
    "The cluster on one screen.",
    Nothing,
    membership.ClusterStatus,
    "reader",
  ),
  stat: json(
    "person",
    "/v1/files/stat",
    "One entry.",
    files.StatRequest,
    files.StatReply,
    "reader",
  ),
  list: json(
    "person",
    "/v1/files/list",
    "One page of a directory.",
    files.ListRequest,
    files.ListReply,
    "reader",
  ),
  usage: json(
    "person",
    "/v1/files/usage",
    "Sizes and counts of a whole tree.",
    files.UsageRequest,
    files.UsageReply,
    "reader",
  ),
  resolvePrefix: json(
    "person",
    "/v1/files/resolve-prefix",
    "Versions whose id begins with these digits.",
    files.ResolvePrefixRequest,
    files.ResolvePrefixReply,
    "reader",
  ),
  makeDirectories: large(json(
    "person",
    "/v1/files/make-directories",
    "Make directories.",
    files.MakeDirectoriesRequest,
    files.MakeDirectoriesReply,
    "writer",
  )),
  makeLinks: large(json(
    "person",
    "/v1/files/make-links",
    "Make links.",
    files.MakeLinksRequest,
    files.MakeLinksReply,
    "writer",
  )),
  remove: json(
    "person",
    "/v1/files/remove",
    "Remove a file, an empty directory or a tree.",
    files.RemoveRequest,
    files.RemoveReply,
    "writer",
  ),
  trash: json(
    "person",
    "/v1/trash/list",
    "One page of what was removed and can come back.",
    trash.TrashRequest,
    trash.TrashReply,
    "reader",
  ),
  restore: json(
    "person",
    "/v1/trash/restore",
    "Take something out of the trash.",
    trash.RestoreRequest,
    trash.RestoreReply,
    "writer",
  ),
  emptyTrash: large(json(
    "person",
    "/v1/trash/empty",
    "Purge the trash, or some entries of it.",
    trash.EmptyTrashRequest,
    trash.EmptyTrashReply,
    "writer",
  )),
  versions: json(
    "person",
    "/v1/versions/list",
    "The versions of a file.",
    versions.VersionsRequest,
    versions.VersionsReply,
    "reader",
  ),
  revertFile: json(
    "person",
    "/v1/versions/revert",
    "Make an earlier version current again.",
    versions.RevertFileRequest,
    versions.RevertFileReply,
    "writer",
  ),
  emptyVersions: json(
    "person",
    "/v1/versions/empty",
    "Give up earlier versions of a file or below a directory.",
    versions.EmptyVersionsRequest,
    versions.EmptyVersionsReply,
    "writer",
  ),
  lastChange: json(
    "person",
    "/v1/versions/last-change",
    "What the caller did last to the namespace.",
    Nothing,
    versions.LastChangeReply,
    "reader",
  ),
  move: json(
    "person",
    "/v1/files/move",
    "Rename or move.",
    files.MoveRequest,
    files.MoveReply,
    "writer",
  ),
  setPolicy: json(
    "person",
    "/v1/files/set-policy",
    "How many copies files below a directory get, and how many earlier versions are kept.",
    files.SetPolicyRequest,
    files.SetPolicyReply,
    "admin",
  ),
  openUploads: large(json(
    "person",
    "/v1/uploads/open",
    "Begin uploads, or extend their leases.",
    files.OpenRequest,
    files.OpenReply,
    "writer",
  )),
  placeChunks: large(json(
    "person",
    "/v1/uploads/place",
    "Where chunks shall go, with leaves to store them.",
    files.PlaceRequest,
    files.PlaceReply,
    "writer",
  )),
  recordChunks: large(json(
    "person",
    "/v1/uploads/record",
    "Chunks that are stored, with their receipts.",
    files.RecordRequest,
    files.RecordReply,
    "writer",
  )),
  commitUploads: large(json(
    "person",
    "/v1/uploads/commit",
    "Make uploads visible as files. Asked again, the same answer.",
    files.CommitRequest,
    files.CommitReply,
    "writer",
  )),
  abandonUploads: large(json(
    "person",
    "/v1/uploads/abandon",
    "Give uploads up.",
    files.AbandonRequest,
    files.AbandonReply,
    "writer",
  )),
  locate: large(json(
    "person",
    "/v1/files/locate",
    "Manifests with holders and leaves to read.",
    files.LocateRequest,
    files.LocateReply,
    "reader",
  )),
  maintenance: json(
    "person",
    "/v1/seeders/maintenance",
    "Announce that a seeder will be away, or that it is back.",
    healing.MaintenanceRequest,
    healing.MaintenanceReply,
    "admin",
  ),
  drain: json(
    "person",
    "/v1/seeders/drain",
    "Have everything on a seeder elsewhere too, or end that.",
    healing.DrainRequest,
    healing.DrainReply,
    "admin",
  ),
  forget: json(
    "person",
    "/v1/seeders/forget",
    "Give up on a seeder that will not come back.",
    healing.ForgetRequest,
    healing.ForgetReply,
    "admin",
  ),
  acceptSeeder: json(
    "person",
    "/v1/seeders/accept",
    "Takes a waiting seeder into the cluster, or more of a member's disk, or another zone of it.",
    membership.AcceptRequest,
    membership.AcceptReply,
    "admin",
  ),
  setPace: json(
    "person",
    "/v1/healing/pace",
    "How much healing may disturb reading and writing.",
    healing.SetPaceRequest,
    healing.SetPaceReply,
    "admin",
  ),
  confirmLoss: json(
    "person",
    "/v1/healing/confirm-loss",
    "Let copies be given up again after a large loss.",
    Nothing,
    healing.ConfirmLossReply,
    "admin",
  ),
  reportChunks: large(json(
    "person",
    "/v1/chunks/report",
    "A seeder sent wrong bytes.",
    files.ReportRequest,
    files.ReportReply,
    "reader",
  )),
  scrubStatus: json(
    "person",
    "/v1/scrub/status",
    "When the copies on each seeder were last verified.",
    Nothing,
    scrub.ScrubStatusReply,
    "reader",
  ),
  scrubNow: json(
    "person",
    "/v1/scrub/now",
    "Have seeders read all they hold again at full speed.",
    scrub.ScrubNowRequest,
    scrub.ScrubNowReply,
    "admin",
  ),
  adopted: json(
    "person",
    "/v1/seeders/adopted",
    "What became of the files found on the seeders' disks, and which names clashed.",
    adopt.AdoptedRequest,
    adopt.AdoptedReply,
    "reader",
  ),
  fsck: large(json(
    "person",
    "/v1/fsck",
    "Checks log, tables and what seeders hold against each other, page by page.",
    fsck.FsckRequest,
    fsck.FsckReply,
    "admin",
  )),
  explain: json(
    "person",
    "/v1/files/explain",
    "Where the copies of a file are, and why there.",
    checks.ExplainRequest,
    checks.ExplainReply,
    "reader",
  ),
  whatIf: large(json(
    "person",
    "/v1/seeders/what-if",
    "What the loss of seeders would mean, page by page.",
    checks.WhatIfRequest,
    checks.WhatIfReply,
    "reader",
  )),
} as const;

const leaveHeader = { leave: "offshore-leave" };

const readChunk: Route<typeof chunks.ReadChunkRequest, typeof Nothing, "none", "bytes"> = {
  method: "GET",
  path: "/v1/chunks/:chunkId",
  access: "leave",
  summary: "The bytes of a chunk, whole or one range.",
  input: chunks.ReadChunkRequest,
  output: Nothing,
  body: "none",
  bodyBytesMax: 0,
  reply: "bytes",
  headers: { ...leaveHeader, range: "range" },
};

const storeChunk: Route<
  typeof chunks.StoreChunkRequest,
  typeof chunks.StoreReply,
  "bytes",
  "json"
> = {
  method: "PUT",
  path: "/v1/chunks/:chunkId",
  access: "leave",
  summary: "Store a chunk and pass it on along the chain.",
  input: chunks.StoreChunkRequest,
  output: chunks.StoreReply,
  body: "bytes",
  bodyBytesMax: limits.chunkBytesMax,
  reply: "json",
  headers: { ...leaveHeader, chain: "offshore-chain" },
};

const storeBatch: Route<
  typeof chunks.StoreBatchRequest,
  typeof chunks.StoreBatchReply,
  "bytes",
  "json"
> = {
  method: "POST",
  path: "/v1/chunks",
  access: "leave",
  summary: `Store small chunks (at most ${limits.packedChunkBytesMax} bytes each) in one request.`,
  input: chunks.StoreBatchRequest,
  output: chunks.StoreBatchReply,
  body: "bytes",
  bodyBytesMax: limits.chunkBatchBytesMax,
  reply: "json",
  headers: { ...leaveHeader, chunkId: "offshore-chunk", size: "offshore-size" },
};

export const seederRoutes = {
  health,
  readChunk,
  /** Whether the chunk is here: headers only. */
  headChunk: { ...readChunk, method: "HEAD", summary: "Whether a chunk is here." },
  storeChunk,
  storeBatch,
} as const;

export type RouteTable = Readonly<Record<string, Route>>;
