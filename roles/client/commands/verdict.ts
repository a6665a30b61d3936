/**
 * Whether all is well, and if not, what is wrong and what to do: the same words under every screen
 * about the cluster.
 */
import { type ClusterStatus, limits, type SeederView } from "../../../protocol/mod.ts";
import { count, durationText, visible } from "../terminal/wording.ts";

/** The one word for all of it, the worst first, and what it means. */
const states = {
  "fenced": "this tracker shows an earlier time, for a later log exists",
  "unavailable": "some data cannot be read now",
  "stopped": "nothing is given up until somebody confirms",
  "at-risk": "some data has fewer copies than wanted, or will",
  "healing": "copies that were lost are being made again",
  "troubled": "something needs a look",
  "proving": "the tracker has just started, and waits for word that its log is the latest",
  "well": "all is as it should be",
} as const;
export type ClusterState = keyof typeof states;
export const clusterStates = Object.keys(states) as ClusterState[];

/** The worst of what is not as it should be. */
export function stateOf(problems: readonly StatusProblem[]): ClusterState {
  return clusterStates.find((state) => problems.some((problem) => problem.state === state)) ??
    "well";
}

/** Lines for a person; the first word of the first is the state. */
export function verdictOf(problems: readonly StatusProblem[]): string[] {
  const state = stateOf(problems);
  return [
    `${state}: ${states[state]}`,
    ...problems.flatMap(({ what, next }) => [`! ${what}`, `    next: ${next}`]),
  ];
}

/** `4 s ago`, in the tracker's time. */
export function heardText(seeder: SeederView): string {
  if (seeder.state === "away") return "signed out";
  return seeder.silentMs === null ? "never" : `${durationText(seeder.silentMs)} ago`;
}

export interface StatusProblem {
  readonly state: Exclude<ClusterState, "well">;
  readonly what: string;
  readonly next: string;
}

/** What is not as it should be, worst first. */
export function problemsOf(status: ClusterStatus): StatusProblem[] {
  const problems: StatusProblem[] = authorityProblems(status);
  const here = status.seeders.filter(({ state }) => state === "green" || state === "yellow");
  const gone = status.seeders.filter(({ state }) => state === "red" || state === "away");
  if (status.chunksUnavailable > 0) {
    const names = gone.map((seeder) => visible(seeder.name)).join(", ");
    problems.push({
      state: "unavailable",
      what: `${count(status.chunksUnavailable, "chunk")} cannot be read: no seeder that answers ` +
        "holds a copy",
      next: gone.length > 0 ? `bring back ${names}` : "look into the logs of the seeders",
    });
  }
  const thin = status.chunksAtRisk - status.chunksUnavailable;
  if (thin > 0) {
    problems.push({
      state: status.healing.copying > 0 ? "healing" : "at-risk",
      what: `${count(thin, "chunk")} with fewer copies than wanted`,
      next: status.healing.copying > 0
        ? "nothing: they are being copied; how far: status"
        : gone.length > 0
        ? "start the seeders named here again, or add others: join-code"
        : "add a seeder: join-code",
    });
  }
  problems.push(...healingProblems(status));
  if (here.length < status.copiesDefault) {
    problems.push({
      state: "at-risk",
      what: `${count(here.length, "seeder")} for ` +
        `${count(status.copiesDefault, "copy", "copies")} of each file`,
      next: "add seeders: join-code",
    });
  }
  for (const seeder of status.seeders) {
    const name = visible(seeder.name);
    const trouble = seeder.trouble === undefined ? "" : `: ${visible(seeder.trouble)}`;
    if (seeder.maintenanceUntilMs !== undefined && seeder.state !== "green") continue;
    if (seeder.diskGone === true) {
      problems.push({
        state: "troubled",
        what: `${name} has no disk${trouble}`,
        next: "mount it again where it was, and the seeder goes on by itself; where it is lost, " +
          "its copies are made again from others",
      });
    } else if (seeder.state === "red" || seeder.state === "yellow") {
      problems.push({
        state: "troubled",
        what: `${name} is silent (${seeder.state}, heard ${heardText(seeder)})`,
        next: `check that it runs at ${seeder.address}`,
      });
    } else if (seeder.state === "away") {
      problems.push({
        state: "troubled",
        what: `${name} signed out`,
        next: "start it again when it is needed",
      });
    } else if (!seeder.writable) {
      problems.push({
        state: "troubled",
        what: `${name} takes no data${trouble}`,
        next: "check its disk; what it holds can still be read",
      });
    } else if (seeder.space.freeBytes === 0) {
      problems.push({ state: "troubled", what: `${name} is full`, next: roomText(status) });
    }
    if (seeder.falseAnswers !== undefined) {
      const { chunks, lastMs } = seeder.falseAnswers;
      problems.push({
        state: "troubled",
        what: `${name} said that it holds ${count(chunks, "chunk")} and did not have the bytes, ` +
          `the last time ${durationText(Math.max(0, status.nowMs - lastMs))} ago: nothing more ` +
          "is stored there",
        next: `do not trust that machine; put it out: forget ${name} --now`,
      });
    }
    problems.push(...diskProblems(seeder, status.nowMs));
  }
  for (const { name, standing } of status.outsiders) {
    if (standing !== "pending") continue;
    problems.push({
      state: "troubled",
      what: `${visible(name)} waits to be taken in`,
      next: `look who it is, then: seeders accept ${visible(name)}`,
    });
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
      state: "troubled",
      what: `${name} cannot read ${count(scrub.unreadableChunks, "chunk")} of its disk`,
      next: "replace the disk soon; the log of the seeder names the chunks",
    });
  }
  if (scrub.corruptMs > 0 && agoMs < corruptToldMs) {
    problems.push({
      state: "troubled",
      what: `${name} had ${count(scrub.corruptChunks, "corrupt copy", "corrupt copies")}, the ` +
        `latest found ${durationText(Math.max(0, agoMs))} ago and set aside`,
      next: "test its disk and memory; the copies are made again from good ones",
    });
  }
  if (scrub.verifiedMs !== null && nowMs - scrub.verifiedMs > limits.scrubAgeMaxMs) {
    problems.push({
      state: "troubled",
      what: `${name} was not wholly read again for ${durationText(nowMs - scrub.verifiedMs)}`,
      next: `type: scrub --now ${name}`,
    });
  }
  return problems;
}

function authorityProblems({ authority }: ClusterStatus): StatusProblem[] {
  const { state, why = "", next = "" } = authority;
  if (state === "ruling") return [];
  const what = state === "proving"
    ? "the tracker has just started and gives nothing up yet"
    : state === "stopped"
    ? "the tracker gives nothing up"
    : "the tracker shows an earlier time and changes nothing";
  return [{ state, what: `${what}: ${visible(why)}`, next }];
}

function healingProblems({ healing }: ClusterStatus): StatusProblem[] {
  const problems: StatusProblem[] = [];
  const { setAside, setAsideCount, stuck } = healing;
  for (const { chunks, copies, why } of stuck) {
    // Those without any copy are what the first line is about.
    if (copies === 0) continue;
    problems.push({
      state: "at-risk",
      what: `${count(chunks, "chunk")} cannot be copied now: ${visible(why)}`,
      next: "add a seeder: join-code; or ask for fewer copies: policy DIRECTORY COPIES",
    });
  }
  if (setAsideCount > 0) {
    const first = setAside[0];
    const why = first === undefined ? "" : `, ${first.chunkId.slice(0, 12)}: ${visible(first.why)}`;
    problems.push({
      state: "at-risk",
      what: `${count(setAsideCount, "chunk")} set aside, tried again by itself${why}`,
      next: "look into the logs of the seeders named; all of them: status --json",
    });
  }
  return problems;
}
