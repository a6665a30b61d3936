/**
 * A route table and its handlers as a Hono app: shows the head of a request to the role's guard,
 * and only then reads the body, checks it, calls the handler and encodes the reply; whatever is
 * thrown becomes problem details. A reply to one who proved its request is proved too. No decision
 * about files is taken here.
 */
import { type Context, Hono } from "hono";
import type * as z from "zod";
import {
  asFault,
  Fault,
  isBody,
  limits,
  problemMediaType,
  problemOf,
  proofHeader,
  protocolHeader,
  type ProvedBody,
  requestIdHeader,
  type Route,
  type RouteTable,
  sizeText,
} from "../../protocol/mod.ts";
import { readBody } from "./body_parts.ts";
import type { Clock } from "./clock.ts";
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

/** All that is known of a request before its body is read. */
export interface Head {
  readonly route: Route;
  /** Of `Authorization: Bearer`. */
  readonly token: string | undefined;
  /** The header of `protocol/proof.ts`, unchecked. */
  readonly proof: string | undefined;
  /** What the path, the query and the headers of the route say, unchecked. */
  readonly fields: Readonly<Record<string, string>>;
}

/** What the guard made of a head. */
export interface Admission<Caller> {
  readonly caller: Caller;
  /** The body that the sender proved to send. */
  readonly body?: ProvedBody | undefined;
  /** The headers by which the reply is proved, problems too. */
  readonly seal?: (status: number, bytes: Bytes) => Readonly<Record<string, string>>;
  /** Why the request is refused although it is known who sent it: told under the seal. */
  readonly refusal?: Fault | undefined;
}

/** The one authorisation check of a role. */
export interface Guard<Caller> {
  /**
   * Throws `unauthenticated`, `forbidden` or a fault about a leave unless the credentials in this
   * head open its route. Nothing of the body is read before.
   */
  admit(head: Head): Admission<Caller>;
  /** Throws unless this caller may ask this: what the body says of itself is compared here. */
  confirm?(caller: Caller, input: unknown): void;
}

/** Opens everything: for a role whose routes are all open. */
export const openGuard: Guard<undefined> = { admit: () => ({ caller: undefined }) };

type Bytes = Uint8Array<ArrayBuffer>;

export interface ServeParts<Table extends RouteTable, Caller> {
  readonly table: Table;
  readonly handlers: Handlers<Table, Caller>;
  readonly guard: Guard<Caller>;
  readonly clock: Clock;
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
    return problemResponse(
      new Fault("route-unknown", "nothing is served here"),
      requestIdOf(context, parts.random),
    );
  });
  app.onError((error, context) => {
    const requestId = requestIdOf(context, parts.random);
    return problemResponse(told(parts, error, requestId, context.req.path), requestId);
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

/** What was thrown as a fault, after it went into the log. */
function told(
  { log }: Pick<ServeParts<RouteTable, unknown>, "log">,
  error: unknown,
  requestId: string,
  route: string,
): Fault {
  const fault = asFault(error);
  const fields = { requestId, route, fault };
  if (fault.code === "internal") {
    log.error("request failed", { ...fields, stack: error instanceof Error ? error.stack : "" });
  } else log.debug("request refused", fields);
  return fault;
}

function problemResponse(
  fault: Fault,
  requestId: string,
  seal: Admission<unknown>["seal"] = () => ({}),
): Response {
  const bytes = toBytes(problemOf(fault, requestId));
  return new Response(bytes, {
    status: fault.status,
    headers: {
      ...headersOf(requestId, bytes, problemMediaType),
      ...seal(fault.status, bytes),
    },
  });
}

function ownHeaders(requestId: string): Record<string, string> {
  return {
    [protocolHeader]: String(limits.protocolVersion),
    [requestIdHeader]: requestId,
  };
}

function headersOf(requestId: string, bytes: Bytes, type: string): Record<string, string> {
  const length = String(bytes.length);
  return { ...ownHeaders(requestId), "content-type": type, "content-length": length };
}

function toBytes(value: unknown): Bytes {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function answer<Table extends RouteTable, Caller>(
  parts: ServeParts<Table, Caller>,
  route: Route,
  handler: (call: Call<Route, Caller>) => Promise<unknown>,
  context: Context<{ Bindings: { peer: string } }>,
): Promise<Response> {
  const requestId = requestIdOf(context, parts.random);
  checkProtocol(route, context.req.header(protocolHeader));
  const head = headOf(route, context);
  const admission = parts.guard.admit(head);
  const { seal } = admission;
  try {
    const reply = await handle(parts, head, admission, handler, context, requestId);
    if (route.reply === "bytes") {
      const { status, headers, body } = reply as BytesReply;
      return new Response(route.method === "HEAD" ? null : body, {
        status,
        headers: { ...ownHeaders(requestId), ...headers },
      });
    }
    const bytes = toBytes(reply);
    const headers = { ...headersOf(requestId, bytes, "application/json"), ...seal?.(200, bytes) };
    return new Response(bytes, { headers });
  } catch (error) {
    if (seal === undefined) throw error;
    return problemResponse(told(parts, error, requestId, route.path), requestId, seal);
  }
}

async function handle<Table extends RouteTable, Caller>(
  { guard, clock }: ServeParts<Table, Caller>,
  { route, fields }: Head,
  { caller, refusal, body }: Admission<Caller>,
  handler: (call: Call<Route, Caller>) => Promise<unknown>,
  context: Context<{ Bindings: { peer: string } }>,
  requestId: string,
): Promise<unknown> {
  if (refusal !== undefined) throw refusal;
  const request = context.req.raw;
  const raw = route.body === "json" ? await readJson(clock, route, request, body) : fields;
  const input = parseInput(route, raw);
  guard.confirm?.(caller, input);
  const length = context.req.header("content-length");
  return await handler({
    input,
    caller,
    body: request.body ?? new ReadableStream({ start: (controller) => controller.close() }),
    bodyBytes: length === undefined ? undefined : Number(length),
    peer: context.env.peer,
    requestId,
  });
}

function checkProtocol(route: Route, spoken: string | undefined): void {
  // A health check comes from tools that know nothing of the protocol.
  if (spoken === undefined && route.access === "open" && route.method === "GET") return;
  if (spoken === String(limits.protocolVersion)) return;
  const other = /^\d{1,6}$/.test(spoken ?? "") ? `protocol ${spoken}` : "no protocol by its number";
  throw new Fault(
    "protocol-mismatch",
    `the request speaks ${other}, this side ${limits.protocolVersion}`,
  );
}

function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer ([\x21-\x7e]+)$/i.exec(header ?? "")?.[1];
}

function headOf(route: Route, context: Context): Head {
  const fields: Record<string, string> = {};
  if (route.body !== "json") {
    Object.assign(fields, context.req.query(), context.req.param());
    for (const [field, header] of Object.entries(route.headers ?? {})) {
      const value = context.req.header(header);
      if (value !== undefined) fields[field] = value;
    }
  }
  const token = bearerOf(context.req.header("authorization"));
  return { route, token, proof: context.req.header(proofHeader), fields };
}

/** @throws Fault `body-too-large`, `truncated-body`, `digest-mismatch`, `invalid-request` */
async function readJson(
  clock: Clock,
  { bodyBytesMax }: Route,
  { body, headers }: Request,
  proved: ProvedBody | undefined,
): Promise<unknown> {
  const most = Math.min(bodyBytesMax, proved?.sizeBytes ?? Infinity);
  if (Number(headers.get("content-length") ?? 0) > most) {
    throw new Fault("body-too-large", `more than ${sizeText(most)}`);
  }
  const bytes = body === null ? new Uint8Array() : await readBody(clock, body, most);
  if (proved !== undefined && !isBody(proved, bytes)) {
    throw new Fault("digest-mismatch", "the body is not the one whose digest was proved");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Fault("invalid-request", "the body is not JSON", { cause });
  }
}

const issuesShown = 5;

/** What does not fit, named by the fields of our own schemas: what was sent is not repeated. */
function wordsOf({ issues }: z.ZodError): string {
  const words = issues.slice(0, issuesShown).map(({ code, path, message }) => {
    const place = path.map((step) => typeof step === "number" ? `[${step}]` : `.${String(step)}`);
    const what = code === "unrecognized_keys" ? "a field that is not known" : message;
    return place.length === 0 ? what : `${place.join("").replace(/^\./, "")}: ${what}`;
  });
  const more = issues.length - words.length;
  return [...words, ...more > 0 ? [`and ${more} more`] : []].join("; ");
}

function parseInput(route: Route, raw: unknown): unknown {
  const result = route.input.safeParse(raw);
  if (result.success) return result.data;
  const detail = wordsOf(result.error);
  const isName = result.error.issues.some((issue) =>
    issue.code === "custom" && ["path", "paths", "from", "to"].includes(String(issue.path.at(-1)))
  );
  throw new Fault(isName ? "invalid-name" : "invalid-request", detail);
}
