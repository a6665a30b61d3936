/**
 * One person's connection to a cluster: every call to the tracker is bounded in time and asked
 * again while the tracker is away, so that a restart of the tracker is a pause and not a failure.
 *
 * Every call is safe to ask again: where a second one would meet the work of the first it carries
 * an id, the same at every try, and the tracker answers what it answered (`repeats.ts` of the
 * protocol). Nothing is decided about files here.
 */
import {
  aboutLogin,
  asFault,
  codeFault,
  connect,
  type Connection,
  earlierTimeHeader,
  Fault,
  type FaultCode,
  isOnce,
  limits,
  proverOfCode,
  readCodeFor,
  seederRoutes,
  trackerRoutes,
  type Transport,
  unsealUnderCode,
} from "../../../protocol/mod.ts";
import { type Clock, withDeadline } from "../../kit/clock.ts";
import type { Disk } from "../../kit/disk.ts";
import type { Log } from "../../kit/log.ts";
import { backoffMs } from "../../kit/pace.ts";
import { type Random, randomHex } from "../../kit/random.ts";
import type { Credentials } from "./credentials.ts";
import { interrupted } from "./interruption.ts";

export type TrackerConnection = Connection<typeof trackerRoutes>;
export type SeederConnection = Connection<typeof seederRoutes>;

export interface SessionParts {
  readonly trackerAddress: string;
  readonly token: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly disk: Disk;
  readonly log: Log;
  /**
   * Called once per outage, when the first call begins to wait for the tracker, and when what it
   * answers is of an earlier time.
   */
  readonly onWait?: (text: string) => void;
}

export interface Session {
  /**
   * Asks again while the tracker is unreachable or not ready, for `limits.trackerRetryMs` from the
   * beginning of the outage; then throws the last fault. Throws `interrupted` when the signal of
   * the call fires.
   */
  readonly tracker: TrackerConnection;
  /** One try, no deadline: whoever moves bytes watches them (`stall.ts`). */
  seeder(address: string, name: string): SeederConnection;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly log: Log;
}

export function openSession(parts: SessionParts): Session {
  const transport = hearingOfTime(parts);
  const plain = connect(trackerRoutes, parts.trackerAddress, transport, "the tracker", {
    token: parts.token,
  });
  return {
    tracker: patient(plain, parts),
    seeder: (address, name) => connect(seederRoutes, address, parts.transport, name),
    clock: parts.clock,
    random: parts.random,
    disk: parts.disk,
    log: parts.log,
  };
}

/** The transport, telling once when what the tracker answers is of an earlier time. */
function hearingOfTime({ transport, onWait }: Pick<SessionParts, "transport" | "onWait">) {
  let told = false;
  const hearing: Transport = async (request) => {
    const response = await transport(request);
    const ms = Number(response.headers.get(earlierTimeHeader) ?? NaN);
    if (told || !Number.isSafeInteger(ms) || Math.abs(ms) > latestDateMs) return response;
    told = true;
    const when = new Date(ms).toISOString();
    onWait?.(`the tracker shows its files as they were at ${when}; why and what to do: status`);
    return response;
  };
  return hearing;
}
/** Beyond it a number is no date. */
const latestDateMs = 8.64e15;

export interface LoginParts {
  readonly code: string;
  /** Overrides the address in the code. */
  readonly trackerAddress?: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
  readonly signal?: AbortSignal;
  readonly onWait?: (text: string) => void;
}

/**
 * Logs in with a code: shows that it has the code, and not the code itself.
 * @throws Fault `code-invalid`, or what a call to the tracker may throw
 */
export async function login(parts: LoginParts): Promise<Credentials> {
  const { transport, random } = parts;
  const { claims, text, codeId, secret } = readCodeFor("login", parts.code);
  const trackerAddress = parts.trackerAddress ?? claims.tracker;
  const prover = proverOfCode({ codeId, secret }, randomHex(random, 32));
  const plain = connect(trackerRoutes, trackerAddress, transport, "the tracker", { prover });
  const options = parts.signal === undefined ? {} : { signal: parts.signal };
  const nonce = randomHex(random, 32);
  const reply = await patient(plain, parts).login({ text, nonce }, options).catch((error) => {
    throw codeFault(asFault(error));
  });
  const { clusterId, user, sealedToken } = reply;
  const token = unsealUnderCode(secret, sealedToken, aboutLogin(clusterId, nonce));
  return { trackerAddress, token, user, clusterId };
}

interface PatienceParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly onWait?: (text: string) => void;
}

/** When the tracker was first and last found away; shared by all calls of one connection. */
interface Outage {
  sinceMs: number;
  lastMs: number;
}

type AnyCall = (
  input: unknown,
  options?: { signal?: AbortSignal; requestId?: string },
) => Promise<unknown>;

/** What is worth waiting for. */
const passes: readonly FaultCode[] = ["tracker-unreachable", "unavailable", "tracker-rebuilding"];

/** A tracker that is starting knows no code yet, and so proves nothing. */
function isWorthWaiting({ code, cause }: Fault): boolean {
  if (passes.includes(code)) return true;
  return code === "tracker-unproved" && cause instanceof Fault && passes.includes(cause.code);
}

const firstPauseMs = 100;
const longestPauseMs = 3_000;

/** The same connection, with the patience described at `Session.tracker`. */
function patient(plain: TrackerConnection, parts: PatienceParts): TrackerConnection {
  let outage: Outage | undefined;
  const found = (fault: Fault): Outage => {
    const nowMs = parts.clock.now();
    // What was noticed long ago is another outage: nobody asked in between.
    if (outage === undefined || nowMs - outage.lastMs > 2 * limits.trackerCallMs) {
      outage = { sinceMs: nowMs, lastMs: nowMs };
      parts.onWait?.(`${fault.message}; waiting for it`);
    }
    outage.lastMs = nowMs;
    return outage;
  };

  const ask = async (name: string, once: AnyCall, input: unknown, signal?: AbortSignal) => {
    const known = isOnce(name) ? { requestId: randomHex(parts.random, 32) } : {};
    for (let attempt = 0;; attempt++) {
      if (signal?.aborted) throw interrupted(signal);
      try {
        const reply = await withDeadline(
          parts.clock,
          limits.trackerCallMs,
          signal,
          () => new Fault("tracker-unreachable", "the tracker did not answer in time"),
          (inner) => once(input, { signal: inner, ...known }),
        );
        outage = undefined;
        return reply;
      } catch (error) {
        if (signal?.aborted) throw interrupted(signal);
        const fault = asFault(error);
        if (!isWorthWaiting(fault)) {
          outage = undefined;
          throw fault;
        }
        const pauseMs = backoffMs(parts.random, attempt, firstPauseMs, longestPauseMs);
        const current = found(fault);
        if (parts.clock.now() + pauseMs - current.sinceMs > limits.trackerRetryMs) throw fault;
        await parts.clock.sleep(pauseMs, signal).catch(() => {});
      }
    }
  };

  const entries = Object.entries(plain).map(([name, once]) => [
    name,
    (input: unknown, options: { signal?: AbortSignal } = {}) =>
      ask(name, once as AnyCall, input, options.signal),
  ]);
  return Object.fromEntries(entries);
}
