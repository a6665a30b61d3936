/** How many copies a commit needs, as a table. */
import assert from "node:assert/strict";
import { SeederId, type SeederState } from "../../../../protocol/mod.ts";
import { isLive, neededCopies } from "../../../../roles/tracker/plan/view.ts";

/** g, y, r, a: a writable seeder in that state; G: green but not writable. */
function view(text: string) {
  const states: Record<string, SeederState> = { g: "green", y: "yellow", r: "red", a: "away" };
  const seeders = [...text].map((letter, i) => ({
    seederId: SeederId.parse(i.toString(16).padStart(16, "0")),
    zone: String(i),
    state: states[letter.toLowerCase()] ?? "red",
    writable: letter !== "G",
    totalBytes: 1,
    freeBytes: 1,
  }));
  return { nowMs: 0, seeders };
}

Deno.test("neededCopies lowers what was asked for only as far as promised", () => {
  const table: [string, number, number][] = [
    ["ggg", 2, 2],
    ["ggg", 1, 1],
    ["ggg", 3, 3],
    ["ggg", 5, 3],
    ["ggr", 3, 2],
    ["gyr", 3, 2],
    ["grr", 3, 2],
    ["grr", 2, 2],
    ["grr", 1, 1],
    ["gaa", 2, 2],
    ["rrr", 2, 2],
    ["g", 2, 1],
    ["r", 2, 1],
    ["gG", 2, 2],
    ["ggG", 3, 2],
    ["", 2, 1],
  ];
  for (const [seeders, wanted, needed] of table) {
    assert.equal(neededCopies(view(seeders), wanted), needed, `${seeders} ${wanted}`);
  }
});

Deno.test("isLive counts green and yellow", () => {
  const states: SeederState[] = ["green", "yellow", "red", "away"];
  assert.deepEqual(states.map(isLive), [true, true, false, false]);
});
