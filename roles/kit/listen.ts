/**
 * Puts an app on a socket. The only place that opens a port, and where a stranger's connection
 * ends: one that shows no head in time, or nothing at all, is closed (`Deno.serve` of 2.9.6 never
 * does). How long a body may take, whoever reads it knows.
 */
import { createServer, type Server } from "node:http";
import { Fault } from "../../protocol/mod.ts";
import { answerOver } from "./http_bridge.ts";
import type { App } from "./serve.ts";

/** How long one connection may take: for a head to come whole, and then for the next request. */
const patience = { headMs: 10_000, restMs: 30_000 };
/** For the peer to read an answer that came before it had sent all. */
const lingerMs = 1_000;
/** Longer than any role thinks about an answer. */
const silentMs = 120_000;
/** A chain of seeders with leaves is the largest head. */
const headBytesMax = 24 * 1024;
const headersMost = 64;
/** Three of each seeder of the largest cluster we mean. */
const connectionsMost = 4_096;

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Takes no new requests, waits up to `graceMs` for those under way, and closes what is left. */
  stop(graceMs: number): Promise<void>;
}

/** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (loopback) or `PORT` (loopback). Port 0 takes a free one. */
export function parseListen(text: string): { host: string; port: number } | undefined {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)?:)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) return undefined;
  return { host: (match[1] ?? "127.0.0.1").replace(/^\[|\]$/g, ""), port };
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** True for addresses that mean every interface. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** `http://HOST:PORT`, with IPv6 in brackets. */
export function urlOf(host: string, port: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** @throws Fault `port-occupied` or `config-invalid` (an address that is not this machine's) */
export async function listen(
  app: App,
  host: string,
  port: number,
  { headMs, restMs }: typeof patience = patience,
): Promise<Listener> {
  const server = createServer({
    headersTimeout: headMs,
    keepAliveTimeout: restMs,
    // A chunk may take its time; whoever reads it watches it.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(headMs, 1_000),
    maxHeaderSize: headBytesMax,
    noDelay: true,
  }, (incoming, outgoing) => {
    void answerOver(app, incoming, outgoing, (end) => void setTimeout(end, lingerMs));
  });
  server.maxHeadersCount = headersMost;
  server.maxConnections = Math.min(connectionsMost, descriptorsMost() / 2);
  server.setTimeout(silentMs);
  const opened = Promise.withResolvers<void>();
  server.once("error", opened.reject);
  server.listen({ host, port }, opened.resolve);
  try {
    await opened.promise;
  } catch (cause) {
    throw listenFault(cause, host, port);
  }
  return { host, port: portOf(server), stop: (graceMs) => stopped(server, graceMs) };
}

/**
 * So many files and connections a process may have open: one that accepts a connection beyond them
 * never accepts another (seen on Deno 2.9.6). Half of them are for connections.
 */
function descriptorsMost(): number {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? leastDescriptors);
  } catch {
    return leastDescriptors;
  }
}

/** What systems allow that do not tell. */
const leastDescriptors = 1_024;

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function stopped(server: Server, graceMs: number): Promise<void> {
  const ended = Promise.withResolvers<void>();
  server.close(() => ended.resolve());
  server.closeIdleConnections();
  const timer = setTimeout(ended.resolve, graceMs);
  await ended.promise;
  clearTimeout(timer);
  server.closeAllConnections();
}

function listenFault(cause: unknown, host: string, port: number): Fault {
  if (cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE") {
    return new Fault("port-occupied", `another program listens on ${urlOf(host, port)}`, { cause });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new Fault("config-invalid", `cannot listen on ${urlOf(host, port)}: ${text}`, {
    cause,
    next: "pass --listen with an address of this machine and a free port",
  });
}
