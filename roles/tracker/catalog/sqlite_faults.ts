/**
 * What went wrong in SQLite, as a fault. Statements carry SQLite's result code; opening a file and
 * `exec` carry only its text on this runtime, so both are looked at.
 */
import { Fault, type FaultCode } from "../../../protocol/mod.ts";

/** Primary result codes (https://www.sqlite.org/rescode.html) with SQLite's own text for each. */
const kinds: readonly { result: number; text: string; code: FaultCode; next?: string }[] = [
  { result: 3, text: "access permission denied", code: "disk-unusable" },
  { result: 5, text: "database is locked", code: "disk-locked" },
  { result: 6, text: "database table is locked", code: "disk-locked" },
  { result: 8, text: "attempt to write a readonly database", code: "disk-unusable" },
  { result: 10, text: "disk I/O error", code: "disk-failed" },
  { result: 11, text: "database disk image is malformed", code: "config-corrupt" },
  {
    result: 13,
    text: "database or disk is full",
    code: "disk-full",
    next: "free space on the tracker's disk; removing files from the cluster does not help at once",
  },
  { result: 14, text: "unable to open database file", code: "disk-unusable" },
  { result: 26, text: "file is not a database", code: "config-corrupt" },
];

/** The fault for whatever a call to SQLite on the file `path` threw; `internal` for misuse. */
export function sqliteFault(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error;
  const text = error instanceof Error ? error.message : String(error);
  const result = error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : undefined;
  const found = kinds.find((kind) =>
    result === undefined ? text.startsWith(kind.text) : kind.result === result
  );
  return new Fault(found?.code ?? "internal", `the catalog ${path}: ${text}`, {
    cause: error,
    ...(found?.next === undefined ? {} : { next: found.next }),
  });
}
