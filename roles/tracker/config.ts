/** The flags of a tracker. */
import * as z from "zod";
import { BaseUrl, limits, RecoveryCode } from "../../protocol/mod.ts";
import type { CommandSpec } from "../kit/command_line.ts";
import { logSyncModes } from "./plan/log_sync.ts";
import { commonOptions, ListenText, LogLevelText, wholeNumber } from "../kit/config.ts";

export const trackerSpec: CommandSpec = {
  name: "offshore --role tracker",
  summary: "Knows which seeders and files there are and decides where data goes.",
  details:
    "Run one for a cluster. At a terminal it prints a join code for seeders and a login code\n" +
    "for people; elsewhere it keeps them in files that `offshore codes` prints.",
  options: [
    {
      name: "disk",
      value: "path",
      summary: "folder that holds the catalog",
      environment: true,
      default: "/disk",
    },
    {
      name: "listen",
      value: "host:port",
      summary: "where to listen; 0.0.0.0:7420 for all interfaces",
      environment: true,
      default: "127.0.0.1:7420",
    },
    {
      name: "public-url",
      value: "url",
      summary: "how others reach it, where that differs; goes into the codes",
      environment: true,
    },
    {
      name: "copies",
      value: "count",
      summary: "copies of each chunk where no policy says otherwise",
      environment: true,
      default: String(limits.copiesDefault),
    },
    {
      name: "join-code-file",
      value: "path",
      summary: "keep a fresh join code in this file as well",
      environment: true,
    },
    {
      name: "login-code-file",
      value: "path",
      summary: "keep a fresh login code in this file as well",
      environment: true,
    },
    {
      name: "trash-days",
      value: "count",
      summary: "how long removed files can come back",
      environment: true,
      default: String(limits.trashKeepMs / 86_400_000),
    },
    {
      name: "trash-percent",
      value: "count",
      summary: "share of all disks the trash may take; beyond it the oldest goes",
      environment: true,
      default: String(100 * limits.trashShareMax),
    },
    {
      name: "versions-percent",
      value: "count",
      summary: "share of all disks earlier versions may take; beyond it the oldest go",
      environment: true,
      default: String(100 * limits.versionsShareMax),
    },
    {
      name: "log-sync",
      value: "mode",
      summary:
        "seeders: a change is acknowledged once its log is on seeders; local: on this disk; " +
        "auto: on seeders as soon as there are two, and on this disk while too few answer",
      environment: true,
      default: "auto",
    },
    {
      name: "rebuild",
      summary: "the disk is empty: take everything from the seeders that present themselves",
      environment: true,
    },
    {
      name: "rebuild-with",
      value: "count",
      summary:
        "begin with so many seeders, though more would be needed to be sure of the last changes",
      environment: true,
    },
    {
      name: "catch-up",
      summary: "the disk is of an earlier time: take from the seeders what came since",
      environment: true,
    },
    {
      name: "restore",
      value: "file",
      summary: "the disk is empty: take everything from a file that offshore backup wrote",
    },
    {
      name: "recovery-code",
      value: "code",
      summary: "of the cluster that is rebuilt or restored",
      environment: true,
      secret: "write it into a file and type --recovery-code-file FILE, or - and pipe it in",
    },
    {
      name: "recovery-code-file",
      value: "path",
      summary:
        "file with the code of the cluster that is rebuilt or restored; - for standard input",
      environment: true,
    },
    {
      name: "garbage-minutes",
      value: "count",
      summary: "how long a chunk is kept that no file and no upload needs",
      environment: true,
      default: String(limits.garbageGraceMs / 60_000),
    },
    {
      name: "snapshot-operations",
      value: "count",
      summary: "a snapshot of the catalog is made after so many changes, more in a large catalog",
      environment: true,
      default: String(limits.snapshotOperationsMin),
    },
    {
      name: "snapshot-hours",
      value: "count",
      summary: "and after so long, when anything changed",
      environment: true,
      default: String(limits.snapshotEveryMs / 3_600_000),
    },
    {
      name: "log-operations",
      value: "count",
      summary: "changes that stay in the tracker's own log though snapshots replace them",
      environment: true,
      default: String(limits.logOperationsMin),
    },
    ...commonOptions,
  ],
  examples: [
    "offshore --role tracker --disk /srv/offshore --listen 0.0.0.0:7420",
    "offshore --role tracker --disk /srv/new --rebuild --recovery-code-file code",
  ],
};

export const TrackerSettings = z.strictObject({
  disk: z.string().min(1),
  listen: ListenText,
  publicUrl: BaseUrl.optional(),
  copies: wholeNumber(1, limits.copiesMax),
  joinCodeFile: z.string().min(1).optional(),
  loginCodeFile: z.string().min(1).optional(),
  trashDays: wholeNumber(0, 36_500),
  trashPercent: wholeNumber(0, 100),
  versionsPercent: wholeNumber(0, 100),
  logSync: z.enum(logSyncModes),
  rebuildWith: wholeNumber(1, 10_000).optional(),
  restore: z.string().min(1).optional(),
  recoveryCode: RecoveryCode.optional(),
  recoveryCodeFile: z.string().min(1).optional(),
  garbageMinutes: wholeNumber(0, 1_000_000),
  snapshotOperations: wholeNumber(1, 1_000_000_000),
  snapshotHours: wholeNumber(1, 1_000_000),
  logOperations: wholeNumber(0, 1_000_000_000),
  logLevel: LogLevelText,
  logFile: z.string().min(1).optional(),
});
