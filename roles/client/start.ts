/** Starts the client as a service on this machine's clock, dice, disk and network. */
import * as z from "zod";
import { systemClock } from "../kit/clock.ts";
import type { CommandRun } from "../kit/command_line.ts";
import { ListenText, readConfig } from "../kit/config.ts";
import { listen, urlOf } from "../kit/listen.ts";
import { lineLog } from "../kit/log.ts";
import { secretInputOn } from "../kit/secret_input.ts";
import { systemRandom } from "../kit/random.ts";
import { systemDisk } from "../kit/system_disk.ts";
import { systemTransport } from "../kit/system_transport.ts";
import { openServingClient } from "./serve.ts";
import { readSettings } from "./settings.ts";

/**
 * Resolves once everything is closed after `signal` fired. Throws the fault that kept it from
 * starting.
 */
export async function startServing(
  run: CommandRun,
  signal: AbortSignal,
  write: { out: (line: string) => void; log: (line: string) => void },
): Promise<void> {
  const { listen: at } = readConfig(z.strictObject({ listen: ListenText }), run);
  const settings = readSettings(run, Deno.env.toObject());
  const clock = systemClock();
  const transport = systemTransport();
  const client = openServingClient({
    settings,
    currentDirectory: Deno.cwd(),
    clock,
    random: systemRandom(),
    transport,
    disk: systemDisk(),
    secretInput: secretInputOn(Deno.stdin, write.log),
    log: lineLog(clock, "client", settings.logLevel ?? "info", write.log),
  });
  const listener = await listen(client.app, at.host, at.port);
  write.out(`client listening on ${urlOf(listener.host, listener.port)}`);
  await client.run(signal);
  await listener.stop(3_000);
  transport.close();
}
