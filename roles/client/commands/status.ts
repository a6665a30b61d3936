/** `status`: the cluster on one screen: all is well, or what is wrong and what to do about it. */
import { type ClusterStatus, limits, type SeederView } from "../../../protocol/mod.ts";
import type { Command } from "../command.ts";
import { tableOf } from "../table.ts";
import { count, durationText, rateText, sizeText, verifiedText, visible } from "../wording.ts";
import { heardText, oldVersionsText, trashText } from "./cluster.ts";

export const status: Command = {
  spec: {
    name: "status",
    group: "Cluster",
    summary: "Say whether all is well, and what to do where it is not.",
  },
  completes: ["nothing"],
  run: async (context) => {
    const { session, trackerAddress, user } = await context.access();
    const reply = await session.tracker.status({}, { signal: context.signal });
    const problems = problemsOf(reply);
    if (context.json) {
      return await context.printJson({ ...reply, healthy: problems.length === 0, problems });
    }
    await context.print([
      ...problems.length === 0
        ? ["All is well."]
        : problems.flatMap(({ what, next }) => [`! ${what}`, `    next: ${next}`]),
      "",
      ...tableOf(factsOf(reply, trackerAddress, user), ["left", "left"]),
    ]);
  },
};

export interface StatusProblem {
  readonly what: string;
  readonly next: string;
}

/** What is not as it should be, worst first. */
export function problemsOf(status: ClusterStatus): StatusProblem[] {
  const problems: StatusProblem[] = [];
  const here = status.seeders.filter(({ state }) => state === "green" || state === "yellow");
  const gone = status.seeders.filter(({ state }) => state === "red" || state === "away");
  if (status.chunksUnavailable > 0) {
    const names = gone.map((seeder) => visible(seeder.name)).join(", ");
    problems.push({
      what: `${count(status.chunksUnavailable, "chunk")} cannot be read: no seeder that answers ` +
        "holds a copy",
      next: gone.length > 0 ? `bring back ${names}` : "look into the logs of the seeders",
    });
  }
  const thin = status.chunksAtRisk - status.chunksUnavailable;
  if (thin > 0) {
    problems.push({
      what: `${count(thin, "chunk")} with fewer copies than wanted`,
      next: gone.length > 0
        ? "start the seeders named here again, or add others: join-code"
        : "add a seeder: join-code",
    });
  }
  problems.push(...healingProblems(status));
  if (here.length < status.copiesDefault) {
    problems.push({
      what: `${count(here.length, "seeder")} for ` +
        `${count(status.copiesDefault, "copy", "copies")} of each file`,
      next: "add seeders: join-code",
    });
  }
  for (const seeder of status.seeders) {
    const name = visible(seeder.name);
    const trouble = seeder.trouble === undefined ? "" : `: ${visible(seeder.trouble)}`;
    if (seeder.maintenanceUntilMs !== undefined && seeder.state !== "green") continue;
    if (seeder.state === "red" || seeder.state === "yellow") {
      problems.push({
        what: `${name} is silent (${seeder.state}, heard ${heardText(seeder)})`,
        next: `check that it runs at ${seeder.address}`,
      });
    } else if (seeder.state === "away") {
      problems.push({ what: `${name} signed out`, next: "start it again when it is needed" });
    } else if (!seeder.writable) {
      problems.push({
        what: `${name} takes no data${trouble}`,
        next: "check its disk; what it holds can still be read",
      });
    } else if (seeder.space.freeBytes === 0) {
      problems.push({ what: `${name} is full`, next: roomText(status) });
    }
    problems.push(...diskProblems(seeder, status.nowMs));
  }
  return problems;
}

/** How to come to room on a full disk, the least painful first. */
function roomText({ trash, oldVersions }: ClusterStatus): string {
  const ways = [
    ...(trash.fileBytes > 0 ? ["empty the trash: trash empty"] : []),
    ...(oldVersions.fileBytes > 0 ? ["give up earlier versions: versions empty /"] : []),
    ...(trash.fileBytes + oldVersions.fileBytes === 0 ? ["remove files"] : []),
    "add a seeder: join-code",
  ];
  return ways.join("; or ");
}

/** So long a corrupt copy is told of: time enough to look after the disk. */
const corruptToldMs = 7 * 24 * 60 * 60_000;

/** What the scrub found. */
function diskProblems(seeder: SeederView, nowMs: number): StatusProblem[] {
  const { scrub } = seeder;
  if (scrub === undefined) return [];
  const problems: StatusProblem[] = [];
  const name = visible(seeder.name);
  const agoMs = nowMs - scrub.corruptMs;
  if (scrub.unreadableChunks > 0) {
    problems.push({
      what: `${name} cannot read ${count(scrub.unreadableChunks, "chunk")} of its disk`,
      next: "replace the disk soon; the log of the seeder names the chunks",
    });
  }
  if (scrub.corruptMs > 0 && agoMs < corruptToldMs) {
    problems.push({
      what: `${name} had ${count(scrub.corruptChunks, "corrupt copy", "corrupt copies")}, the ` +
        `latest found ${durationText(Math.max(0, agoMs))} ago and set aside`,
      next: "test its disk and memory; the copies are made again from good ones",
    });
  }
  if (scrub.verifiedMs !== null && nowMs - scrub.verifiedMs > limits.scrubAgeMaxMs) {
    problems.push({
      what: `${name} was not wholly read again for ${durationText(nowMs - scrub.verifiedMs)}`,
      next: `type: scrub --now ${name}`,
    });
  }
  return problems;
}

function healingProblems({ healing }: ClusterStatus): StatusProblem[] {
  const problems: StatusProblem[] = [];
  const { dropsStopped, setAside, setAsideCount } = healing;
  if (dropsStopped !== undefined) {
    problems.push({
      what: `no copy is given up: ${visible(dropsStopped.why)}`,
      next: "bring back what went, or confirm that it is lost: confirm-loss",
    });
  }
  if (setAsideCount > 0) {
    const first = setAside[0];
    const why = first === undefined ? "" : `, ${first.chunkId.slice(0, 12)}: ${visible(first.why)}`;
    problems.push({
      what: `${count(setAsideCount, "chunk")} set aside, tried again by itself${why}`,
      next: "look into the logs of the seeders named; all of them: status --json",
    });
  }
  return problems;
}

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
  for (const { seederId, chunksLeft, bytesLeft } of healing.drains) {
    const name = visible(seeders.find((each) => each.seederId === seederId)?.name ?? seederId);
    facts.push([
      "drain",
      chunksLeft === 0
        ? `${name} holds nothing that is not elsewhere ` +
          `${timesText(status.copiesDefault)}: switch it off`
        : `${name}: ${count(chunksLeft, "chunk")}, ${sizeText(bytesLeft)} left`,
    ]);
  }
  for (const { name, maintenanceUntilMs } of seeders) {
    if (maintenanceUntilMs === undefined) continue;
    const left = durationText(Math.max(0, maintenanceUntilMs - nowMs));
    facts.push(["maintenance", `${visible(name)} may be away for ${left}`]);
  }
  return facts;
}

function timesText(times: number): string {
  return times === 1 ? "once" : times === 2 ? "twice" : `${times} times`;
}

function factsOf(status: ClusterStatus, trackerAddress: string, user: string): string[][] {
  const green = status.seeders.filter((seeder) => seeder.state === "green").length;
  const free = status.seeders
    .filter((seeder) => seeder.state === "green" && seeder.writable)
    .reduce((sum, seeder) => sum + seeder.space.freeBytes, 0);
  const upMs = Math.max(0, status.nowMs - status.upSinceMs);
  return [
    [
      "tracker",
      `${trackerAddress}, up ${durationText(upMs)}, version ${visible(status.version)}`,
    ],
    ["cluster", `${status.clusterId}, you are ${visible(user)}`],
    ["seeders", `${green} of ${status.seeders.length} green, ${sizeText(free)} free`],
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
    ["scrub", scrubText(status)],
    ...(status.uploadsOpen > 0 ? [["uploads", `${status.uploadsOpen} under way`]] : []),
  ];
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
