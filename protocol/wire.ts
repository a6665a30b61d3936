/**
 * The typed caller: a route, an address and a transport become a function. Requests and replies are
 * checked against the route's schemas; a problem in the reply is thrown as the fault it stands for.
 * A caller that proves its requests believes nothing but a proved reply, problems included.
 */
import * as z from "zod";
import { Fault, faultOf, Problem, problemMediaType } from "./faults.ts";
import { joined } from "./joined.ts";
import { limits } from "./limits.ts";
import { plainText } from "./plain_text.ts";
import { isBody, proofHeader, type Prover, readRequestProof } from "./proof.ts";
import { isProved, type Route, type RouteTable } from "./routes.ts";

/** The only way a role reaches another. Rejects when no answer came. */
export type Transport = (request: Request) => Promise<Response>;

export const protocolHeader = "offshore-protocol";
/** The same at every try of one request: it joins the lines of both logs, and see `repeats.ts`. */
export const requestIdHeader = "offshore-request-id";

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  /** Proves requests with a JSON body, and that a reply is of one who has the same secret. */
  readonly prover?: Prover;
  /** Letters, digits and hyphens, at most 64; sent in `requestIdHeader`. */
  readonly requestId?: string;
  /** The request body of a route whose body is bytes. */
  readonly bytes?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;
}

export type Input<R extends Route> = z.input<R["input"]>;
export type Output<R extends Route> = R["reply"] extends "bytes" ? Response : z.output<R["output"]>;

export type Connection<Table extends RouteTable> = {
  readonly [Name in keyof Table]: (
    input: Input<Table[Name]>,
    options?: CallOptions,
  ) => Promise<Output<Table[Name]>>;
};

/**
 * Every route of `table` at `address` as a function. Whoever reads a bytes reply checks its bytes.
 */
export function connect<Table extends RouteTable>(
  table: Table,
  address: string,
  transport: Transport,
  /** What the other side is called in a fault: "the tracker", "seeder-2". */
  peer: string,
  defaults: CallOptions = {},
): Connection<Table> {
  const entries = Object.entries(table).map(([name, route]) => [
    name,
    (input: unknown, options: CallOptions = {}) =>
      call(route, address, transport, peer, input, { ...defaults, ...options }),
  ]);
  return Object.fromEntries(entries);
}

/** So often a session may turn out to be over before an answer counts as none. */
const sessionsMost = 3;

async function call(
  route: Route,
  address: string,
  transport: Transport,
  peer: string,
  input: unknown,
  options: CallOptions,
): Promise<unknown> {
  const { signal } = options;
  const prover = isProved(route) ? options.prover : undefined;
  const to = { route, address, transport, peer, signal };
  if (prover === undefined) {
    return await readReply(to, await exchange(to, encodeRequest(route, address, input, options)));
  }
  for (let session = 1;; session++) {
    const answer = await askProved(to, encodeRequest(route, address, input, options), prover);
    if (!(answer instanceof Fault)) return parseReply(route, answer, peer);
    if (answer.code !== "session-ended" || session === sessionsMost) throw answer;
  }
}

/** One way to one route. */
interface To {
  readonly route: Route;
  readonly address: string;
  readonly transport: Transport;
  readonly peer: string;
  readonly signal: AbortSignal | undefined;
}

async function exchange(to: To, request: Request): Promise<Response> {
  return await reached(to, () => to.transport(request));
}

async function reached<T>(to: To, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (to.signal?.aborted) throw to.signal.reason;
    throw unreachable(to, cause);
  }
}

async function readReply(to: To, response: Response): Promise<unknown> {
  const { route, peer } = to;
  if (!response.ok) throw problemFault(await readText(to, response), response, route, peer);
  const spoken = response.headers.get(protocolHeader);
  if (spoken !== String(limits.protocolVersion)) {
    await response.body?.cancel();
    throw new Fault(
      "protocol-mismatch",
      `${peer} at ${to.address} speaks protocol ${spoken ?? "unknown"}, this side ` +
        `${limits.protocolVersion}`,
    );
  }
  if (route.reply === "bytes") return response;
  return parseReply(route, await readText(to, response), peer);
}

/** The text of a proved reply, or the fault that it tells. */
async function askProved(to: To, request: Request, prover: Prover): Promise<string | Fault> {
  const asked = readRequestProof(request.headers.get(proofHeader));
  const response = await exchange(to, request);
  const header = response.headers.get(proofHeader);
  const proof = asked && prover.open(asked, response.status, header);
  if (asked === undefined || proof === undefined) throw await unproved(to, response);
  const bytes = await readBytes(to, response, proof.sizeBytes);
  if (bytes === undefined || !isBody(proof, bytes)) throw await unproved(to, response);
  const text = new TextDecoder().decode(bytes);
  if (response.ok) return text;
  const fault = problemFault(text, response, to.route, to.peer);
  if (fault.code === "session-ended") prover.begin(asked, proof.session);
  return fault;
}

/** Longest problem that is looked at although nobody proved it. */
const hintBytesMax = 4096;

/** What came is as good as no answer; what it says is kept as the cause, for people. */
async function unproved(to: To, response: Response): Promise<Fault> {
  const bytes = response.bodyUsed ? undefined : await readBytes(to, response, hintBytesMax);
  const cause = problemFault(new TextDecoder().decode(bytes), response, to.route, to.peer);
  const detail = `${to.peer} at ${to.address} answered without proof: ${cause.message}`;
  const next = cause.code === "protocol-mismatch" ? { next: cause.next } : {};
  return new Fault("tracker-unproved", detail.slice(0, 500), { cause, ...next });
}

async function readText(to: To, response: Response): Promise<string> {
  return await reached(to, () => response.text());
}

/** All of the body; undefined when it has more than `most` bytes. */
async function readBytes(
  to: To,
  { body }: Response,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return await reached(to, async () => {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let total = 0;
    for await (const part of body ?? []) {
      parts.push(part);
      total += part.length;
      if (total > most) return undefined;
    }
    return joined(parts);
  });
}

function unreachable({ route, address, peer }: To, cause: unknown): Fault {
  const code = route.access === "leave" ? "seeder-unreachable" : "tracker-unreachable";
  const reason = plainText(cause instanceof Error ? cause.message : String(cause));
  return new Fault(code, `${peer} at ${address} did not answer: ${reason}`, { cause });
}

function parseReply(route: Route, text: string, peer: string): unknown {
  try {
    return route.output.parse(JSON.parse(text));
  } catch (cause) {
    throw new Fault("internal", `${peer} answered ${route.path} with something unexpected`, {
      cause,
      next: "run the same version of offshore on both sides",
    });
  }
}

function problemFault(text: string, response: Response, route: Route, peer: string): Fault {
  if (response.headers.get("content-type")?.startsWith(problemMediaType)) {
    try {
      return faultOf(Problem.parse(JSON.parse(text)));
    } catch {
      // Falls through: a problem that is none is reported by its status below.
    }
  }
  return new Fault(
    "internal",
    `${peer} answered ${route.method} ${route.path} with status ${response.status}`,
  );
}

/** The request for a route. Throws `invalid-request` when the input does not fit its schema. */
export function encodeRequest(
  route: Route,
  address: string,
  input: unknown,
  options: CallOptions,
): Request {
  const headers = new Headers({ [protocolHeader]: String(limits.protocolVersion) });
  if (options.token !== undefined) headers.set("authorization", `Bearer ${options.token}`);
  if (options.requestId !== undefined) headers.set(requestIdHeader, options.requestId);
  const init: RequestInit = { method: route.method, headers };
  if (options.signal !== undefined) init.signal = options.signal;
  if (route.body === "json") {
    headers.set("content-type", "application/json");
    const bytes = init.body = new TextEncoder().encode(JSON.stringify(input));
    if (options.prover !== undefined && isProved(route)) {
      headers.set(proofHeader, options.prover.prove(route, bytes));
    }
    return new Request(address + route.path, init);
  }
  const fields = z.record(z.string(), z.string().optional()).safeParse(input);
  if (!fields.success) throw new Fault("invalid-request", z.prettifyError(fields.error));
  const rest = { ...fields.data };
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => {
    const value = rest[name] ?? "";
    delete rest[name];
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(rest)) {
    if (value === undefined) continue;
    const header = route.headers?.[name];
    if (header === undefined) query.set(name, value);
    else headers.set(header, value);
  }
  if (route.body === "bytes" && options.bytes !== undefined) init.body = options.bytes;
  const search = query.size === 0 ? "" : `?${query}`;
  return new Request(address + path + search, init);
}
