/**
 * `offshore serve`: the client as a service that stays. It keeps a login to the cluster and answers
 * whether the cluster can be used from here; gateways for other protocols are served beside that.
 * The tracker is asked at a polite pace, not for each question about health.
 */
import { asFault, type Fault, type FaultCode, limits, trackerRoutes } from "../../protocol/mod.ts";
import { withDeadline } from "../kit/clock.ts";
import type { CommandSpec } from "../kit/command_line.ts";
import { repeat } from "../kit/pace.ts";
import { type App, openGuard, serveRoutes } from "../kit/serve.ts";
import { version } from "../kit/version.ts";
import { type AccessParts, openDoor } from "./cluster/access.ts";
import { programSpec } from "./settings.ts";

export const serveSpec: CommandSpec = {
  name: "offshore serve",
  summary: "Stay, keep a login to the cluster, and answer whether it can be used from here.",
  options: [
    {
      name: "listen",
      value: "host:port",
      summary: "where to listen; 0.0.0.0:7480 for all interfaces",
      environment: true,
      default: "127.0.0.1:7480",
    },
    {
      name: "stop-with-stdin",
      summary: "stop when standard input ends, for programs that start this one",
      environment: true,
    },
    ...(programSpec.options ?? []),
  ],
};

export type ServeParts = Omit<AccessParts, "onWait">;

export interface ServingClient {
  readonly app: App;
  /**
   * Logs in and asks after the tracker until the signal fires.
   * @throws Fault `no-credentials`, `code-invalid`, `unauthenticated`, `config-corrupt`
   */
  run(signal: AbortSignal): Promise<void>;
}

const hopeless: readonly FaultCode[] = [
  "no-credentials",
  "code-invalid",
  "unauthenticated",
  "config-corrupt",
];

/** Health is `ok` while the tracker answered lately, and `starting` otherwise. */
export function openServingClient(parts: ServeParts): ServingClient {
  const { clock, log, random } = parts;
  const door = openDoor({ ...parts, onWait: (text) => log.warn("waiting", { text }) });
  let heardMs: number | undefined;
  let trouble: Fault | undefined;
  const ask = async (signal: AbortSignal): Promise<void> => {
    try {
      const { session } = await door.open(signal);
      const late = () => new Error("no answer");
      await withDeadline(clock, limits.trackerCallMs, signal, late, (inner) => {
        return session.tracker.health({}, { signal: inner });
      });
      if (heardMs === undefined || trouble !== undefined) log.info("the tracker answers");
      heardMs = clock.now();
      trouble = undefined;
    } catch (error) {
      if (signal.aborted) return;
      const fault = asFault(error);
      // Nothing that waiting could mend: a service that can never be let in does not stay.
      if (hopeless.includes(fault.code)) throw fault;
      if (trouble?.message !== fault.message) log.warn("the tracker does not answer", { fault });
      trouble = fault;
    }
  };
  const isWell = () => heardMs !== undefined && clock.now() - heardMs < limits.redAfterMs;
  const app = serveRoutes({
    table: { health: trackerRoutes.health },
    handlers: {
      health: () =>
        Promise.resolve({
          status: isWell() ? "ok" as const : "starting" as const,
          role: "client" as const,
          version,
          protocol: limits.protocolVersion,
        }),
    },
    guard: openGuard,
    ...{ clock, log, random },
  });
  const step = (signal: AbortSignal) => async () => {
    await ask(signal);
    return limits.heartbeatIntervalMs;
  };
  return { app, run: (signal) => repeat(clock, signal, step(signal)) };
}
