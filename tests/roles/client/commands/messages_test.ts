/** What every message keeps, whichever fault meets whichever command: a walk over all of both. */
import assert from "node:assert/strict";
import { Fault, faultCodes, faultKinds } from "../../../../protocol/mod.ts";
import { runClient } from "../../../../roles/client/mod.ts";
import { commandCalled, commands } from "../../../../roles/client/command_tree.ts";
import { programSpec } from "../../../../roles/client/settings.ts";
import { upSpec } from "../../../../roles/client/cluster/local_cluster.ts";
import type { CommandSpec } from "../../../../roles/kit/command_line.ts";
import { seederSpec } from "../../../../roles/seeder/config.ts";
import { trackerSpec } from "../../../../roles/tracker/config.ts";
import { FakeTerminal, openClientWorld } from "../client_world.ts";
import { hastyClock } from "../world.ts";

/** Words with which each command asks the tracker something. Undefined: it never asks. */
const words: Readonly<Record<string, readonly string[] | undefined>> = {
  list: ["/a"],
  put: ["file", "/a"],
  get: ["/a", "here"],
  cat: ["/a"],
  preview: ["/a"],
  cd: ["/a"],
  pwd: undefined,
  mkdir: ["/a/b"],
  rmdir: ["/a"],
  rm: ["/a"],
  trash: [],
  restore: ["@12"],
  versions: ["/a"],
  revert: ["/a", "@12345"],
  undo: ["/a"],
  mv: ["/a", "/b"],
  stat: ["/a"],
  explain: ["/a"],
  du: ["/a"],
  "list-local": undefined,
  lcd: undefined,
  lpwd: undefined,
  status: [],
  seeders: [],
  df: [],
  ping: [],
  adopted: [],
  scrub: ["--now"],
  fsck: [],
  whatif: ["lose", "seeder-1"],
  maintenance: ["seeder-1", "30m"],
  drain: ["seeder-1", "--wait"],
  forget: ["seeder-1"],
  pace: ["urgent"],
  "confirm-loss": [],
  policy: ["/a", "3"],
  "join-code": [],
  "login-code": [],
  backup: ["kept"],
  // It asks with a code alone: tests/roles/client/cluster/access_test.ts.
  login: undefined,
  help: undefined,
  clear: undefined,
  exit: undefined,
};

/** What only a programmer can read, as it comes from a checker, a runtime and a program. */
const leaking = [
  "/a is not good",
  ' ([ { "code": "custom", "path": ["x"], "message": "too long" } ]) (os error 2): realpath',
  " '/a'\n    at run (file:///main.ts:1:2)\n    at <anonymous>",
].join("");

const unreadable = /os error|realpath|"code"|"message"|\n\s+at |file:\/\/|\{ /;

const outside: readonly CommandSpec[] = [
  programSpec,
  upSpec,
  { ...trackerSpec, name: "tracker" },
  { ...seederSpec, name: "seeder" },
];

/** Why an advice is not true for whoever typed `typed`; undefined where it is. */
function wrongAdvice(next: string, typed: CommandSpec | undefined): string | undefined {
  for (const [, name = ""] of next.matchAll(/(?:type|see|trash|with|by|status): ([a-z][a-z-]*)/g)) {
    if (name !== "offshore" && commandCalled(name) === undefined) return `no command ${name}`;
  }
  let known: readonly CommandSpec[] = [];
  for (const word of next.split(/[\s,:()]+|(;)/)) {
    if (word === undefined) continue;
    // Each part of an advice is about what was typed, until it names another command.
    if (word === ";" || known.length === 0) known = typed === undefined ? [] : [typed];
    const command = commandCalled(word)?.spec;
    if (command !== undefined) known = [command];
    if (word === "offshore") known = [...outside];
    const flag = /^--?([a-z][a-z-]*)/.exec(word)?.[1];
    if (flag === undefined) continue;
    const options = known.flatMap((spec) => [...spec.options ?? []]);
    const isKnown = ["json", "help", "role"].includes(flag) ||
      options.some(({ name, short }) => name === flag || short === flag);
    if (!isKnown) return `${known.map(({ name }) => name).join()} has no option ${word}`;
  }
  return undefined;
}

Deno.test("every fault met by every command is told in plain words, with advice that is true", async () => {
  assert.deepEqual(Object.keys(words).sort(), commands.map(({ spec }) => spec.name).sort());
  await using world = await openClientWorld(1);
  await Deno.writeTextFile(`${world.local}/file`, "text");
  const clock = hastyClock(2_000);
  let told = 0;
  for (const code of faultCodes) {
    world.cluster.trackerBehave = () => new Fault(code, leaking);
    for (const { spec } of commands) {
      const rest = words[spec.name];
      if (rest === undefined) continue;
      const terminal = new FakeTerminal({});
      const argv = [spec.name, ...rest];
      const exit = await runClient({ ...world.parts, clock, argv, terminal });
      const where = `${argv.join(" ")}, ${code}: ${terminal.error}`;
      if (exit === 0) continue;
      told++;
      assert.doesNotMatch(terminal.error, unreadable, where);
      const advice = [...terminal.error.matchAll(/\n {2}next: (.*)\n/g)].map(([, next]) => next);
      assert(advice.length > 0, where);
      for (const next of advice) {
        assert.equal(wrongAdvice(next ?? "", spec), undefined, where);
        assert.notEqual(next, "", where);
      }
    }
  }
  assert(told > 1000, `${told} were told`);
});

Deno.test("a mistake of the program and a strange reply are told without their insides", async () => {
  await using world = await openClientWorld(1);
  world.cluster.trackerBehave = () => ({ reply: { strange: [{ code: 1 }] } });
  for (const [name, rest] of Object.entries(words)) {
    if (rest === undefined) continue;
    const { code, error } = await world.run([name, ...rest]);
    if (code === 0) continue;
    assert.doesNotMatch(error, unreadable, `${name}: ${error}`);
    assert.match(error, /\n {2}next: ./, name);
  }
  world.cluster.trackerBehave = () => "ok";
  const transport = () => Promise.reject(new Error(leaking));
  const terminal = new FakeTerminal({});
  const parts = { ...world.parts, clock: hastyClock(2_000), transport, terminal };
  assert.notEqual(await runClient({ ...parts, argv: ["ls"] }), 0);
  assert.doesNotMatch(terminal.error, unreadable, terminal.error);
});

/** All advice that stands in a source file, with X for what is put in. */
function adviceIn(text: string): string[] {
  const literal = /`[^`]*`|"(?:[^"\\\n]|\\.)*"/.source;
  const all = new RegExp(`next:\\s*((?:${literal})(?:\\s*\\+\\s*(?:${literal}))*)`, "g");
  return [...text.matchAll(all)].map(([, joined = ""]) =>
    [...joined.matchAll(new RegExp(literal, "g"))].map(([part]) => part.slice(1, -1)).join("")
      .replace(/\$\{[^}]*\}/g, "X")
  );
}

async function* sources(directory: URL): AsyncGenerator<[string, string]> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const url = new URL(name + (isDirectory ? "/" : ""), directory);
    if (isDirectory) yield* sources(url);
    else if (name.endsWith(".ts")) yield [url.pathname, await Deno.readTextFile(url)];
  }
}

Deno.test("no advice in the sources names a command or an option that there is not", async () => {
  const root = new URL("../../../../", import.meta.url);
  const wrong: string[] = [];
  let count = 0;
  for (const folder of ["roles/", "protocol/"]) {
    for await (const [path, text] of sources(new URL(folder, root))) {
      for (const next of adviceIn(text)) {
        count++;
        // A role that does not start speaks of its own flags.
        const [, role] = /roles\/(tracker|seeder)\//.exec(path) ?? [];
        const isStart = role !== undefined || /local_cluster|local_recovery|kit\//.test(path);
        const why = wrongAdvice(next, isStart ? flagsOf(outside) : undefined);
        if (why !== undefined) wrong.push(`${path}: "${next}": ${why}`);
      }
    }
  }
  for (const code of faultCodes) {
    const why = wrongAdvice(faultKinds[code].next, undefined);
    if (why !== undefined) wrong.push(`${code}: ${why}`);
  }
  assert.deepEqual(wrong, []);
  assert(count > 80, `${count} were found`);
});

function flagsOf(specs: readonly CommandSpec[]): CommandSpec {
  return { name: "a role", summary: "", options: specs.flatMap(({ options }) => options ?? []) };
}
