import assert from "node:assert/strict";
import fc from "fast-check";
import { ClusterStatus } from "../../../../protocol/mod.ts";
import {
  clusterStates,
  problemsOf,
  stateOf,
  verdictOf,
} from "../../../../roles/client/commands/verdict.ts";

function clusterOf(
  changes: Partial<ClusterStatus>,
  states: readonly string[] = ["green", "green"],
) {
  return ClusterStatus.parse({
    clusterId: "0".repeat(16),
    epoch: 1,
    version: "1",
    nowMs: 0,
    upSinceMs: 0,
    authority: { state: "ruling" },
    seeders: states.map((state, i) => ({
      seederId: String(i).repeat(16),
      name: `s-${i}`,
      zone: `z-${i}`,
      address: `http://s-${i}:1`,
      state,
      silentMs: 0,
      writable: true,
      space: { totalBytes: 10, freeBytes: 5, usedBytes: 5 },
      chunkCount: 1,
      draining: false,
    })),
    outsiders: [],
    files: 0,
    directories: 0,
    links: 0,
    fileBytes: 0,
    chunks: 0,
    trash: {
      entries: 0,
      files: 0,
      directories: 0,
      links: 0,
      fileBytes: 0,
      keepMs: 1,
      bytesMax: 1,
    },
    oldVersions: { versions: 0, fileBytes: 0, bytesMax: 1 },
    chunksAtRisk: 0,
    chunksUnavailable: 0,
    uploadsOpen: 0,
    logSequence: 0,
    log: { keepers: [], mode: "auto", isWeak: false },
    copiesDefault: 2,
    healing: {
      pace: "normal",
      copying: 0,
      moving: false,
      bytesPerSecond: 0,
      secondsLeft: 0,
      setAsideCount: 0,
      setAside: [],
      stuck: [],
      drains: [],
    },
    ...changes,
  });
}

Deno.test("problemsOf finds nothing in a sound cluster", () => {
  assert.deepEqual(problemsOf(clusterOf({})), []);
});

Deno.test("problemsOf names what is wrong, worst first, each with what to do", () => {
  const whats = (status: ClusterStatus) => problemsOf(status).map(({ what }) => what);
  assert.deepEqual(whats(clusterOf({ chunksAtRisk: 3, chunksUnavailable: 1 }, ["green", "red"])), [
    "1 chunk cannot be read: no seeder that answers holds a copy",
    "2 chunks with fewer copies than wanted",
    "1 seeder for 2 copies of each file",
    "s-1 is silent (red, heard 0 ms ago)",
  ]);
  assert.deepEqual(whats(clusterOf({}, ["green", "green", "away"])), ["s-2 signed out"]);
  assert.deepEqual(whats(clusterOf({}, [])), ["0 seeders for 2 copies of each file"]);
});

Deno.test("problemsOf names the ways to room on a full disk that there are", () => {
  const [seeder] = clusterOf({}).seeders;
  assert(seeder !== undefined);
  const full = { ...seeder, space: { totalBytes: 10, freeBytes: 0, usedBytes: 10 } };
  const { trash } = clusterOf({});
  const nextOf = (changes: Partial<ClusterStatus>) => {
    const status = { ...clusterOf(changes), seeders: [full, full] };
    return problemsOf(status)[0]?.next;
  };
  assert.equal(nextOf({}), "remove files; or add a seeder: join-code");
  const oldVersions = { versions: 1, fileBytes: 1, bytesMax: 1 };
  assert.match(
    nextOf({ oldVersions }) ?? "",
    /^give up earlier versions: versions empty \/; or add/,
  );
  const both = nextOf({ oldVersions, trash: { ...trash, fileBytes: 1 } }) ?? "";
  assert.match(both, /^empty the trash: trash empty; or give up/);
});

Deno.test("problemsOf tells what is being mended and what cannot be", () => {
  const sound = clusterOf({}).healing;
  const healing = { ...sound, copying: 2 };
  const [mended] = problemsOf(clusterOf({ chunksAtRisk: 3, healing }, ["green", "green", "red"]));
  assert.match(mended?.next ?? "", /^nothing: they are being copied/);
  const why = "1 of 2 copies: no other seeder can take a copy now";
  const stuck = [{ chunks: 4, copies: 0, why: "0 of 2 copies" }, { chunks: 3, copies: 1, why }];
  const [, told] = problemsOf(clusterOf({ chunksAtRisk: 3, healing: { ...sound, stuck } }));
  assert.equal(told?.what, `3 chunks cannot be copied now: ${why}`);
  assert.match(told?.next ?? "", /join-code/);
});

Deno.test("problemsOf says all is well only when every chunk has its copies", () => {
  const state = fc.constantFrom("green", "yellow", "red", "away");
  fc.assert(fc.property(
    fc.array(state, { maxLength: 5 }),
    fc.nat(3),
    fc.nat(3),
    (states, atRisk, unavailable) => {
      const changes = { chunksAtRisk: atRisk + unavailable, chunksUnavailable: unavailable };
      const problems = problemsOf(clusterOf(changes, states));
      const sound = atRisk + unavailable === 0 && states.length >= 2 &&
        states.every((one) => one === "green");
      assert.equal(problems.length === 0, sound);
      for (const { what, next } of problems) assert(what !== "" && next !== "");
    },
  ));
});

Deno.test("the first word is the worst of what is wrong, out of a closed list", () => {
  const { healing } = clusterOf({});
  const told = { why: "of this", next: "see: status" };
  const authority = (state: ClusterStatus["authority"]["state"]) => ({
    authority: { state, ...told },
  });
  const cases: [string, ClusterStatus][] = [
    ["well", clusterOf({})],
    ["troubled", clusterOf({}, ["green", "green", "away"])],
    ["healing", clusterOf({ chunksAtRisk: 3, healing: { ...healing, copying: 1 } })],
    ["at-risk", clusterOf({ chunksAtRisk: 3 }, ["green", "green", "red"])],
    ["at-risk", clusterOf({}, ["green"])],
    ["proving", clusterOf(authority("proving"))],
    ["stopped", clusterOf({ chunksAtRisk: 3, ...authority("stopped") })],
    [
      "unavailable",
      clusterOf({ chunksAtRisk: 3, chunksUnavailable: 1, ...authority("stopped") }),
    ],
    ["fenced", clusterOf({ chunksAtRisk: 3, chunksUnavailable: 1, ...authority("fenced") })],
  ];
  for (const [state, status] of cases) {
    const problems = problemsOf(status);
    assert.equal(stateOf(problems), state);
    assert.match(verdictOf(problems)[0] ?? "", new RegExp(`^${state}: `));
  }
  assert.deepEqual(new Set(cases.map(([state]) => state)), new Set(clusterStates));
});

Deno.test("problemsOf names a seeder that answers for what it does not have", () => {
  const status = clusterOf({ nowMs: 90_000 });
  const seeders = status.seeders.map((seeder, i) =>
    i === 0 ? seeder : { ...seeder, falseAnswers: { chunks: 3, lastMs: 30_000 } }
  );
  const [problem, ...others] = problemsOf({ ...status, seeders });
  assert.deepEqual(others, []);
  assert.match(problem?.what ?? "", /^s-1 said that it holds 3 chunks and did not have the bytes/);
  assert.match(problem?.next ?? "", /forget s-1 --now$/);
});

Deno.test("problemsOf advises to mount the disk of a seeder that lost it, and to empty nothing", () => {
  for (const state of ["green", "yellow", "red"] as const) {
    const status = clusterOf({}, [state, "green"]);
    const [one, two] = status.seeders;
    assert(one && two);
    const space = { totalBytes: 10, freeBytes: 0, usedBytes: 5 };
    const gone = { diskGone: true as const, writable: false, trouble: "/disk is gone", space };
    const problems = problemsOf({ ...status, seeders: [{ ...one, ...gone }, two] });
    const about = problems.filter(({ what }) => what.startsWith("s-0 "));
    assert.equal(about.length, 1);
    assert.equal(about[0]?.what, "s-0 has no disk: /disk is gone");
    assert.match(about[0]?.next ?? "", /mount it again where it was/);
    assert(problems.every(({ next }) => !next.includes("trash") && !next.includes("remove")));
  }
});
