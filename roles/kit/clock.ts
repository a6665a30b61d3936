/** Time as a thing passed in: the simulator's clock moves only when it is told to. */
export interface Clock {
  /**
   * Milliseconds since 1970; never goes back while the process lives, whatever is done to the
   * host's clock.
   */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export function systemClock(): Clock {
  const originMs = Date.now() - performance.now();
  return {
    now: () => Math.floor(originMs + performance.now()),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = () => {
          clearTimeout(timer);
          reject(signal?.reason);
        };
        const timer = setTimeout(() => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        }, ms);
        signal?.addEventListener("abort", onAbort, { once: true });
      }),
  };
}

/** Told to a timer that is no longer needed; a constant, because one is told at every call. */
const over = new Error("over");

/**
 * `work` under a signal that fires when `outer` does or after `ms`, with `reason()` as its reason.
 * Whatever `work` waits for must heed the signal.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  outer: AbortSignal | undefined,
  reason: () => unknown,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const inner = new AbortController();
  const done = new AbortController();
  const onAbort = () => inner.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener("abort", onAbort, { once: true });
  clock.sleep(ms, done.signal).then(() => inner.abort(reason()), () => {});
  try {
    return await work(inner.signal);
  } finally {
    done.abort(over);
    outer?.removeEventListener("abort", onAbort);
  }
}
