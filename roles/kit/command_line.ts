/**
 * Words of a command line against a declared tree of commands. The one file that knows commander: a
 * spec goes in, and out comes a run of one command, a text to print (help, version) or a `usage`
 * fault. Nothing here exits, prints or reads the process's environment.
 *
 * A flag may also come from the environment as OFFSHORE_ and its name; the command line wins.
 */
import assert from "node:assert/strict";
import { Command, CommanderError, Option } from "commander";
import { Fault } from "../../protocol/mod.ts";

export interface ArgumentSpec {
  readonly name: string;
  readonly summary: string;
  readonly optional?: boolean;
  /** Takes all words that are left; only the last argument may. At least one unless `optional`. */
  readonly repeated?: boolean;
}

export interface OptionSpec {
  /** Without dashes: `login-code`. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What the value is called in help; without it the option is a switch. */
  readonly value?: string;
  readonly summary: string;
  /** Read OFFSHORE_NAME where the command line does not say. */
  readonly environment?: boolean;
  readonly default?: string;
  readonly choices?: readonly string[];
  /** Left out of help. */
  readonly hidden?: boolean;
  /**
   * Its value is a code: whoever lists the programs of a machine would read it on their command
   * lines, so it comes from the environment alone, and is in no message. What to type instead.
   */
  readonly secret?: string;
}

/** `local`: files on this machine; `cluster`: names, files, policies, members or their work. */
export type Changes = "nothing" | "local" | "cluster";

export interface CommandSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Paragraphs below the usage line in the command's own help, after the summary. */
  readonly details?: string;
  /** Shown instead of what follows from the arguments: `LOCAL... [REMOTE]`. */
  readonly usage?: string;
  /** Heading under which the command stands in its parent's help. */
  readonly group?: string;
  readonly arguments?: readonly ArgumentSpec[];
  /** Of a command with commands below it: recognised anywhere on the line. */
  readonly options?: readonly OptionSpec[];
  readonly examples?: readonly string[];
  readonly commands?: readonly CommandSpec[];
  /** With `commands`: also runs with none of them named. Otherwise that prints its help. */
  readonly bare?: boolean;
  /** From the first word that is no option of this command, all words are handed on unread. */
  readonly passThrough?: boolean;
  /**
   * What it may alter. After a typing mistake only what alters nothing is guessed at: whoever
   * follows the advice without looking must come to no harm.
   */
  readonly changes?: Changes;
  /** Answer of `--version`. */
  readonly version?: string;
}

/**
 * One command to run. Asking for a name that its spec does not declare is a mistake of the program.
 */
export interface CommandRun {
  readonly kind: "run";
  /** Names from below the root to the command, aliases resolved; empty for the root. */
  readonly path: readonly string[];
  /** The first of `path` as it was typed, for messages; empty for the root. */
  readonly called: string;
  /** The words of an argument, in order. */
  words(argument: string): readonly string[];
  word(argument: string): string | undefined;
  isSet(option: string): boolean;
  text(option: string): string | undefined;
  /**
   * Where the option's value came from, for messages: `--tracker`, `OFFSHORE_TRACKER`, `default`.
   */
  source(option: string): string | undefined;
  /** Whether its value must be in no message. */
  isSecret(option: string): boolean;
}

export type ParsedLine = CommandRun | { readonly kind: "print"; readonly text: string };

export type Environment = Readonly<Record<string, string>>;

/** `login-code` → `OFFSHORE_LOGIN_CODE`. */
export function environmentNameOf(option: string): string {
  return `OFFSHORE_${option.replaceAll("-", "_").toUpperCase()}`;
}

/**
 * What the words ask for. `columns` is the width that help is wrapped to.
 * @throws Fault `usage` for words that fit no command; `config-invalid` for a bad environment value
 */
export function parseCommandLine(
  root: CommandSpec,
  words: readonly string[],
  environment: Environment = {},
  columns = 80,
): ParsedLine {
  const found: { at?: { spec: CommandSpec; path: string[]; command: Command } } = {};
  const printed: string[] = [];
  const program = build(root, [], {
    rootName: root.name,
    columns,
    print: (text) => printed.push(text),
    taken: (spec, path, command) => {
      found.at = { spec, path, command };
    },
  });
  try {
    program.parse([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const isBare = error.code === "commander.help" && root.bare === true &&
      program.args.length === 0;
    if (!isBare) {
      const asked = ["commander.help", "commander.helpDisplayed", "commander.version"];
      if (asked.includes(error.code)) {
        return { kind: "print", text: `${printed.join("").trimEnd()}\n` };
      }
      throw usageFault(root, error, words);
    }
    found.at = { spec: root, path: [], command: program };
  }
  assert(found.at !== undefined, "a parse ends in a command or an error");
  refuseNumbers(root, found.at.command, words);
  return runOf(root, found.at, program, environment);
}

/** commander takes `-1` for a negative number: no command has use for one, and it is a mistake. */
function refuseNumbers(root: CommandSpec, command: Command, words: readonly string[]): void {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const word = words.slice(0, end).find((each) => /^-\d/.test(each) && command.args.includes(each));
  if (word === undefined) return;
  const error = new CommanderError(1, "commander.unknownOption", `unknown option '${word}'`);
  throw usageFault(root, error, words);
}

/**
 * The help text of the command that `path` leads to; an empty path is the root.
 * @throws Fault `usage` when there is none
 */
export function helpOf(root: CommandSpec, path: readonly string[], columns = 80): string {
  let at: CommandSpec | undefined = root;
  for (const word of path) at = at?.commands?.find((below) => isCalled(below, word));
  // Without --help an unknown name is told as such, with a suggestion.
  const words = at === undefined ? path : [...path, "--help"];
  const result = parseCommandLine(root, words, {}, columns);
  assert(result.kind === "print", "--help prints");
  return result.text;
}

function isCalled(spec: CommandSpec, word: string): boolean {
  return spec.name === word || (spec.aliases?.includes(word) ?? false);
}

interface BuildParts {
  readonly rootName: string;
  readonly columns: number;
  readonly print: (text: string) => void;
  readonly taken: (spec: CommandSpec, path: string[], command: Command) => void;
}

function build(spec: CommandSpec, path: string[], parts: BuildParts): Command {
  const { rootName, columns, print, taken } = parts;
  const command = new Command(spec.name);
  command.exitOverride().helpCommand(false).summary(spec.summary);
  command.description(spec.details === undefined ? spec.summary : described(spec));
  command.configureOutput({
    writeOut: print,
    // An error is told by what is thrown; help for a bare group comes this way too.
    writeErr: print,
    outputError: () => {},
    getOutHelpWidth: () => columns,
    getErrHelpWidth: () => columns,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  command.configureHelp({
    subcommandTerm: (below) => [below.name(), ...below.aliases()].join(", "),
    commandUsage: () => {
      const names = path.length === 0 ? [] : [[spec.name, ...spec.aliases ?? []].join("|")];
      return [rootName, ...path.slice(0, -1), ...names, usageOf(spec)].join(" ").trim();
    },
    argumentTerm: (argument) => argument.name().toUpperCase(),
    showGlobalOptions: path.length > 0,
  });
  command.usage(usageOf(spec));
  command.helpOption(spec.options?.some((one) => one.short === "h") ? "--help" : "-h, --help");
  if (spec.aliases !== undefined) command.aliases([...spec.aliases]);
  if (spec.group !== undefined) command.helpGroup(`${spec.group}:`);
  if (spec.version !== undefined) command.version(spec.version, "--version", "print the version");
  for (const option of spec.options ?? []) command.addOption(optionOf(option));
  for (const argument of spec.arguments ?? []) {
    command.argument(argumentText(argument), argument.summary);
  }
  if (spec.passThrough) {
    command.enablePositionalOptions().passThroughOptions().allowUnknownOption();
  }
  for (const below of spec.commands ?? []) {
    command.addCommand(build(below, [...path, below.name], parts));
  }
  if (spec.commands === undefined) command.action(() => taken(spec, path, command));
  if (spec.examples !== undefined) {
    command.addHelpText(
      "after",
      `\nExamples:\n${spec.examples.map((line) => `  ${line}\n`).join("")}`,
    );
  }
  return command;
}

function described(spec: CommandSpec): string {
  return `${spec.summary}\n\n${spec.details ?? ""}`;
}

function argumentText(argument: ArgumentSpec): string {
  const name = argument.repeated ? `${argument.name}...` : argument.name;
  return argument.optional ? `[${name}]` : `<${name}>`;
}

function usageOf(spec: CommandSpec): string {
  const options = (spec.options?.length ?? 0) > 0 ? "[options] " : "";
  if (spec.usage !== undefined) return options + spec.usage;
  if (spec.commands !== undefined) return options + (spec.bare ? "[COMMAND]" : "COMMAND");
  return options + (spec.arguments ?? []).map((argument) => {
    const name = argument.name.toUpperCase() + (argument.repeated ? "..." : "");
    return argument.optional ? `[${name}]` : name;
  }).join(" ");
}

function optionOf(spec: OptionSpec): Option {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  const value = spec.value === undefined ? "" : ` <${spec.value}>`;
  const notes = [
    ...(spec.environment ? [environmentNameOf(spec.name)] : []),
    ...(spec.default === undefined ? [] : [`default: ${spec.default}`]),
  ];
  const summary = notes.length === 0 ? spec.summary : `${spec.summary} (${notes.join(", ")})`;
  const option = new Option(`${short}--${spec.name}${value}`, summary);
  if (spec.choices !== undefined) option.choices([...spec.choices]);
  return spec.hidden || spec.secret !== undefined ? option.hideHelp() : option;
}

/** commander's own words, less its decoration, and where to read on. */
function usageFault(root: CommandSpec, error: CommanderError, words: readonly string[]): Fault {
  const [, text = error.message, guesses = ""] =
    /^(?:error: )?([^]*?)(?:\n\(Did you mean (?:one of )?([^]*?)\?\))?$/.exec(error.message) ?? [];
  const known = root.commands?.find((command) => words.some((word) => isCalled(command, word)));
  const hasHelp = root.commands?.some((command) => command.name === "help") ?? false;
  const name = known?.name ?? "";
  const help = [root.name, ...hasHelp ? ["help", name] : [name, "--help"]]
    .filter((word) => word !== "").join(" ");
  const harmless = guesses.split(", ").filter((guess) => {
    if (guess.startsWith("-")) return known === undefined || known.changes === "nothing";
    return root.commands?.find((command) => isCalled(command, guess))?.changes === "nothing";
  });
  const guess = harmless.join(", ");
  const next = guess === "" ? `type: ${help}` : `did you mean ${guess}? or type: ${help}`;
  return new Fault("usage", text.replace(/\.$/, ""), { next });
}

function runOf(
  root: CommandSpec,
  at: { spec: CommandSpec; path: string[]; command: Command },
  program: Command,
  environment: Environment,
): CommandRun {
  const values = new Map<string, { value: string | boolean; source: string }>();
  const names = new Set<string>();
  const secrets = new Set<string>();
  const levels = at.command === program ? [] : [{ spec: root, command: program }];
  for (const { spec, command } of [...levels, at]) {
    for (const option of spec.options ?? []) {
      names.add(option.name);
      if (option.secret !== undefined) {
        secrets.add(option.name);
        if (givenValue(command, option) !== undefined) throw onCommandLine(option);
      }
      const given = givenValue(command, option) ?? environmentValue(option, environment) ??
        (option.default === undefined ? undefined : { value: option.default, source: "default" });
      if (given !== undefined) values.set(option.name, given);
    }
  }
  const taken = new Map<string, readonly string[]>();
  (at.spec.arguments ?? []).forEach((argument, index) => {
    const end = argument.repeated ? undefined : index + 1;
    taken.set(argument.name, at.command.args.slice(index, end));
  });
  const valueOf = (name: string) => {
    assert(names.has(name), `the option ${name} is declared`);
    return values.get(name);
  };
  const wordsOf = (name: string) => {
    const words = taken.get(name);
    assert(words !== undefined, `the argument ${name} is declared`);
    return words;
  };
  const [name = ""] = at.path, [typed = name] = program.args;
  const first = root.commands?.find((spec) => spec.name === name);
  return {
    kind: "run",
    path: at.path,
    called: first !== undefined && isCalled(first, typed) ? typed : name,
    words: wordsOf,
    word: (name) => wordsOf(name)[0],
    isSet: (name) => valueOf(name)?.value === true,
    text: (name) => {
      const value = valueOf(name)?.value;
      return typeof value === "string" ? value : undefined;
    },
    source: (name) => valueOf(name)?.source,
    isSecret: (name) => secrets.has(name),
  };
}

function onCommandLine({ name, secret }: OptionSpec): Fault {
  return new Fault(
    "usage",
    `--${name} would show the code to whoever lists the programs of this machine`,
    { next: secret ?? "" },
  );
}

function givenValue(command: Command, option: OptionSpec) {
  // commander reads `--no-x` as "x is false"; here it is a switch like any other.
  const isNegative = option.name.startsWith("no-");
  const key = option.name.replace(/^no-/, "")
    .replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  if (command.getOptionValueSource(key) !== "cli") return undefined;
  const value: unknown = command.getOptionValue(key);
  const source = `--${option.name}`;
  if (isNegative) return value === false ? { value: true, source } : undefined;
  return typeof value === "string" || typeof value === "boolean" ? { value, source } : undefined;
}

function environmentValue(option: OptionSpec, environment: Environment) {
  const source = environmentNameOf(option.name);
  const text = option.environment ? environment[source] : undefined;
  if (text === undefined || text === "") return undefined;
  if (option.value !== undefined) {
    if (option.choices !== undefined && !option.choices.includes(text)) {
      throw new Fault("config-invalid", `${source} is "${text}"`, {
        next: `set it to one of: ${option.choices.join(", ")}`,
      });
    }
    return { value: text, source };
  }
  if (["1", "true", "yes", "on"].includes(text.toLowerCase())) return { value: true, source };
  if (["0", "false", "no", "off"].includes(text.toLowerCase())) return { value: false, source };
  throw new Fault("config-invalid", `${source} is "${text}"`, { next: "set it to true or false" });
}
