/**
 * Flags, then environment, then defaults, all through one zod schema. A value that does not fit is
 * a fault that names where it came from, what it is and what is expected.
 */
import * as z from "zod";
import { Fault } from "../../protocol/mod.ts";
import type { CommandRun, OptionSpec } from "./command_line.ts";
import { parseListen } from "./listen.ts";
import { logLevels } from "./log.ts";

/** `HOST:PORT` as `parseListen` takes it. */
export const ListenText = z.string().transform((text, context) => {
  const listen = parseListen(text);
  if (listen !== undefined) return listen;
  context.issues.push({ code: "custom", message: "expected HOST:PORT", input: text });
  return z.NEVER;
});

/** A whole number in decimal. */
export function wholeNumber(least: number, most: number) {
  return z.string().regex(/^\d{1,15}$/, `expected a whole number from ${least} to ${most}`)
    .transform(Number).pipe(z.int().min(least).max(most));
}

const unitBytes = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** A size such as `500M` or `2G`; powers of 1024. */
export const SizeText = z.string().transform((text, context) => {
  const match = /^(\d{1,12})([kmgt]?)(?:i?b)?$/i.exec(text);
  const unit = (match?.[2] ?? "").toLowerCase() as keyof typeof unitBytes;
  if (match !== null) return Number(match[1]) * unitBytes[unit];
  context.issues.push({ code: "custom", message: "expected a size such as 500M", input: text });
  return z.NEVER;
});

export const LogLevelText = z.enum(logLevels);

/** Options that every role that serves has. */
export const commonOptions: readonly OptionSpec[] = [
  {
    name: "log-level",
    value: "level",
    summary: "least level that is logged",
    environment: true,
    default: "info",
    choices: logLevels,
  },
  {
    name: "log-file",
    value: "path",
    summary: "append the log to a file instead of standard error",
    environment: true,
  },
  {
    name: "stop-with-stdin",
    summary: "stop when standard input ends, for programs that start this one",
    environment: true,
  },
];

/** The option names of a schema: `joinCode` → `join-code`. */
function optionNameOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * The parsed configuration; each field of the schema is the option of the same name in dashes.
 * @throws Fault `config-invalid`
 */
export function readConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  run: CommandRun,
): z.output<z.ZodObject<Shape>> {
  const given: Record<string, string> = {};
  for (const field of Object.keys(schema.shape)) {
    const text = run.text(optionNameOf(field));
    if (text !== undefined) given[field] = text;
  }
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = String(issue?.path[0] ?? "");
  const source = run.source(optionNameOf(field)) ?? `--${optionNameOf(field)}`;
  const value = given[field];
  const shown = value === undefined
    ? "is missing"
    : run.isSecret(optionNameOf(field))
    ? "is not right"
    : `is "${value}"`;
  throw new Fault("config-invalid", `${source} ${shown}: ${issue?.message ?? ""}`);
}
