/**
 * `offshore health`: asks the role that runs on this machine whether it answers, for container
 * health checks and supervisors. Reads where it listens from the same flag and environment as the
 * role.
 */
import * as z from "zod";
import { connect, Fault, trackerRoutes, type Transport } from "../../protocol/mod.ts";
import { type Clock, withDeadline } from "./clock.ts";
import type { CommandSpec } from "./command_line.ts";
import { ListenText } from "./config.ts";
import { isWildcard, urlOf } from "./listen.ts";

export const healthSpec: CommandSpec = {
  name: "offshore health",
  summary: "Ask the role on this machine whether it answers; exits non-zero when it does not.",
  options: [{
    name: "listen",
    value: "host:port",
    summary: "where the role listens",
    environment: true,
    default: "127.0.0.1:7420",
  }],
};

export const HealthSettings = z.strictObject({ listen: ListenText });

/** A role that takes longer than this to say that it is well is not. */
const limitMs = 2_500;

/** One line about the role. Throws the fault that the question ended in. */
export async function askHealth(
  listen: { host: string; port: number },
  transport: Transport,
  clock: Clock,
): Promise<string> {
  const host = isWildcard(listen.host) ? "127.0.0.1" : listen.host;
  const url = urlOf(host, listen.port);
  // Every role answers the same health route.
  const role = connect({ health: trackerRoutes.health }, url, transport, "the role");
  const reason = () => new Error(`no answer within ${limitMs} ms`);
  const reply = await withDeadline(clock, limitMs, undefined, reason, (signal) => {
    return role.health({}, { signal });
  });
  // A tracker that is rebuilt needs the seeders, which a supervisor may start only after it.
  if (reply.status === "starting") {
    throw new Fault("unavailable", `the ${reply.role} at ${url} is up but not ready`, {
      next: "look into its log",
    });
  }
  return `${reply.role} ${reply.version} at ${url}: ${reply.status}`;
}
