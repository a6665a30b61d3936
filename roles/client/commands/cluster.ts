/** `seeders`, `df`, `ping`: the machines of the cluster, their disks, and how fast they answer. */
import {
  asFault,
  type ClusterStatus,
  connect,
  Fault,
  seederRoutes,
  type SeederView,
  trackerRoutes,
} from "../../../protocol/mod.ts";
import { withDeadline } from "../../kit/clock.ts";
import type { Command, CommandContext } from "../command.ts";
import { tableOf } from "../terminal/table.ts";
import { count, durationText, sizeText, visible } from "../terminal/wording.ts";
import { heardText, verdictOf } from "./verdict.ts";

async function clusterStatus(context: CommandContext) {
  const { session } = await context.access();
  return await session.tracker.status({}, { signal: context.signal });
}

export const seeders: Command = {
  spec: {
    name: "seeders",
    changes: "nothing",
    group: "Cluster",
    summary: "List the seeders.",
    details: "green: heard lately; yellow: silent, nothing new is sent to it; red: its copies\n" +
      "count as missing; away: it signed out.",
  },
  completes: ["nothing"],
  run: async (context) => {
    const status = await clusterStatus(context);
    const { seeders } = status;
    if (context.json) {
      for (const seeder of seeders) await context.printJson(seeder);
      return;
    }
    if (seeders.length === 0) return context.note("no seeder has joined yet; see: join-code");
    const rows = seeders.map((seeder) => [
      visible(seeder.name),
      stateText(seeder, status),
      heardText(seeder),
      visible(seeder.zone),
      seeder.address,
      visible(seeder.trouble ?? ""),
    ]);
    const sides = ["left", "left", "right", "left", "left", "left"] as const;
    await context.print([
      ...tableOf([["SEEDER", "STATE", "HEARD", "ZONE", "ADDRESS", ""], ...rows], sides),
      "",
      ...verdictOf(status),
    ]);
  },
};

/** Its state, and what an administrator has said about it. */
function stateText(seeder: SeederView, { healing, nowMs }: ClusterStatus): string {
  const { seederId, state, writable, draining, maintenanceUntilMs } = seeder;
  const words: string[] = [state];
  if (!writable) words.push("read-only");
  if (draining) {
    const drain = healing.drains.find((each) => each.seederId === seederId);
    words.push(drain?.chunksLeft === 0 ? "drained" : "draining");
  }
  if (maintenanceUntilMs !== undefined) {
    words.push(`may be away ${durationText(Math.max(0, maintenanceUntilMs - nowMs))}`);
  }
  return words.join(", ");
}

export const df: Command = {
  spec: {
    name: "df",
    changes: "nothing",
    group: "Cluster",
    summary: "Show how full the seeders are.",
    details: "USED is what the seeder holds for the cluster, files found on it too; FREE\n" +
      "what it may still store.",
  },
  completes: ["nothing"],
  run: async (context) => {
    const { seeders, trash, oldVersions } = await clusterStatus(context);
    const here = seeders.filter((seeder) => seeder.state === "green" || seeder.state === "yellow");
    const total = here.reduce((sum, { space, chunkCount }) => ({
      totalBytes: sum.totalBytes + space.totalBytes,
      usedBytes: sum.usedBytes + space.usedBytes,
      freeBytes: sum.freeBytes + space.freeBytes,
      chunkCount: sum.chunkCount + chunkCount,
    }), { totalBytes: 0, usedBytes: 0, freeBytes: 0, chunkCount: 0 });
    if (context.json) {
      for (const { name, state, space, chunkCount } of seeders) {
        await context.printJson({ name, state, ...space, chunkCount });
      }
      await context.printJson({ name: null, seeders: here.length, ...total });
      await context.printJson({ name: "trash", ...trash });
      return await context.printJson({ name: "versions", ...oldVersions });
    }
    const rows = seeders.map(({ name, state, space, chunkCount }) => [
      visible(name),
      state,
      ...spaceCells(space),
      String(chunkCount),
    ]);
    const lines = tableOf(
      [
        ["SEEDER", "STATE", "DISK", "USED", "FREE", "FULL", "CHUNKS"],
        ...rows,
        [`${here.length} here`, "", ...spaceCells(total), String(total.chunkCount)],
      ],
      ["left", "left", "right", "right", "right", "right", "right"],
    );
    await context.print([
      ...lines,
      `trash: ${trashText(trash)}`,
      `earlier versions: ${oldVersionsText(oldVersions)}`,
    ]);
  },
};

/** `3, 12 MiB of at most 50 GiB`. */
export function oldVersionsText(
  { versions, fileBytes, bytesMax }: ClusterStatus["oldVersions"],
): string {
  return `${versions}, ${sizeText(fileBytes)} of at most ${sizeText(bytesMax)}`;
}

/** `3 files, 12 MiB of at most 50 GiB, oldest purged after 30 d 0 h`. */
export function trashText({ files, fileBytes, bytesMax, keepMs }: ClusterStatus["trash"]): string {
  return `${count(files, "file")}, ${sizeText(fileBytes)} of at most ${sizeText(bytesMax)}, ` +
    `purged after ${durationText(keepMs)}`;
}

function spaceCells(space: { totalBytes: number; usedBytes: number; freeBytes: number }) {
  const room = space.usedBytes + space.freeBytes;
  const full = room === 0 ? "-" : `${Math.round(100 * space.usedBytes / room)} %`;
  return [sizeText(space.totalBytes), sizeText(space.usedBytes), sizeText(space.freeBytes), full];
}

/** One question without patience: whoever asks for a ping wants to know how it is now. */
const pingMs = 3_000;

interface Answer {
  readonly name: string;
  readonly address: string;
  readonly ms?: number;
  readonly fault?: Fault;
}

export const ping: Command = {
  spec: {
    name: "ping",
    changes: "nothing",
    group: "Cluster",
    summary: "Ask the tracker and every seeder for a sign of life.",
  },
  completes: ["nothing"],
  run: async (context) => {
    const { trackerAddress } = await context.access();
    const tracker = connect(trackerRoutes, trackerAddress, context.transport, "the tracker");
    const first = await timed(
      context,
      "tracker",
      trackerAddress,
      (signal) => tracker.health({}, { signal }),
    );
    await tell(context, first);
    if (first.fault !== undefined) return;
    const { seeders } = await clusterStatus(context);
    const answers = await Promise.all(seeders.map((seeder) => {
      const { name, address } = seeder;
      const connection = connect(seederRoutes, address, context.transport, name);
      return timed(context, name, address, (signal) => connection.health({}, { signal }));
    }));
    for (const answer of answers) await tell(context, answer);
  },
};

async function timed(
  context: CommandContext,
  name: string,
  address: string,
  ask: (signal: AbortSignal) => Promise<unknown>,
): Promise<Answer> {
  const startMs = context.clock.now();
  const code = name === "tracker" ? "tracker-unreachable" : "seeder-unreachable";
  const late = () =>
    new Fault(code, `${name} at ${address} did not answer within ${durationText(pingMs)}`);
  try {
    await withDeadline(context.clock, pingMs, context.signal, late, ask);
    return { name, address, ms: context.clock.now() - startMs };
  } catch (error) {
    context.signal.throwIfAborted();
    const { message, cause } = asFault(error);
    return { name, address, fault: new Fault(code, message, { cause }) };
  }
}

async function tell(context: CommandContext, answer: Answer): Promise<void> {
  const { name, address, ms, fault } = answer;
  if (fault !== undefined) context.report(fault);
  if (context.json) {
    const outcome = fault === undefined ? { ok: true, ms } : { ok: false, code: fault.code };
    return await context.printJson({ name, address, ...outcome });
  }
  if (ms !== undefined) {
    const time = ms < 1 ? "< 1 ms" : `${ms} ms`;
    await context.print(`${visible(name).padEnd(16)} ${time.padStart(8)}  ${address}`);
  }
}
