/**
 * The real network: `fetch` over HTTP/1.1. HTTP/2 is ten times slower for uploads on this runtime
 * (`docs/decisions/0004-http1-data-path.md`). The one place where TLS will be added.
 */
import type { Transport } from "../../protocol/mod.ts";

export function systemTransport(): Transport & { close(): void } {
  const client = Deno.createHttpClient({ http2: false, poolMaxIdlePerHost: 64 });
  const transport: Transport = (request) => fetch(request, { client, redirect: "error" });
  return Object.assign(transport, { close: () => client.close() });
}
