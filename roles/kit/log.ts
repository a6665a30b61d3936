/**
 * One JSON line per event: time, level, role, event, fields. The event is a fixed text that can be
 * searched for; what varies is in the fields. Secrets are never fields.
 */
import type { Clock } from "./clock.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof logLevels[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Lines at `least` or above go to `write`, which must not fail. */
export function lineLog(
  clock: Clock,
  role: string,
  least: LogLevel,
  write: (line: string) => void,
): Log {
  const at = (level: LogLevel) => (event: string, fields: LogFields = {}) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(least)) return;
    const time = new Date(clock.now()).toISOString();
    write(JSON.stringify({ time, level, role, event, ...plain(fields) }));
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Errors do not survive JSON: their message, code and chain of causes do. */
function plain(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map((
      [name, value],
    ) => [name, value instanceof Error ? told(value) : value]),
  );
}

function told(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? `${error.code}: ` : "";
  const cause = error.cause instanceof Error ? `; because ${told(error.cause)}` : "";
  return `${code}${error.message}${cause}`;
}
