import assert from "node:assert/strict";
import { commandCalled, commands } from "../../../roles/client/command_tree.ts";
import { programSpec } from "../../../roles/client/settings.ts";
import { helpOf } from "../../../roles/kit/command_line.ts";

Deno.test("commands have names of their own, a summary and help that fits 80 columns", () => {
  const names = commands.flatMap(({ spec }) => [spec.name, ...(spec.aliases ?? [])]);
  assert.equal(new Set(names).size, names.length);
  for (const { spec } of commands) {
    assert.match(spec.summary, /^[A-Z].*\.$/);
    for (const line of helpOf(programSpec, [spec.name]).split("\n")) {
      assert(line.length <= 80, line);
    }
  }
});

Deno.test("commandCalled knows the words of the original", () => {
  const words = ["help", "h", "exit", "e", "ping", "list", "ls", "list-local", "ll", "get"];
  for (const word of [...words, "upload", "preview", "pv", "clear"]) {
    assert.notEqual(commandCalled(word), undefined, word);
  }
  assert.equal(commandCalled("ls"), commandCalled("list"));
  assert.equal(commandCalled("nothing"), undefined);
});
