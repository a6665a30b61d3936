import assert from "node:assert/strict";
import { adoptedLines, adoptedText } from "../../../../roles/client/commands/adopted.ts";
import { openClientWorld } from "../client_world.ts";

const report = {
  state: "indexing" as const,
  filesFound: 5300,
  filesIndexed: 1204,
  bytesIndexed: 12 * 2 ** 30,
  filesWaiting: 0,
  leftOutCount: 0,
  leftOut: [],
};

Deno.test("adoptedText says how far a seeder is and what to look at", () => {
  assert.equal(
    adoptedText({ files: 1204, clashes: 3, report }),
    "adopting: 1,204 of about 5,300 files, 12 GiB; 3 names clashed",
  );
  const resting = { ...report, state: "resting" as const, filesIndexed: 5300, leftOutCount: 2 };
  assert.equal(
    adoptedText({ files: 5300, clashes: 0, report: resting }),
    "5,300 files in place, 12 GiB; 2 left out",
  );
  assert.match(
    adoptedText({ files: 1, clashes: 1, report: { ...resting, filesWaiting: 300 } }),
    /^adopting: 5,000 of about 5,300 files, 12 GiB; 1 name clashed; 2 left out$/,
  );
  assert.match(
    adoptedText({ files: 0, clashes: 0, report: { ...report, state: "off" } }),
    /^switc/,
  );
  assert.match(
    adoptedText({ files: 0, clashes: 0, report: { ...report, state: "waiting" } }),
    /^no/,
  );
  const young = { ...resting, filesFound: 2, filesIndexed: 0, bytesIndexed: 0, leftOutCount: 0 };
  assert.equal(adoptedText({ files: 0, clashes: 0, report: young }), "0 of 2 files in place, 0 B");
  assert.equal(
    adoptedText({ files: 0, clashes: 0, report: { ...young, filesFound: 0 } }),
    "no files found",
  );
  assert.equal(adoptedText({ files: 0, clashes: 0 }), "not heard yet");
  assert.equal(adoptedText({ files: 7, clashes: 0 }), "7 files adopted");
});

Deno.test("adoptedLines passes over seeders without files", () => {
  const empty = { ...report, filesFound: 0, filesIndexed: 0, bytesIndexed: 0 };
  const base = { files: 0, clashes: 0 };
  const seeders = [
    { name: "seeder-1" },
    { name: "seeder-2", adopted: { ...base, report: empty } },
    { name: "seeder-3", adopted: { ...base, files: 1, report } },
  ] as unknown as Parameters<typeof adoptedLines>[0];
  assert.deepEqual(adoptedLines(seeders).map((line) => line.split(":")[0]), ["seeder-3"]);
});

Deno.test("adopted lists every seeder or one of them, from words to exit code", async () => {
  await using world = await openClientWorld(2);
  const shown = await world.run(["adopted"]);
  assert.equal(shown.code, 0, shown.error);
  assert.match(shown.output, /^seeder-1 +\S.*\nseeder-2 +\S/);
  const [one, ...others] = (await world.run(["adopted", "seeder-2", "--json"])).json();
  assert.deepEqual([one?.["name"], others.length], ["seeder-2", 0]);
  assert.equal((await world.run(["adopted", "nobody"])).code, 3);
});
