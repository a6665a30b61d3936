/**
 * Which exit code a fault becomes. Every code of the closed list is named, so that a new fault
 * cannot be forgotten here: 1 failed, 2 usage, 3 not found, 4 refused, 5 cluster unavailable; 0 is
 * success.
 */
import type { FaultCode } from "../../protocol/mod.ts";

export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5;

const exitCodes: Readonly<Record<FaultCode, ExitCode>> = {
  "invalid-request": 2,
  "invalid-name": 2,
  "truncated-body": 1,
  "session-ended": 5,
  "unauthenticated": 4,
  "forbidden": 4,
  "leave-invalid": 4,
  "leave-expired": 4,
  "code-invalid": 4,
  "not-found": 3,
  "route-unknown": 1,
  "chunk-not-found": 5,
  "upload-unknown": 1,
  "seeder-unknown": 3,
  "already-exists": 4,
  "is-a-directory": 4,
  "not-a-directory": 4,
  "directory-not-empty": 4,
  "trash-full": 4,
  "move-into-itself": 4,
  "link-loop": 4,
  "seeder-live": 4,
  "identity-taken": 4,
  "stale-epoch": 4,
  "tracker-proving": 5,
  "drops-stopped": 4,
  "copies-missing": 5,
  "version-conflict": 4,
  "body-too-large": 1,
  "range-not-satisfiable": 1,
  "size-mismatch": 1,
  "digest-mismatch": 1,
  "protocol-mismatch": 1,
  "internal": 1,
  "disk-failed": 1,
  "disk-gone": 1,
  "chunk-corrupt": 5,
  "seeder-unreachable": 5,
  "unavailable": 5,
  "tracker-rebuilding": 5,
  "too-few-seeders": 5,
  "tracker-unreachable": 5,
  "tracker-unproved": 5,
  "disk-full": 1,
  "usage": 2,
  "config-invalid": 2,
  "config-corrupt": 1,
  "no-credentials": 4,
  "port-occupied": 1,
  "disk-unusable": 4,
  "disk-locked": 1,
  "ambiguous-id": 2,
  "local-not-found": 3,
  "local-exists": 4,
  "local-failed": 1,
  "incomplete": 1,
  "interrupted": 1,
};

export function exitCodeOf(code: FaultCode): ExitCode {
  return exitCodes[code];
}
