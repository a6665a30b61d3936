/**
 * The typed caller: a route, an address and a transport become a function. Requests and replies are
 * checked against the route's schemas; a problem in the reply is thrown as the fault it stands for.
 */
import * as z from "zod";
import { Fault, faultOf, Problem, problemMediaType } from "./faults.ts";
import { limits } from "./limits.ts";
import type { Route, RouteTable } from "./routes.ts";

/** The only way a role reaches another. Rejects when no answer came. */
export type Transport = (request: Request) => Promise<Response>;

export const protocolHeader = "offshore-protocol";
/** The same at every try of one request: it joins the lines of both logs, and see `repeats.ts`. */
export const requestIdHeader = "offshore-request-id";

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
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

async function call(
  route: Route,
  address: string,
  transport: Transport,
  peer: string,
  input: unknown,
  options: CallOptions,
): Promise<unknown> {
  const request = encodeRequest(route, address, input, options);
  let response: Response;
  try {
    response = await transport(request);
  } catch (cause) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw unreachable(route, address, peer, cause);
  }
  const readText = async () => {
    try {
      return await response.text();
    } catch (cause) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw unreachable(route, address, peer, cause);
    }
  };
  if (!response.ok) throw problemFault(await readText(), response, route, peer);
  const spoken = response.headers.get(protocolHeader);
  if (spoken !== String(limits.protocolVersion)) {
    await response.body?.cancel();
    throw new Fault(
      "protocol-mismatch",
      `${peer} at ${address} speaks protocol ${spoken ?? "unknown"}, this side ` +
        `${limits.protocolVersion}`,
    );
  }
  if (route.reply === "bytes") return response;
  return parseReply(route, await readText(), peer);
}

function unreachable(route: Route, address: string, peer: string, cause: unknown): Fault {
  const code = route.access === "leave" ? "seeder-unreachable" : "tracker-unreachable";
  const reason = cause instanceof Error ? cause.message : String(cause);
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
    init.body = JSON.stringify(input);
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
