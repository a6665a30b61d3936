/** What a person's Ctrl-C becomes, and how one signal is made of two. */
import { Fault } from "../../../protocol/mod.ts";

/** The fault for a signal that fired: its reason where that is a fault, else `interrupted`. */
export function interrupted(signal: AbortSignal): Fault {
  if (signal.reason instanceof Fault) return signal.reason;
  return new Fault("interrupted", "stopped before it was done", { cause: signal.reason });
}

/**
 * A controller that is aborted with `outer`, and can be aborted on its own. `release` must be
 * called when it is done with, or `outer` keeps it.
 */
export function linkedController(
  outer: AbortSignal | undefined,
): { controller: AbortController; release: () => void } {
  const controller = new AbortController();
  if (outer === undefined) return { controller, release: () => {} };
  const onAbort = () => controller.abort(interrupted(outer));
  if (outer.aborted) onAbort();
  outer.addEventListener("abort", onAbort, { once: true });
  return { controller, release: () => outer.removeEventListener("abort", onAbort) };
}
