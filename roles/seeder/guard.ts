/**
 * The one authorisation check of a seeder: a leave that the tracker signed for this seeder, this
 * chunk, this size and this action, judged by the tracker's clock. A batch shows the leave of one
 * item before its body is read; each item's own is checked here too, by `allow`.
 */
import * as z from "zod";
import {
  checkLeave,
  Fault,
  type Leave,
  type LeaveSubject,
  StoreChunkRequest,
} from "../../protocol/mod.ts";
import type { Admission, Guard, Head } from "../kit/serve.ts";
import type { Identity } from "./identity.ts";
import type { TrackerTime } from "./tracker_time.ts";

const { chunkId, size, leave } = StoreChunkRequest.shape;
const Claim = z.object({ chunkId, size, leave });

export class LeaveGuard implements Guard<void> {
  constructor(
    private readonly identity: () => Identity | undefined,
    private readonly time: TrackerTime,
  ) {}

  admit({ route, fields }: Head): Admission<void> {
    if (route.access === "open") return { caller: undefined };
    if (route.access !== "leave") throw new Fault("forbidden", `not served here: ${route.path}`);
    this.joined();
    this.time.now();
    const claim = Claim.safeParse(fields);
    if (!claim.success) {
      throw new Fault("leave-invalid", "the request names no chunk, its size and a leave for it");
    }
    const { chunkId, size, leave } = claim.data;
    const action = route.body === "bytes" ? "store" : "read";
    this.allow({ action, chunkId, sizeBytes: size }, leave);
    return { caller: undefined };
  }

  /** @throws Fault `leave-invalid`, `leave-expired`, `unavailable` */
  allow(subject: LeaveSubject, leave: Leave): void {
    checkLeave(this.joined().seederKey, leave, subject, this.time.now());
  }

  /** @throws Fault `unavailable` */
  joined(): Identity {
    const identity = this.identity();
    if (identity === undefined) {
      throw new Fault("unavailable", "this seeder has not joined a cluster yet");
    }
    return identity;
  }
}
