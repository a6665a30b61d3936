/** Gives up work that is silent for too long: the watch is set back with each sign of life. */
import type { Clock } from "../../kit/clock.ts";
import { interrupted, linkedController } from "../cluster/interruption.ts";

/**
 * `work` under a signal that fires with `outer`, or when `touch` was not called for `quietMs`; then
 * `reason()` is thrown. Returns at once when the signal fires, even where the work does not heed
 * it: the work looks at its signal before it touches anything shared.
 */
export async function withStallWatch<T>(
  clock: Clock,
  quietMs: number,
  outer: AbortSignal | undefined,
  reason: () => unknown,
  work: (signal: AbortSignal, touch: () => void) => Promise<T>,
): Promise<T> {
  const { controller, release } = linkedController(outer);
  const done = new AbortController();
  let touchedMs = clock.now();
  const watch = async () => {
    while (!done.signal.aborted) {
      const leftMs = touchedMs + quietMs - clock.now();
      if (leftMs <= 0) return controller.abort(reason());
      await clock.sleep(leftMs, done.signal);
    }
  };
  const stopped = new Promise<never>((_, reject) => {
    const onAbort = () => reject(controller.signal.reason);
    if (controller.signal.aborted) onAbort();
    controller.signal.addEventListener("abort", onAbort, { once: true });
  });
  stopped.catch(() => {});
  watch().catch(() => {});
  try {
    const working = work(controller.signal, () => touchedMs = clock.now());
    working.catch(() => {});
    return await Promise.race([working, stopped]);
  } catch (error) {
    throw controller.signal.aborted ? interrupted(controller.signal) : error;
  } finally {
    done.abort();
    release();
  }
}
