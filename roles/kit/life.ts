/**
 * Waits for slow work at a peer no longer than the peer gives signs of life: while an answer that
 * may rightly take long is awaited, the peer is asked now and then whether it is there at all. A
 * busy one says so and is waited for; one whose machine vanished, froze or is cut off is given up
 * after seconds, where the answer alone could be awaited for half a minute.
 */
import { asFault, Fault, limits } from "../../protocol/mod.ts";
import { type Clock, withDeadline } from "./clock.ts";

export interface LifeParts {
  readonly clock: Clock;
  /** As a person knows it. */
  readonly name: string;
  /** Asks the peer anything that it answers at once. */
  readonly ask: (signal: AbortSignal) => Promise<unknown>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `work` under a signal that fires with `parts.signal`, or when the peer left
 * `limits.lifeQuestionsMax` questions in a row without an answer.
 * @throws Fault `seeder-unreachable` then, as the signal's reason; else what `work` throws
 */
export async function whileAlive<T>(
  parts: LifeParts,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, name, signal: outer } = parts;
  const inner = new AbortController();
  const done = new AbortController();
  const onAbort = () => inner.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener("abort", onAbort, { once: true });
  const watch = async () => {
    for (let unanswered = 0; unanswered < limits.lifeQuestionsMax;) {
      await clock.sleep(limits.lifeQuietMs, done.signal);
      unanswered = await answers(parts, done.signal) ? 0 : unanswered + 1;
    }
    if (done.signal.aborted) return;
    inner.abort(new Fault("seeder-unreachable", `${name} gives no sign of life`));
  };
  watch().catch(() => {});
  const given = new Promise<never>((_, reject) => {
    const onGiven = () => reject(inner.signal.reason);
    if (inner.signal.aborted) onGiven();
    inner.signal.addEventListener("abort", onGiven, { once: true });
  });
  given.catch(() => {});
  try {
    const working = work(inner.signal);
    working.catch(() => {});
    return await Promise.race([working, given]);
  } catch (error) {
    throw inner.signal.aborted ? inner.signal.reason : error;
  } finally {
    done.abort();
    outer?.removeEventListener("abort", onAbort);
  }
}

/** Whatever it says, it is there. */
async function answers({ clock, ask }: LifeParts, signal: AbortSignal): Promise<boolean> {
  const late = () => new Fault("seeder-unreachable", "no answer in time");
  try {
    await withDeadline(clock, limits.lifeAnswerMs, signal, late, ask);
    return true;
  } catch (error) {
    const { code } = asFault(error);
    return code !== "seeder-unreachable" && code !== "tracker-unreachable";
  }
}
