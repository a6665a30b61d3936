/**
 * A route table and its handlers as a Hono app: decodes and checks the request, asks the role's
 * guard, calls the handler, encodes the reply; whatever is thrown becomes problem details. No
 * decision about files is taken here.
 */
import { type Context, Hono } from "hono";
import * as z from "zod";
import {
  asFault,
  Fault,
  limits,
  problemMediaType,
  problemOf,
  protocolHeader,
  requestIdHeader,
  type Route,
  type RouteTable,
} from "../../protocol/mod.ts";
import type { Log } from "./log.ts";
import { type Random, randomHex } from "./random.ts";

/** What a handler is given. `Caller` is what the role's guard made of the credentials. */
export interface Call<R extends Route, Caller> {
  readonly input: z.output<R["input"]>;
  readonly caller: Caller;
  /** The request's body where the route's is bytes; empty when there was none. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** `Content-Length`, where the sender told it. */
  readonly bodyBytes: number | undefined;
  /** Address the request came from; "unknown" where there is no socket. */
  readonly peer: string;
  readonly requestId: string;
}

/** The reply of a route whose reply is bytes. */
export interface BytesReply {
  readonly status: 200 | 206;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer> | null;
}

export type Reply<R extends Route> = R["reply"] extends "bytes" ? BytesReply
  : z.input<R["output"]>;

export type Handlers<Table extends RouteTable, Caller> = {
  readonly [Name in keyof Table]: (call: Call<Table[Name], Caller>) => Promise<Reply<Table[Name]>>;
};

/** Credentials as sent; the guard decides what they are worth. */
export interface Credentials {
  readonly token: string | undefined;
}

/**
 * The one authorisation check of a role: throws `unauthenticated`, `forbidden` or a fault about a
 * leave unless these credentials open this route for this input.
 */
export type Guard<Caller> = (route: Route, credentials: Credentials, input: unknown) => Caller;

export interface ServeParts<Table extends RouteTable, Caller> {
  readonly table: Table;
  readonly handlers: Handlers<Table, Caller>;
  readonly guard: Guard<Caller>;
  readonly log: Log;
  readonly random: Random;
}

/**
 * Takes a request; `peer` is the address it came from. The same in the simulator and on a socket.
 */
export type App = (request: Request, peer?: string) => Promise<Response>;

export function serveRoutes<Table extends RouteTable, Caller>(
  parts: ServeParts<Table, Caller>,
): App {
  const app = new Hono<{ Bindings: { peer: string } }>();
  const entries = Object.entries(parts.table);
  for (const [name, route] of entries) {
    // Hono answers HEAD by what is registered for GET, so the two share one registration.
    if (route.method === "HEAD") continue;
    const twin = entries.find(([, other]) => other.method === "HEAD" && other.path === route.path);
    app.on(route.method, route.path, (context) => {
      const isHead = context.req.raw.method === "HEAD" && twin !== undefined;
      const [chosenName, chosen] = isHead ? twin : [name, route];
      // The table and the handlers have the same names by type; the cast says so to the compiler.
      const handler = parts.handlers[chosenName] as (call: Call<Route, Caller>) => Promise<unknown>;
      return answer(parts, chosen, handler, context);
    });
  }
  app.notFound((context) => {
    const detail = `${context.req.method} ${context.req.path}`;
    return problemResponse(new Fault("route-unknown", detail), requestIdOf(context, parts.random));
  });
  app.onError((error, context) => {
    const requestId = requestIdOf(context, parts.random);
    const fault = asFault(error);
    const fields = { requestId, route: context.req.path, fault };
    if (fault.code === "internal") {
      parts.log.error("request failed", { ...fields, stack: error.stack });
    } else parts.log.debug("request refused", fields);
    return problemResponse(fault, requestId);
  });
  return async (request, peer = "unknown") => await app.fetch(request, { peer });
}

/** Answers whatever is asked with one fault: what a role says before it is ready. */
export function refuseAll(fault: Fault, random: Random): App {
  return () => Promise.resolve(problemResponse(fault, randomHex(random, 16)));
}

function requestIdOf(context: Context, random: Random): string {
  const given = context.req.header(requestIdHeader) ?? "";
  return /^[A-Za-z0-9-]{1,64}$/.test(given) ? given : randomHex(random, 16);
}

function problemResponse(fault: Fault, requestId: string): Response {
  return new Response(JSON.stringify(problemOf(fault, requestId)), {
    status: fault.status,
    headers: {
      "content-type": problemMediaType,
      [protocolHeader]: String(limits.protocolVersion),
      [requestIdHeader]: requestId,
    },
  });
}

async function answer<Table extends RouteTable, Caller>(
  parts: ServeParts<Table, Caller>,
  route: Route,
  handler: (call: Call<Route, Caller>) => Promise<unknown>,
  context: Context<{ Bindings: { peer: string } }>,
): Promise<Response> {
  const requestId = requestIdOf(context, parts.random);
  checkProtocol(route, context.req.header(protocolHeader));
  const credentials = { token: bearerOf(context.req.header("authorization")) };
  const request = context.req.raw;
  // Before the body of a stranger is read; the guard looks again with the input in hand.
  if (route.access === "person" || route.access === "seeder") {
    if (credentials.token === undefined) {
      throw new Fault("unauthenticated", "the request carries no token");
    }
  }
  const input = parseInput(route, await rawInput(route, context));
  const caller = parts.guard(route, credentials, input);
  const length = context.req.header("content-length");
  const reply = await handler({
    input,
    caller,
    body: request.body ?? new ReadableStream({ start: (controller) => controller.close() }),
    bodyBytes: length === undefined ? undefined : Number(length),
    peer: context.env.peer,
    requestId,
  });
  const headers = {
    [protocolHeader]: String(limits.protocolVersion),
    [requestIdHeader]: requestId,
  };
  if (route.reply === "bytes") {
    const bytes = reply as BytesReply;
    const body = route.method === "HEAD" ? null : bytes.body;
    return new Response(body, { status: bytes.status, headers: { ...headers, ...bytes.headers } });
  }
  return new Response(JSON.stringify(reply), {
    headers: { ...headers, "content-type": "application/json" },
  });
}

function checkProtocol(route: Route, spoken: string | undefined): void {
  // A health check comes from tools that know nothing of the protocol.
  if (spoken === undefined && route.access === "open" && route.method === "GET") return;
  if (spoken === String(limits.protocolVersion)) return;
  throw new Fault(
    "protocol-mismatch",
    spoken === undefined
      ? `the request names no protocol version in ${protocolHeader}`
      : `the request speaks protocol ${spoken}, this side ${limits.protocolVersion}`,
  );
}

function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer ([\x21-\x7e]+)$/i.exec(header ?? "")?.[1];
}

async function rawInput(route: Route, context: Context): Promise<unknown> {
  if (route.body === "json") return await readJson(context.req.raw);
  const input: Record<string, string> = { ...context.req.query(), ...context.req.param() };
  for (const [field, header] of Object.entries(route.headers ?? {})) {
    const value = context.req.header(header);
    if (value !== undefined) input[field] = value;
  }
  return input;
}

async function readJson(request: Request): Promise<unknown> {
  const bytes = request.body === null
    ? new Uint8Array()
    : await readAtMost(request.body, limits.jsonBodyBytesMax);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Fault("invalid-request", "the body is not JSON", { cause });
  }
}

function parseInput(route: Route, raw: unknown): unknown {
  const result = route.input.safeParse(raw);
  if (result.success) return result.data;
  const detail = z.prettifyError(result.error);
  const isName = result.error.issues.some((issue) =>
    issue.code === "custom" && ["path", "paths", "from", "to"].includes(String(issue.path.at(-1)))
  );
  throw new Fault(isName ? "invalid-name" : "invalid-request", detail);
}

/** All of a body, if it has at most `most` bytes. Throws `body-too-large` or `truncated-body`. */
export async function readAtMost(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  try {
    for await (const part of body) {
      total += part.length;
      if (total > most) throw new Fault("body-too-large", `more than ${most} bytes`);
      parts.push(part);
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault("truncated-body", "the connection broke while the body was read", { cause });
  }
  const whole = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
