/** `status`: the cluster on one screen: all is well, or what is wrong and what to do about it. */
import type { ClusterStatus } from "../../../protocol/mod.ts";
import type { Command } from "../command.ts";
import { tableOf } from "../terminal/table.ts";
import {
  count,
  durationText,
  rateText,
  sizeText,
  verifiedText,
  visible,
} from "../terminal/wording.ts";
import { adoptedLines } from "./adopted.ts";
import { freeText, oldVersionsText, trashText } from "./cluster.ts";
import { clusterStates, problemsOf, stateOf, verdictOf } from "./verdict.ts";

export const status: Command = {
  spec: {
    name: "status",
    changes: "nothing",
    group: "Cluster",
    summary: "Say whether all is well, and what to do where it is not.",
    details: `The first word is the state, one of: ${clusterStates.join(", ")}.\n` +
      "The exit code is 1 unless it is well.",
  },
  completes: ["nothing"],
  run: async (context) => {
    const { session, trackerAddress, user } = await context.access();
    const reply = await session.tracker.status({}, { signal: context.signal });
    const problems = problemsOf(reply);
    if (problems.length > 0) context.endBadly();
    if (context.json) {
      const state = stateOf(problems), healthy = problems.length === 0;
      return await context.printJson({ ...reply, state, healthy, problems });
    }
    await context.print([
      ...verdictOf(problems),
      "",
      ...tableOf(factsOf(reply, trackerAddress, user), ["left", "left"]),
    ]);
  },
};

/** What healing does now, what was announced, and how far drains are. */
function healingFacts(status: ClusterStatus): string[][] {
  const { healing, seeders, nowMs } = status;
  const { copying, moving, bytesPerSecond, secondsLeft } = healing;
  const facts: string[][] = [];
  if (copying > 0 || secondsLeft !== 0) {
    const left = secondsLeft === null || secondsLeft === 0
      ? ""
      : `, about ${durationText(secondsLeft * 1000)} left`;
    const what = moving ? "moving to better places" : "repairing";
    facts.push(["healing", `${what}, ${rateText(bytesPerSecond)}${left} (pace ${healing.pace})`]);
  }
  for (const drain of healing.drains) {
    const seeder = seeders.find(({ seederId }) => seederId === drain.seederId);
    facts.push(["drain", drainText(status, drain, visible(seeder?.name ?? drain.seederId))]);
  }
  for (const { name, maintenanceUntilMs } of seeders) {
    if (maintenanceUntilMs === undefined) continue;
    const left = durationText(Math.max(0, maintenanceUntilMs - nowMs));
    facts.push(["maintenance", `${visible(name)} may be away for ${left}`]);
  }
  return facts;
}

/** How far a drain is, or that it has ended. */
export function drainText(
  { healing, copiesDefault }: ClusterStatus,
  { chunksLeft, chunksUnproved, bytesLeft }: ClusterStatus["healing"]["drains"][number],
  name: string,
): string {
  if (chunksLeft === 0 && chunksUnproved > 0) {
    return `${name}: all is copied, ${count(chunksUnproved, "chunk")} still to be proved elsewhere`;
  }
  if (chunksLeft === 0) {
    return `${name} holds nothing that is not elsewhere ${timesText(copiesDefault)}: switch it off`;
  }
  const { secondsLeft } = healing;
  const left = secondsLeft === null ? "" : `, about ${durationText(secondsLeft * 1000)}`;
  return `${name}: ${count(chunksLeft, "chunk")}, ${sizeText(bytesLeft)} left${left}`;
}

function timesText(times: number): string {
  return times === 1 ? "once" : times === 2 ? "twice" : `${times} times`;
}

function factsOf(status: ClusterStatus, trackerAddress: string, user: string): string[][] {
  const green = status.seeders.filter((seeder) => seeder.state === "green").length;
  const upMs = Math.max(0, status.nowMs - status.upSinceMs);
  return [
    [
      "tracker",
      `${trackerAddress}, up ${durationText(upMs)}, version ${visible(status.version)}`,
    ],
    ["cluster", `${status.clusterId}, you are ${visible(user)}`],
    ["seeders", `${green} of ${status.seeders.length} green, ${freeText(status)}`],
    [
      "files",
      `${count(status.files, "file")}, ${sizeText(status.fileBytes)}, ` +
      `${count(status.directories, "directory", "directories")}, ` +
      count(status.links, "link"),
    ],
    ...(status.trash.entries > 0 ? [["trash", trashText(status.trash)]] : []),
    ...(status.oldVersions.versions > 0
      ? [["versions", `earlier ones: ${oldVersionsText(status.oldVersions)}`]]
      : []),
    [
      "chunks",
      `${status.chunks}, each in ${count(status.copiesDefault, "copy", "copies")} ` +
      "unless a policy differs",
    ],
    ...healingFacts(status),
    ["log", logText(status)],
    ["scrub", scrubText(status)],
    ...adoptedLines(status.seeders).map((line, i) => [i === 0 ? "adopted" : "", line]),
    ...(status.uploadsOpen > 0 ? [["uploads", `${status.uploadsOpen} under way`]] : []),
  ];
}

/** On how many disks a change is when a person hears that it is done. */
function logText({ log }: ClusterStatus): string {
  const kept = `kept by ${count(log.keepers.length, "seeder")} beside the tracker`;
  if (!log.isWeak) return kept;
  return log.mode === "local"
    ? `${kept}, and acknowledged by the tracker's disk alone (--log-sync local)`
    : `${kept}, too few: one lost disk can cost what is acknowledged now; more seeders mend it`;
}

/** Of the seeders that are here and hold something, the one that was read longest ago. */
function scrubText({ seeders, nowMs }: ClusterStatus): string {
  const holding = seeders.filter(({ state, chunkCount }) =>
    (state === "green" || state === "yellow") && chunkCount > 0
  );
  if (holding.length === 0) return "nothing held";
  const times = holding.map(({ scrub }) => scrub?.verifiedMs ?? null);
  const oldest = times.includes(null) ? null : Math.min(...times.map((ms) => ms ?? 0));
  return `every copy ${verifiedText(oldest, nowMs)}${oldest === null ? "" : " or later"}`;
}
