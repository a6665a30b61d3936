/**
 * The one authorisation check of a seeder: a leave that the tracker signed for this seeder, this
 * chunk, this size and this action, judged by the tracker's clock. A batch carries a leave for each
 * item, and each is checked here too.
 */
import * as z from "zod";
import {
  checkLeave,
  ChunkId,
  Fault,
  Leave,
  type LeaveSubject,
  type Route,
} from "../../protocol/mod.ts";
import type { Credentials } from "../kit/serve.ts";
import type { Identity } from "./identity.ts";
import type { TrackerTime } from "./tracker_time.ts";

const ChunkInput = z.object({ chunkId: ChunkId, size: z.int(), leave: Leave });

export class LeaveGuard {
  constructor(
    private readonly identity: () => Identity | undefined,
    private readonly time: TrackerTime,
  ) {}

  readonly check = (route: Route, _credentials: Credentials, input: unknown): void => {
    if (route.access === "open") return;
    if (route.access !== "leave") throw new Fault("forbidden", `not served here: ${route.path}`);
    this.joined();
    this.time.now();
    // The leaves of a batch are inside its body: `allow` is called for each of them.
    if (route.path === "/v1/chunks") return;
    const { chunkId, size, leave } = ChunkInput.parse(input);
    const action = route.method === "PUT" ? "store" : "read";
    this.allow({ action, chunkId, sizeBytes: size }, leave);
  };

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
