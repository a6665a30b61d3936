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
import { SizeText } from "../../kit/config.ts";
import { seederCalled } from "../cluster/seeder_names.ts";
import { shownId } from "../cluster/typed_ids.ts";
import { type Command, type CommandContext, humanReadable } from "../command.ts";
import { tableOf } from "../terminal/table.ts";
import { count, durationText, sizeText, visible } from "../terminal/wording.ts";
import { usableBytes } from "../plan/usable.ts";
import { heardText, problemsOf, verdictOf } from "./verdict.ts";

async function clusterStatus(context: CommandContext) {
  const { session } = await context.access();
  return await session.tracker.status({}, { signal: context.signal });
}

export const seeders: Command = {
  spec: {
    name: "seeders",
    changes: "cluster",
    group: "Cluster",
    summary: "List the seeders, or accept one, with its disk and its zone.",
    details: "green: heard lately; yellow: silent, nothing new is sent to it; red: its copies\n" +
      "count as missing; away: it signed out; pending: it joined with a code that leaves it to\n" +
      "you, and has nothing to do with your files before you accept it. Of a seeder's disk as\n" +
      "much counts as was accepted, by its join code or here.",
    usage: "[accept SEEDER]",
    arguments: [
      { name: "action", summary: "accept", optional: true },
      { name: "seeder", summary: "a seeder's name, or its id (@7e104)", optional: true },
    ],
    options: [
      { name: "capacity", value: "size", summary: "so much of its disk, such as 2T (all of it)" },
      { name: "zone", value: "name", summary: "what it fails together with (as it says)" },
    ],
    examples: ["seeders", "seeders accept seeder-4", "seeders accept @5eed0 --capacity 2T"],
  },
  completes: ["nothing"],
  run: async (context) => {
    if (context.run.word("action") !== undefined) return await acceptSeeder(context);
    const status = await clusterStatus(context);
    const { seeders, outsiders } = status;
    const problems = problemsOf(status);
    if (problems.length > 0) context.endBadly();
    if (context.json) {
      for (const seeder of [...seeders, ...outsiders]) await context.printJson(seeder);
      return;
    }
    if (seeders.length + outsiders.length === 0) {
      return context.note("no seeder has joined yet; see: join-code");
    }
    const rows = seeders.map((seeder) => [
      visible(seeder.name),
      stateText(seeder, status),
      heardText(seeder),
      visible(seeder.zone),
      seeder.address,
      visible(seeder.trouble ?? ""),
    ]);
    const others = outsiders.map((each) => [
      visible(each.name),
      each.standing,
      each.silentMs === null ? "never" : `${durationText(each.silentMs)} ago`,
      visible(each.zone),
      each.address,
      shownId(each.seederId),
    ]);
    const sides = ["left", "left", "right", "left", "left", "left"] as const;
    const head = ["SEEDER", "STATE", "HEARD", "ZONE", "ADDRESS", ""];
    await context.print([
      ...tableOf([head, ...rows, ...others], sides),
      "",
      ...acceptable(status),
      ...verdictOf(problems),
    ]);
  },
};

/** What waits for a person's word. */
function acceptable({ seeders, outsiders }: ClusterStatus): string[] {
  const waiting = outsiders.filter(({ standing }) => standing === "pending").map((each) =>
    `${visible(each.name)} waits to be taken in, with ${sizeText(each.capacityBytes)}`
  );
  const changed = seeders.flatMap(({ name, asks, space }) => {
    if (asks === undefined) return [];
    const { zone, capacityBytes } = asks;
    const more = capacityBytes === undefined ? [] : [
      `${visible(name)} has ${sizeText(capacityBytes)}, of which ${
        sizeText(space.totalBytes)
      } count`,
    ];
    return zone === undefined
      ? more
      : [...more, `${visible(name)} says that it is in zone ${visible(zone)} now`];
  });
  const lines = [...waiting, ...changed];
  return lines.length === 0 ? [] : [...lines, "    next: seeders accept SEEDER", ""];
}

async function acceptSeeder(context: CommandContext): Promise<void> {
  const { run } = context;
  const [action, word] = [run.word("action") ?? "", run.word("seeder")];
  if (action !== "accept" || word === undefined) {
    throw new Fault("usage", `${visible(action)} is nothing to do with a seeder`, {
      next: "type: seeders accept SEEDER",
    });
  }
  const size = run.text("capacity");
  const capacity = size === undefined ? undefined : SizeText.safeParse(size);
  if (capacity?.success === false) {
    throw new Fault("usage", `"${visible(size ?? "")}" is no size`, { next: "type one like 2T" });
  }
  const zone = run.text("zone");
  const { seeders, outsiders } = await clusterStatus(context);
  const { seederId } = seederCalled([...seeders, ...outsiders], word);
  const seeder = [...seeders, ...outsiders].find((each) => each.seederId === seederId);
  const { session } = await context.access();
  const request = {
    seederId,
    ...(capacity === undefined ? {} : { capacityBytes: capacity.data }),
    ...(zone === undefined ? {} : { zone }),
  };
  const reply = await session.tracker.acceptSeeder(request, { signal: context.signal });
  const named = { name: seeder?.name ?? "", address: seeder?.address ?? "" };
  if (context.json) return await context.printJson({ seederId, ...named, ...reply });
  const sides = ["left", "left", "left", "left", "left", "right"] as const;
  const rowOf = (when: string, { standing, zone, capacityBytes }: typeof reply.now) => [
    ...[when, visible(named.name), named.address, standing, visible(zone)],
    sizeText(capacityBytes),
  ];
  await context.print(tableOf([
    ["", "SEEDER", "ADDRESS", "STATE", "ZONE", "DISK"],
    rowOf("before", reply.before),
    rowOf("now", reply.now),
  ], [...sides]));
}

/** Its state, and what an administrator has said about it. */
function stateText(seeder: SeederView, { healing, nowMs }: ClusterStatus): string {
  const { seederId, state, writable, draining, maintenanceUntilMs } = seeder;
  const words: string[] = [state];
  if (!writable) words.push("read-only");
  if (draining) {
    const drain = healing.drains.find((each) => each.seederId === seederId);
    const isDone = drain?.chunksLeft === 0 && drain.chunksUnproved === 0;
    words.push(isDone ? "drained" : "draining");
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
      "what it may still store. Seeders on one disk each tell all that is free on it.",
    options: [humanReadable],
  },
  completes: ["nothing"],
  run: async (context) => {
    const status = await clusterStatus(context);
    const { seeders, trash, oldVersions } = status;
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
      freeText(status),
      `trash: ${trashText(trash)}`,
      `earlier versions: ${oldVersionsText(oldVersions)}`,
    ]);
  },
};

/** `756 GiB free, room for 378 GiB of files in 2 copies`; a shared disk counts for each seeder. */
export function freeText({ seeders, copiesDefault }: ClusterStatus): string {
  const able = seeders.filter(({ state, writable }) => state === "green" && writable)
    .map(({ space }) => space.freeBytes);
  const free = able.reduce((sum, bytes) => sum + bytes, 0);
  const copies = Math.max(1, Math.min(copiesDefault, able.length));
  return `${sizeText(free)} free, room for ${sizeText(usableBytes(able, copies))} of files in ` +
    count(copies, "copy", "copies");
}

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
