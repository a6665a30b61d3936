/**
 * The proofs of requests, as the one who answers checks them: the secret is the prover's, and the
 * request was not taken before. A request is counted within a session; sessions are random, live in
 * memory and end with the process. A new one is told only to whoever proves a request in none, and
 * pushes an older one out only when it is used, so that a request that was overheard and is sent
 * again does nothing to the sessions there are.
 *
 * What a prover may ask for is not known here.
 */
import {
  type Door,
  Fault,
  isRequestProved,
  proofHeader,
  type ProvedBody,
  proveReply,
  type ProverKind,
  type ProverName,
  readRequestProof,
  type SecretKey,
} from "../../protocol/mod.ts";
import { type Random, randomHex } from "./random.ts";

/** Two processes may speak with one key: a seeder that was started anew, or its twin. */
const sessionsMost = 4;
/** Requests may overtake each other by so many. */
const windowSize = 256;
/** More than there are seeders; one that was pushed out begins another session. */
const proversMost = 10_000;

type Bytes = Uint8Array<ArrayBuffer>;

/** A request whose head was proved. */
export interface Proved {
  readonly name: ProverName;
  readonly body: ProvedBody;
  /** Why it is not answered all the same: `session-ended`. */
  readonly refusal: Fault | undefined;
  /** The headers that prove the reply. */
  readonly seal: (status: number, bytes: Bytes) => Readonly<Record<string, string>>;
}

export class Proofs {
  readonly #provers = new Map<string, Sessions>();

  /** @param keyOf the secret of a prover; undefined when there is none such */
  constructor(
    private readonly keyOf: (name: ProverName) => SecretKey | undefined,
    private readonly random: Random,
  ) {}

  /**
   * Whoever the header proves to have sent this request, which is counted as taken.
   * @throws Fault `unauthenticated`
   */
  admit(kind: ProverKind, door: Door, header: string | undefined): Proved {
    const proof = readRequestProof(header);
    const key = proof?.kind === kind ? this.keyOf(proof) : undefined;
    if (proof === undefined || key === undefined || !isRequestProved(key, door, proof)) {
      throw new Fault(
        "unauthenticated",
        `the request is not proved to be of a ${kind} known here`,
        {
          next: "find out whether both sides are of one cluster",
        },
      );
    }
    const { id, generation, session, counter, sizeBytes, digest } = proof;
    const fresh = this.#of(`${kind} ${id} ${generation}`).take(session, counter);
    return {
      name: { kind, id, generation },
      body: { sizeBytes, digest },
      refusal: fresh === undefined ? undefined : new Fault(
        "session-ended",
        "the request is of a session that is over, or came before",
      ),
      seal: (status, bytes) => ({
        [proofHeader]: proveReply(key, proof, status, fresh ?? session, bytes),
      }),
    };
  }

  #of(prover: string): Sessions {
    const sessions = this.#provers.get(prover) ??
      new Sessions(() => randomHex(this.random, 32));
    latest(this.#provers, prover, sessions, proversMost);
    return sessions;
  }
}

/** The sessions of one prover. */
class Sessions {
  readonly #live = new Map<string, Window>();
  #offered: string | undefined;

  constructor(private readonly draw: () => string) {}

  /** Undefined when the request was taken, and else the session to ask in. */
  take(session: string, counter: number): string | undefined {
    const isOffered = session === this.#offered;
    if (isOffered) this.#offered = undefined;
    const window = isOffered ? new Window() : this.#live.get(session);
    if (window?.take(counter) !== true) return this.#offered ??= this.draw();
    latest(this.#live, session, window, sessionsMost);
    return undefined;
  }
}

/** Which of the numbers that rise were taken; what is far behind counts as taken. */
class Window {
  #highest = 0;
  readonly #taken = new Set<number>();

  take(counter: number): boolean {
    if (counter <= this.#highest - windowSize || this.#taken.has(counter)) return false;
    this.#taken.add(counter);
    this.#highest = Math.max(this.#highest, counter);
    if (this.#taken.size > 2 * windowSize) {
      for (const old of this.#taken) {
        if (old <= this.#highest - windowSize) this.#taken.delete(old);
      }
    }
    return true;
  }
}

/** Puts an entry last, and gives up the one that was put longest ago. */
function latest<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
