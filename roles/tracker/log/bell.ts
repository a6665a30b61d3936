/** Holds questions back until there is something to answer, or it gets late. */
import { limits } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";

export class Bell {
  readonly #listeners = new Set<() => void>();
  #closed = false;

  constructor(private readonly clock: Clock) {}

  /** Resolves when it rings and `isNews` says that it is for whoever waits, or when it is late. */
  wait(isNews: () => boolean): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const done = new AbortController();
    return new Promise((resolve) => {
      const end = () => {
        this.#listeners.delete(listener);
        done.abort();
        resolve();
      };
      const listener = () => {
        if (this.#closed || isNews()) end();
      };
      this.#listeners.add(listener);
      this.clock.sleep(limits.logPullMs, done.signal).then(end, () => {});
    });
  }

  ring(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** From now on nobody waits. */
  close(): void {
    this.#closed = true;
    this.ring();
  }
}
