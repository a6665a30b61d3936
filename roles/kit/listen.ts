/** Puts an app on a socket. The only place that opens a port. */
import { Fault } from "../../protocol/mod.ts";
import type { App } from "./serve.ts";

export interface Listener {
  readonly host: string;
  readonly port: number;
  /**
   * Takes no new requests and waits up to `graceMs` for those under way. What is left then ends
   * with the process: on Deno 2.9.6 aborting a server that is shutting down is an error nobody can
   * catch.
   */
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
export function listen(app: App, host: string, port: number): Listener {
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { hostname: host, port, onListen: () => {} },
      (request, info) => app(request, info.remoteAddr.hostname),
    );
  } catch (cause) {
    throw listenFault(cause, host, port);
  }
  return {
    host,
    port: server.addr.port,
    stop: async (graceMs) => {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, graceMs);
      await Promise.race([server.shutdown(), late.promise]);
      clearTimeout(timer);
    },
  };
}

function listenFault(cause: unknown, host: string, port: number): Fault {
  if (cause instanceof Deno.errors.AddrInUse) {
    return new Fault("port-occupied", `another program listens on ${urlOf(host, port)}`, { cause });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new Fault("config-invalid", `cannot listen on ${urlOf(host, port)}: ${text}`, {
    cause,
    next: "pass --listen with an address of this machine and a free port",
  });
}
