/**
 * The closed list of expected failures. A fault carries a stable code for programs, a detail for
 * the person and what to do next; the code alone decides the HTTP status and whether trying again
 * helps. Over HTTP a fault travels as problem details (RFC 9457).
 *
 * retry: `never` the same request fails again; `later` it may succeed after a pause; `elsewhere` it
 * may succeed at another seeder.
 */
import * as z from "zod";
import { plainText } from "./plain_text.ts";

type Retry = "never" | "later" | "elsewhere";
interface FaultKind {
  readonly status: number;
  readonly retry: Retry;
  readonly title: string;
  /** What to do about it where the thrower knows nothing better. */
  readonly next: string;
}

function kind(status: number, retry: Retry, title: string, next: string): FaultKind {
  return { status, retry, title, next };
}

export const faultKinds = {
  "invalid-request": kind(400, "never", "The request is malformed", "correct what is named"),
  "invalid-name": kind(400, "never", "The name is not allowed", "choose another name"),
  "truncated-body": kind(400, "later", "The body ended early", "run the command again"),
  "session-ended": kind(401, "later", "The session is over", "run the command again"),
  "unauthenticated": kind(401, "never", "No valid credentials", "log in with a login code"),
  "forbidden": kind(403, "never", "Not allowed", "ask an administrator of the cluster"),
  "leave-invalid": kind(403, "never", "The leave is not valid", "run the command again"),
  "leave-expired": kind(403, "later", "The leave has expired", "run the command again"),
  "code-invalid": kind(
    403,
    "never",
    "The code is not valid",
    "get a fresh one: join-code or login-code on a client, offshore codes on the tracker's machine",
  ),
  "not-found": kind(404, "never", "No such file or directory", "list the directory with ls"),
  "route-unknown": kind(404, "never", "No such route", "check that both sides run one version"),
  "chunk-not-found": kind(
    404,
    "elsewhere",
    "The chunk is not here",
    "run the command again; see: seeders",
  ),
  "upload-unknown": kind(
    404,
    "never",
    "No such upload",
    "run the command again: what was sent is kept",
  ),
  "seeder-unknown": kind(404, "never", "No such seeder", "join again with a join code"),
  "already-exists": kind(409, "never", "The name is taken", "choose another name, or remove it"),
  "is-a-directory": kind(409, "never", "It is a directory", "name a file"),
  "not-a-directory": kind(409, "never", "It is not a directory", "name a directory"),
  "trash-full": kind(
    409,
    "never",
    "It does not fit into the trash",
    "for good: rm --now; or make room: trash empty",
  ),
  "directory-not-empty": kind(
    409,
    "never",
    "The directory is not empty",
    "with all that is in it: rm -r",
  ),
  "move-into-itself": kind(409, "never", "A directory cannot hold itself", "choose another target"),
  "link-loop": kind(409, "never", "Too many links", "look at the links with ls -l"),
  "identity-taken": kind(
    409,
    "never",
    "Another seeder has this identity",
    "give each seeder a disk of its own, and do not copy .offshore",
  ),
  "seeder-live": kind(409, "never", "The seeder still reports", "stop it first"),
  "stale-epoch": kind(409, "never", "The tracker was replaced", "stop the older tracker"),
  "tracker-proving": kind(
    409,
    "later",
    "The tracker gives nothing up yet",
    "wait until status says that the tracker rules",
  ),
  "drops-stopped": kind(
    409,
    "never",
    "Nothing is given up until a person confirms",
    "look at what went with status, then type confirm-loss",
  ),
  "copies-missing": kind(
    409,
    "later",
    "A chunk has too few copies",
    "run the command again",
  ),
  "version-conflict": kind(
    412,
    "never",
    "The file changed meanwhile",
    "look at it, then try again",
  ),
  "body-too-large": kind(413, "never", "The body is too large", "name fewer things at once"),
  "range-not-satisfiable": kind(416, "never", "The range lies outside", "ask for less"),
  "size-mismatch": kind(422, "never", "The size is not as declared", "run the command again"),
  "digest-mismatch": kind(
    422,
    "later",
    "The bytes do not have the declared SHA-256",
    "run the command again; if it persists, test the memory and the disk",
  ),
  "protocol-mismatch": kind(
    426,
    "never",
    "The two sides speak different protocol versions",
    "run the same version of offshore on both sides",
  ),
  "internal": kind(
    500,
    "later",
    "The program failed",
    "run it with OFFSHORE_LOG_LEVEL=debug and look into its log",
  ),
  "disk-failed": kind(500, "elsewhere", "The disk failed", "check the disk and the log"),
  "disk-gone": kind(
    503,
    "elsewhere",
    "The disk is not there",
    "mount the seeder's disk again where it was; it goes on by itself",
  ),
  "chunk-corrupt": kind(
    500,
    "elsewhere",
    "The stored copy is damaged",
    "run the command again; see: status",
  ),
  "seeder-unreachable": kind(
    502,
    "elsewhere",
    "A seeder cannot be reached",
    "check that it runs and that its address is right",
  ),
  "unavailable": kind(503, "later", "Not ready", "wait a moment and try again"),
  "tracker-rebuilding": kind(
    503,
    "later",
    "The tracker is being rebuilt from its seeders",
    "wait until it has its log again",
  ),
  "too-few-seeders": kind(
    503,
    "later",
    "Too few seeders can take the data",
    "start or add a seeder, or free space; see: seeders",
  ),
  "tracker-unreachable": kind(
    503,
    "later",
    "The tracker cannot be reached",
    "check that it runs and that its address is right",
  ),
  "tracker-unproved": kind(
    503,
    "later",
    "What answers is not the tracker",
    "find out who answers at the tracker's address: it does not know this cluster's key",
  ),
  "disk-full": kind(507, "elsewhere", "The disk is full", "remove files, or add a seeder"),

  // The following never travel: they end a command or a start on this machine.
  "usage": kind(400, "never", "The command is not right", "type help"),
  "config-invalid": kind(400, "never", "The configuration is not right", "correct the named value"),
  "config-corrupt": kind(500, "never", "A state file is damaged", "restore the named file"),
  "no-credentials": kind(401, "never", "No credentials", "pass a join code or a login code"),
  "port-occupied": kind(
    409,
    "never",
    "The port is taken",
    "stop the other program, or choose another port",
  ),
  "disk-unusable": kind(
    500,
    "never",
    "The disk cannot be used",
    "check path, mount and permissions",
  ),
  "disk-locked": kind(409, "never", "The disk is in use", "stop the other role on this disk"),
  "ambiguous-id": kind(409, "never", "Several versions begin so", "type more digits"),
  "local-not-found": kind(404, "never", "No such local file", "look with ll"),
  "local-exists": kind(
    409,
    "never",
    "The local name is taken",
    "choose another name",
  ),
  "local-failed": kind(500, "never", "The local disk failed", "check space and permissions"),
  "incomplete": kind(500, "later", "Not everything was done", "run the command again"),
  "interrupted": kind(
    499,
    "never",
    "Interrupted",
    "run the command again",
  ),
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof faultKinds;
export const faultCodes = Object.keys(faultKinds) as FaultCode[];

export interface FaultOptions {
  /** What to do next, where something better is known than the kind's own advice. */
  readonly next?: string;
  readonly cause?: unknown;
}

/** An expected failure. `message` is the detail: what happened and why, for a person. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  readonly next: string;

  constructor(code: FaultCode, detail: string, options: FaultOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.next = options.next ?? faultKinds[code].next;
  }

  get status(): number {
    return faultKinds[this.code].status;
  }

  get retry(): Retry {
    return faultKinds[this.code].retry;
  }
}

/** The body of an `application/problem+json` answer (RFC 9457) with our extension members. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  retry: z.enum(["never", "later", "elsewhere"]),
  next: z.string(),
  requestId: z.string().optional(),
});
export type Problem = z.output<typeof Problem>;

export const problemMediaType = "application/problem+json";

export function problemOf(fault: Fault, requestId?: string): Problem {
  return {
    type: `urn:offshore:fault:${fault.code}`,
    title: faultKinds[fault.code].title,
    status: fault.status,
    detail: fault.message,
    code: fault.code,
    retry: fault.retry,
    next: fault.next,
    ...(requestId === undefined ? {} : { requestId }),
  };
}

/** The fault a problem stands for. A code this version does not know becomes `internal`. */
export function faultOf(problem: Problem): Fault {
  const code = faultCodes.find((known) => known === problem.code) ?? "internal";
  const detail = code === problem.code ? problem.detail : `${problem.title}: ${problem.detail}`;
  return new Fault(code, plainText(detail), { next: plainText(problem.next) });
}

/** Whatever was thrown, as a fault: what is not one becomes `internal` with the cause kept. */
export function asFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new Fault("internal", plainText(text), { cause: thrown });
}
