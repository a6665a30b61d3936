/** The client's own flags: where the cluster is, who the person is, where that is remembered. */
import * as z from "zod";
import { BaseUrl } from "../../protocol/mod.ts";
import type { CommandRun, CommandSpec, Environment, OptionSpec } from "../kit/command_line.ts";
import { readConfig } from "../kit/config.ts";
import { logLevels } from "../kit/log.ts";
import { version } from "../kit/version.ts";
import { commands } from "./command_tree.ts";

const jsonOption: OptionSpec = {
  name: "json",
  summary: "print JSON, one value a line",
  environment: true,
};

const options: readonly OptionSpec[] = [
  jsonOption,
  { name: "tracker", value: "url", summary: "the cluster's tracker", environment: true },
  {
    name: "login-code",
    value: "code",
    summary: "log in, and be remembered",
    environment: true,
    secret: "type offshore login, which asks for the code; or --login-code-file FILE",
  },
  {
    name: "login-code-file",
    value: "path",
    summary:
      "log in with the code in a file, waiting for it for half a minute; - for standard input",
    environment: true,
  },
  {
    name: "state",
    value: "path",
    summary: "where login and history are kept (~/.local/state/offshore)",
    environment: true,
  },
  {
    name: "log-level",
    value: "level",
    summary: "least level that is logged to standard error",
    environment: true,
    choices: logLevels,
  },
];

/** What a person types after `offshore`. */
export const programSpec: CommandSpec = {
  name: "offshore",
  version,
  bare: true,
  summary: "One file store over the disks of several machines. With no command: a shell.",
  options,
  commands: commands.map((command) => command.spec),
  examples: [
    "offshore login",
    "offshore put -r ~/photos /photos",
    "offshore ls -l /photos",
  ],
};

/** What a person types at the shell's prompt. */
export const shellSpec: CommandSpec = {
  name: "",
  bare: true,
  summary: "Commands of this shell; Tab completes, Ctrl-C cancels, exit leaves.",
  options: [jsonOption],
  commands: commands.map((command) => command.spec),
};

const Settings = z.strictObject({
  tracker: BaseUrl.optional(),
  loginCode: z.string().optional(),
  loginCodeFile: z.string().min(1).optional(),
  state: z.string().min(1).optional(),
  logLevel: z.enum(logLevels).optional(),
});

export interface ClientSettings {
  readonly json: boolean;
  readonly tracker: string | undefined;
  readonly loginCode: string | undefined;
  readonly loginCodeFile: string | undefined;
  readonly stateDirectory: string;
  readonly logLevel: typeof logLevels[number] | undefined;
}

/** Throws `config-invalid` for a value that is not what it should be. */
export function readSettings(run: CommandRun, environment: Environment): ClientSettings {
  const { tracker, loginCode, loginCodeFile, state, logLevel } = readConfig(Settings, run);
  const json = run.isSet("json");
  const stateDirectory = state ?? defaultState(environment);
  return { json, tracker, loginCode, loginCodeFile, stateDirectory, logLevel };
}

/** By the XDG base directory specification: state that outlives restarts but is no data. */
function defaultState(environment: Environment): string {
  const { XDG_STATE_HOME: state, HOME: home } = environment;
  if (state?.startsWith("/")) return `${state}/offshore`;
  return home === undefined || home === "" ? ".offshore" : `${home}/.local/state/offshore`;
}
