/**
 * The checker must bark: each kind of finding is made on purpose and must be found, and what is
 * right must pass. No cluster is needed for that.
 */
import assert from "node:assert/strict";
import { judge } from "./checker.ts";
import { bytesOf, chunkIdsOf, type Content, isContent } from "./content.ts";
import { Journal, readJournal } from "./journal.ts";
import { type JournalLine, ledgerOf, type Operation } from "./ledger.ts";

const one: Content = { number: 1, sizeBytes: 1000 }, two: Content = { number: 2, sizeBytes: 1000 };
const put = (path: string, content: Content): Operation => ({ kind: "put", path, content });

/** Lines of a journal: each operation with the word it ended with; undefined when none came. */
function lines(...steps: [Operation, "done" | "unknown" | undefined, number?][]): JournalLine[] {
  return steps.flatMap(([operation, word, trashId], id): JournalLine[] => [
    { word: "intent", id, operation },
    ...word === "done"
      ? [{ word, id, ...trashId === undefined ? {} : { trashId } }]
      : word === "unknown"
      ? [{ word, id }]
      : [],
  ]);
}

function verdict(journal: JournalLine[], there: Record<string, Content>) {
  const found = new Map(
    Object.entries(there).map(([path, content]) => [
      path,
      (asked: Content) => isContent(bytesOf(content), asked),
    ]),
  );
  const { lost, wrong, halfVisible } = judge(ledgerOf(journal), found);
  return [lost.length, wrong.length, halfVisible.length];
}

const fine = [0, 0, 0], lost = [1, 0, 0], wrong = [0, 1, 0], half = [0, 0, 1];
const a = put("/a", one);
const overwrite = put("/a", two);
const move: Operation = { kind: "move", from: "/a", to: "/b" };
const remove: Operation = { kind: "remove", path: "/a", now: false };
const restore: Operation = { kind: "restore", path: "/a", trashId: 7 };

const cases: [string, JournalLine[], Record<string, Content>, number[]][] = [
  ["an acknowledged file", lines([a, "done"]), { "/a": one }, fine],
  ["one that is gone", lines([a, "done"]), {}, lost],
  ["other bytes", lines([a, "done"]), { "/a": two }, wrong],
  ["fewer bytes", lines([a, "done"]), { "/a": { number: 1, sizeBytes: 999 } }, wrong],
  ["a file nobody put", lines([a, "done"]), { "/a": one, "/x": two }, half],
  ["the newest content", lines([a, "done"], [overwrite, "done"]), { "/a": two }, fine],
  ["an older content", lines([a, "done"], [overwrite, "done"]), { "/a": one }, wrong],
  ["a put in doubt that happened", lines([a, "unknown"]), { "/a": one }, fine],
  ["a put in doubt that did not", lines([a, "unknown"]), {}, fine],
  ["a put nobody answered", lines([a, undefined]), { "/a": one }, fine],
  ["a put in doubt with other bytes", lines([a, "unknown"]), { "/a": two }, half],
  ["an overwrite in doubt", lines([a, "done"], [overwrite, "unknown"]), { "/a": one }, fine],
  ["an overwrite that emptied", lines([a, "done"], [overwrite, "unknown"]), {}, half],
  ["a move", lines([a, "done"], [move, "done"]), { "/b": one }, fine],
  ["a move undone", lines([a, "done"], [move, "done"]), { "/a": one }, [1, 0, 1]],
  ["a move in doubt, not done", lines([a, "done"], [move, "unknown"]), { "/a": one }, fine],
  ["a move in doubt, done", lines([a, "done"], [move, "unknown"]), { "/b": one }, fine],
  ["half a move: both", lines([a, "done"], [move, "unknown"]), { "/a": one, "/b": one }, half],
  ["half a move: neither", lines([a, "done"], [move, "unknown"]), {}, half],
  ["a removal", lines([a, "done"], [remove, "done", 7]), {}, fine],
  ["a removal that did not last", lines([a, "done"], [remove, "done", 7]), { "/a": one }, half],
  ["restored", lines([a, "done"], [remove, "done", 7], [restore, "done"]), { "/a": one }, fine],
  ["not restored", lines([a, "done"], [remove, "done", 7], [restore, "done"]), {}, lost],
];

for (const [name, journal, there, expected] of cases) {
  Deno.test(`the checker judges ${name}`, () => {
    assert.deepEqual(verdict(journal, there), expected);
  });
}

Deno.test("the ledger tells a reader what may be there while a change is under way", () => {
  const ledger = ledgerOf(lines([a, "done"], [overwrite, undefined]));
  assert.deepEqual(new Set(ledger.possible("/a")), new Set([one, two]));
  assert.deepEqual(ledger.possible("/b"), [undefined]);
});

Deno.test("a journal read back says what was written, without a line cut off", async () => {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  using journal = await Journal.create(path);
  const id = journal.intend(a);
  journal.acknowledge(id);
  journal.leaveOpen(journal.intend(move));
  await Deno.writeTextFile(path, '{"word":"int', { append: true });
  const back = ledgerOf(await readJournal(path));
  assert.deepEqual([...back.files], [...journal.ledger.files]);
  assert.equal(back.doubts().length, 1);
  assert.equal(journal.acknowledged, 1);
  await Deno.remove(path);
});

Deno.test("contents of different numbers share no chunk", () => {
  const ids = new Set<string>();
  for (let number = 1; number <= 50; number++) {
    for (const id of chunkIdsOf({ number, sizeBytes: 4 * 1024 * 1024 + 10 })) ids.add(id);
  }
  assert.equal(ids.size, 100);
});
