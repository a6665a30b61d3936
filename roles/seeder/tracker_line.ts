/**
 * The one line from a seeder to its tracker: where it is called, under which key every request is
 * proved, and how long an answer may take. What is not proved under that key is no answer
 * (`tracker-unproved`), whatever it says. When to ask, and for what, others know.
 */
import {
  connect,
  type Connection,
  Fault,
  Prover,
  type SecretKey,
  trackerRoutes,
  type Transport,
} from "../../protocol/mod.ts";
import { type Clock, withDeadline } from "../kit/clock.ts";
import { type Random, randomHex } from "../kit/random.ts";
import type { Identity } from "./identity.ts";

export interface TrackerLineParts {
  /** Undefined while this seeder has not joined. */
  readonly identity: () => Identity | undefined;
  /** Where the tracker is called. */
  readonly address: () => string;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
}

/** Every route of the tracker. */
export type Tracker = Connection<typeof trackerRoutes>;

type Work<T> = (tracker: Tracker, signal: AbortSignal) => Promise<T>;

export class TrackerLine {
  #prover: { readonly key: SecretKey; readonly prover: Prover } | undefined;

  constructor(private readonly parts: TrackerLineParts) {}

  /**
   * Asks the tracker as this seeder. Whatever `work` waits for must heed the signal.
   * @throws Fault what the tracker answers, `tracker-unreachable`, `tracker-unproved`;
   * `unavailable` before this seeder has joined
   */
  async ask<T>(ms: number, outer: AbortSignal | undefined, work: Work<T>): Promise<T> {
    const identity = this.parts.identity();
    if (identity === undefined) throw new Fault("unavailable", "this seeder has not joined yet");
    return await this.askAs(this.#proverOf(identity), this.parts.address(), ms, outer, work);
  }

  /** As whoever `prover` is, where somebody says that the tracker is. */
  askAs<T>(
    prover: Prover | undefined,
    address: string,
    ms: number,
    outer: AbortSignal | undefined,
    work: Work<T>,
  ): Promise<T> {
    const { clock, transport } = this.parts;
    const options = prover === undefined ? {} : { prover };
    const tracker = connect(trackerRoutes, address, transport, "the tracker", options);
    const late = () =>
      new Fault("tracker-unreachable", `the tracker at ${address} gave no answer for ${ms} ms`);
    return withDeadline(clock, ms, outer, late, (signal) => work(tracker, signal));
  }

  #proverOf({ seederId, seederKey, generation }: Identity): Prover {
    if (this.#prover?.key !== seederKey) {
      const name = { kind: "seeder", id: seederId, generation } as const;
      const prover = new Prover(name, seederKey, randomHex(this.parts.random, 32));
      this.#prover = { key: seederKey, prover };
    }
    return this.#prover.prover;
  }
}
