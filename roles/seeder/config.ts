/** The flags of a seeder. */
import { hostname } from "node:os";
import * as z from "zod";
import { BaseUrl, SeederName } from "../../protocol/mod.ts";
import type { CommandSpec } from "../kit/command_line.ts";
import { commonOptions, ListenText, LogLevelText, SizeText } from "../kit/config.ts";

/** This machine's name, as far as it can be a seeder's. */
function machineName(): string {
  const name = hostname().toLowerCase().replace(/[^a-z0-9._-]/g, "-");
  return SeederName.safeParse(name).data ?? "seeder";
}

export const seederSpec: CommandSpec = {
  name: "offshore --role seeder",
  summary: "Keeps chunks of files on its disk and serves them to those entitled.",
  details: "It joins a cluster once, with a join code, and remembers it on its disk.",
  options: [
    {
      name: "disk",
      value: "path",
      summary: "folder that holds the chunks",
      environment: true,
      default: "/disk",
    },
    {
      name: "listen",
      value: "host:port",
      summary: "where to listen; 0.0.0.0:7421 for all interfaces",
      environment: true,
      default: "127.0.0.1:7421",
    },
    {
      name: "advertise",
      value: "host:port",
      summary: "how others reach it, where that differs",
      environment: true,
    },
    {
      name: "name",
      value: "name",
      summary: "what it is called",
      environment: true,
      default: machineName(),
    },
    {
      name: "zone",
      value: "zone",
      summary: "seeders of one zone fail together; copies go to different ones",
      environment: true,
    },
    {
      name: "join-code",
      value: "code",
      summary: "the line that the tracker's join-code prints",
      environment: true,
      secret: "write it into a file and type --join-code-file FILE, or - and pipe it in",
    },
    {
      name: "join-code-file",
      value: "path",
      summary:
        "file with the join code, waited for; - for standard input (asked for at a terminal)",
      environment: true,
    },
    {
      name: "tracker",
      value: "url",
      summary: "where the tracker is, if not where the code says",
      environment: true,
    },
    {
      name: "reserve",
      value: "size",
      summary: "space to leave free on the disk, such as 2G",
      environment: true,
    },
    {
      name: "adopt",
      value: "yes|no",
      summary: "offer the files found in the disk folder, in place; no: look for no new ones",
      environment: true,
      default: "yes",
      choices: ["yes", "no"],
    },
    ...commonOptions,
  ],
  examples: [
    "offshore --role seeder --disk /srv/offshore --listen 0.0.0.0:7421 --join-code-file code",
  ],
};

export const SeederSettings = z.strictObject({
  disk: z.string().min(1),
  listen: ListenText,
  advertise: ListenText.optional(),
  name: SeederName,
  zone: z.string().min(1).max(63).optional(),
  joinCode: z.string().min(1).optional(),
  joinCodeFile: z.string().min(1).optional(),
  tracker: BaseUrl.optional(),
  reserve: SizeText.optional(),
  adopt: z.enum(["yes", "no"]).transform((word) => word === "yes"),
  logLevel: LogLevelText,
  logFile: z.string().min(1).optional(),
});
