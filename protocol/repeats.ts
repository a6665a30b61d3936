/**
 * What a second request of the same kind does, for every route of the tracker: its caller asks
 * again when no answer came, and cannot know whether the first was carried out.
 *
 * - `same`: asking again changes nothing more, and the answer is as good: it only looks, it sets
 *   what is set already, or it names what it makes by an id of the caller's.
 * - `once`: asking again would do it again, or be refused because it was done. The caller gives the
 *   request an id (`requestIdHeader`), the same at every try; the tracker keeps what it answered
 *   in the transaction that did it, and a request that it has carried out gets that answer.
 *
 * A new route does not compile before it stands here, and a test loses the reply of each that is
 * `once`. How answers are kept is the tracker's.
 */
import type { trackerRoutes } from "./routes.ts";

export type Repeat = "same" | "once";

const kinds = {
  health: "same",
  join: "same",
  heartbeat: "same",
  inventory: "same",
  scrubReport: "same",
  offer: "same",
  signOut: "same",
  pullLog: "same",
  presentLog: "same",
  uploadLog: "same",
  pullSnapshot: "same",
  uploadSnapshot: "same",
  exportSnapshot: "same",
  exportLog: "same",
  /** Another token of the same worth. */
  login: "same",
  mintCode: "same",
  status: "same",
  stat: "same",
  list: "same",
  usage: "same",
  resolvePrefix: "same",
  makeDirectories: "once",
  makeLinks: "once",
  remove: "once",
  trash: "same",
  restore: "once",
  emptyTrash: "once",
  versions: "same",
  revertFile: "once",
  emptyVersions: "once",
  lastChange: "same",
  move: "once",
  setPolicy: "once",
  /** Uploads are named by ids that the client drew. */
  openUploads: "same",
  placeChunks: "same",
  recordChunks: "same",
  commitUploads: "same",
  abandonUploads: "same",
  locate: "same",
  maintenance: "once",
  drain: "once",
  forget: "once",
  acceptSeeder: "once",
  setPace: "once",
  confirmLoss: "once",
  reportChunks: "same",
  scrubStatus: "same",
  /** From now on, a little later. */
  scrubNow: "same",
  adopted: "same",
  fsck: "same",
  explain: "same",
  whatIf: "same",
} as const satisfies Record<keyof typeof trackerRoutes, Repeat>;

export const repeats: Readonly<Record<keyof typeof trackerRoutes, Repeat>> = kinds;

/** Names of the routes that are `once`. */
export type OnceName = {
  [Name in keyof typeof kinds]: (typeof kinds)[Name] extends "once" ? Name : never;
}[keyof typeof kinds];

export function isOnce(name: string): name is OnceName {
  return (repeats as Readonly<Record<string, Repeat | undefined>>)[name] === "once";
}
