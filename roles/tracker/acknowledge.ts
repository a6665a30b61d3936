/**
 * The moment before a person hears "done": the log as it stands must be on enough seeders, and no
 * other tracker may have taken over. It stands before every door of a person who may write, so a
 * new operation needs no line here; and also before what changed nothing, for a request that is
 * asked again after a lost reply finds its work done.
 */
import { trackerRoutes } from "../../protocol/mod.ts";
import type { Handlers } from "../kit/serve.ts";
import type { Caller } from "./guard.ts";
import type { LogShipping } from "./log_shipping.ts";

type Name = keyof typeof trackerRoutes;

/** What answers nothing about files, and so is answered whoever rules. */
const aboutNothing: readonly Name[] = ["status"];
/** Steps of an upload before its commit: they put nothing into the log. */
const beforeCommit: readonly Name[] = [
  "openUploads",
  "placeChunks",
  "recordChunks",
  "abandonUploads",
];

export function acknowledged(
  handlers: Handlers<typeof trackerRoutes, Caller>,
  shipping: LogShipping,
): Handlers<typeof trackerRoutes, Caller> {
  const entries = Object.entries(handlers).map(([key, handler]) => {
    const name = key as Name;
    const route = trackerRoutes[name];
    if (route.access !== "person" || aboutNothing.includes(name)) return [name, handler];
    const waits = "role" in route && route.role !== "reader" && !beforeCommit.includes(name);
    // The table and the handlers have the same names by type; the cast says so to the compiler.
    const answer = handler as (call: unknown) => Promise<unknown>;
    return [name, async (call: unknown) => {
      shipping.checkEpoch();
      try {
        return await answer(call);
      } finally {
        // Also before a refusal: "it is there already" tells who asks again that it was done.
        if (waits) await shipping.settled();
      }
    }];
  });
  return Object.fromEntries(entries);
}
