/**
 * From the requests of `node:http` to the web's, which the apps speak, and back. A head that could
 * be read in two ways is refused, and a body that nobody wanted to read is not read: the answer
 * goes out, and the connection ends. Opens no port.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { App } from "./serve.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The answer to one request, sent. Never throws.
 * @param later called with what ends a connection whose peer has yet to read the answer
 */
export async function answerOver(
  app: App,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  later: (end: () => void) => void,
): Promise<void> {
  try {
    const request = toRequest(incoming);
    const peer = incoming.socket.remoteAddress ?? "unknown";
    const response = request === undefined ? meaningless() : await app(request, peer);
    const isWhole = request !== undefined && incoming.complete;
    if (isWhole) {
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      if (response.body !== null) await pour(response.body, outgoing);
      outgoing.end();
      return;
    }
    // Closed now, with bytes unread, the connection would be reset and the answer lost on its way.
    await refuse(response, outgoing);
    later(() => incoming.destroy());
  } catch {
    // A body that broke off in the middle of an answer: the peer sees the connection break too.
    incoming.destroy();
    outgoing.destroy();
  }
}

/** Undefined when the head has a second meaning. */
export function toRequest(incoming: IncomingMessage): Request | undefined {
  const { method = "", url = "" } = incoming;
  const headers = toHeaders(incoming.rawHeaders);
  if (headers === undefined || !url.startsWith("/") || headers.has("upgrade")) return undefined;
  const length = headers.get("content-length");
  const hasBody = headers.has("transfer-encoding") || (length !== null && length !== "0");
  const isBare = method === "GET" || method === "HEAD";
  if (isBare && hasBody) return undefined;
  const body = hasBody ? toStream(incoming) : isBare ? undefined : new Uint8Array();
  const init = body === undefined ? { method, headers } : { method, headers, body };
  try {
    // The host that was called means nothing here: whoever asks proves who it is.
    return new Request(`http://offshore${url}`, init);
  } catch {
    return undefined;
  }
}

function toHeaders(raw: readonly string[]): Headers | undefined {
  const headers = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    if (headers.has(name)) return undefined;
    try {
      headers.set(name, raw[i + 1] ?? "");
    } catch {
      return undefined;
    }
  }
  return headers;
}

/** The body as it is asked for: what nobody reads waits at the sender. */
function toStream(incoming: IncomingMessage): ReadableStream<Bytes> {
  let over = false;
  return new ReadableStream<Bytes>({
    start: (controller) => {
      const end = (finish: () => void) => {
        if (!over) finish();
        over = true;
      };
      incoming.on("data", (part: Bytes) => {
        if (over) return;
        controller.enqueue(part);
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.once("end", () => end(() => controller.close()));
      const broken = () => end(() => controller.error(new Error("the connection was closed")));
      incoming.once("error", broken);
      incoming.once("close", broken);
      incoming.pause();
    },
    pull: () => void incoming.resume(),
    cancel: () => {
      over = true;
      incoming.pause();
    },
  }, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
}

function meaningless(): Response {
  return new Response(null, { status: 400, headers: { "content-length": "0" } });
}

/** Without an end: the peer knows the length, and that there will be no other answer. */
async function refuse(response: Response, outgoing: ServerResponse): Promise<void> {
  const bytes = await response.bytes();
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    "connection": "close",
    "content-length": String(bytes.length),
  });
  outgoing.flushHeaders();
  if (bytes.length > 0) outgoing.write(bytes);
}

async function pour(body: ReadableStream<Bytes>, outgoing: ServerResponse): Promise<void> {
  const reader = body.getReader();
  const gone = Promise.withResolvers<void>();
  outgoing.once("close", gone.resolve);
  try {
    while (!outgoing.destroyed) {
      const { done, value } = await reader.read();
      if (done) return;
      if (outgoing.write(value)) continue;
      const drained = Promise.withResolvers<void>();
      outgoing.once("drain", drained.resolve);
      await Promise.race([drained.promise, gone.promise]);
      outgoing.off("drain", drained.resolve);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
