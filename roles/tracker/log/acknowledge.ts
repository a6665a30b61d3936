/**
 * The moment before a person hears "done": the log as it stands must be on enough seeders, and the
 * authority must permit it. It stands before every door of a person who may write, so a new
 * operation needs no line here; and also before what changed nothing, for a request that is asked
 * again after a lost reply finds its work done. Reading is answered whoever rules. What makes the
 * catalog grow is refused here while there is no room for it.
 */
import { asFault, trackerRoutes } from "../../../protocol/mod.ts";
import type { Handlers } from "../../kit/serve.ts";
import type { Caller } from "../guard.ts";
import type { Authority } from "../authority/authority.ts";
import type { LogShipping } from "./log_shipping.ts";
import type { Room } from "../room.ts";

type Name = keyof typeof trackerRoutes;

/** What makes the catalog grow: refused while its disk is nearly full. */
const growing: readonly Name[] = [
  "openUploads",
  "placeChunks",
  "recordChunks",
  "makeDirectories",
  "makeLinks",
];
/** Steps of an upload before its commit: they put nothing into the log. */
const beforeCommit: readonly Name[] = [
  "openUploads",
  "placeChunks",
  "recordChunks",
  "abandonUploads",
];

export function acknowledged(
  handlers: Handlers<typeof trackerRoutes, Caller>,
  authority: Authority,
  shipping: Pick<LogShipping, "settled">,
  room: Room | undefined,
): Handlers<typeof trackerRoutes, Caller> {
  const entries = Object.entries(handlers).map(([key, handler]) => {
    const name = key as Name;
    const route = trackerRoutes[name];
    const writes = route.access === "person" && "role" in route && route.role !== "reader";
    if (!writes) return [name, handler];
    const waits = !beforeCommit.includes(name);
    // The table and the handlers have the same names by type; the cast says so to the compiler.
    const answer = handler as (call: unknown) => Promise<unknown>;
    return [name, async (call: unknown) => {
      authority.acknowledge();
      if (growing.includes(name)) room?.check();
      try {
        return await answer(call).catch(async (fault) => {
          // The reserve is for this: what it lets go is enough to do it after all.
          if (asFault(fault).code !== "disk-full" || room === undefined) throw fault;
          await room.step(0);
          if (growing.includes(name)) throw fault;
          return await answer(call);
        });
      } finally {
        // Also before a refusal: "it is there already" tells who asks again that it was done.
        if (waits) await shipping.settled(authority.acknowledge());
      }
    }];
  });
  return Object.fromEntries(entries);
}
