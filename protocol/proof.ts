/**
 * Messages that prove who sent them: one header on a request and one on its reply, each an
 * HMAC-SHA-256 under a subkey of the secret that both sides have. The header alone can be checked,
 * before a byte of the body is read; it has the body's length and digest, to be checked after.
 *
 * A request is taken once: it counts up within a session, and a session is a random value that the
 * one who answers gave. Whoever has none yet, or an ended one, is told in a proved `session-ended`
 * and asks again. A reply speaks of that one request, so none can be kept and shown to another.
 *
 * Who may ask for what, and which sessions there are, is not known here.
 */
import { createHash, createHmac } from "node:crypto";
import { sameMac, type SecretKey } from "./trust.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Carries the proof of a request and of a reply. */
export const proofHeader = "offshore-proof";

/** Whose secret it is: a seeder's key, or that of a code. */
export type ProverKind = "seeder" | "code";

export interface ProverName {
  readonly kind: ProverKind;
  /** 16 hex digits. */
  readonly id: string;
  /** Counts the keys that this id was given. */
  readonly generation: number;
}

/** The body that a head speaks of. */
export interface ProvedBody {
  readonly sizeBytes: number;
  /** SHA-256 in hex. */
  readonly digest: string;
}

export interface RequestProof extends ProverName, ProvedBody {
  /** 32 hex digits. */
  readonly session: string;
  readonly counter: number;
  readonly mac: string;
}

export interface ReplyProof extends ProvedBody {
  /** To go on with. */
  readonly session: string;
  readonly mac: string;
}

/** What a request is for: the method and the path of its route. */
export interface Door {
  readonly method: string;
  readonly path: string;
}

const whole = "(0|[1-9]\\d{0,14})";
const body = `${whole} ([0-9a-f]{64}) ([A-Za-z0-9_-]{43})`;
const requestForm = new RegExp(
  `^(seeder|code) ([0-9a-f]{16}) ${whole} ([0-9a-f]{32}) ${whole} ${body}$`,
);
const replyForm = new RegExp(`^([0-9a-f]{32}) ${body}$`);

/** What the header of a request says, unchecked; undefined when it is none. */
export function readRequestProof(header: string | null | undefined): RequestProof | undefined {
  const match = requestForm.exec(header ?? "");
  if (match === null) return undefined;
  const [, kind, id = "", generation, session = "", counter, sizeBytes, digest = "", mac = ""] =
    match;
  return {
    kind: kind === "code" ? "code" : "seeder",
    ...{ id, session, digest, mac },
    ...{ generation: Number(generation), counter: Number(counter), sizeBytes: Number(sizeBytes) },
  };
}

function readReplyProof(header: string | null | undefined): ReplyProof | undefined {
  const match = replyForm.exec(header ?? "");
  if (match === null) return undefined;
  const [, session = "", sizeBytes, digest = "", mac = ""] = match;
  return { session, sizeBytes: Number(sizeBytes), digest, mac };
}

function macOf(key: SecretKey, text: string): string {
  const subkey = createHmac("sha256", key).update("offshore proof key").digest();
  return createHmac("sha256", subkey).update(text).digest("base64url");
}

function requestMac(key: SecretKey, { method, path }: Door, proof: Omit<RequestProof, "mac">) {
  const { kind, id, generation, session, counter, sizeBytes, digest } = proof;
  return macOf(
    key,
    `offshore request ${method} ${path} ${kind} ${id} ${generation} ${session} ${counter} ` +
      `${sizeBytes} ${digest}`,
  );
}

function replyMac(
  key: SecretKey,
  request: RequestProof,
  status: number,
  { session, sizeBytes, digest }: Omit<ReplyProof, "mac">,
): string {
  return macOf(
    key,
    `offshore reply ${request.mac} ${status} ${session} ${sizeBytes} ${digest}`,
  );
}

function bodyOf(bytes: Bytes): ProvedBody {
  return { sizeBytes: bytes.length, digest: createHash("sha256").update(bytes).digest("hex") };
}

/** Whether these are the bytes that a proved head spoke of. */
export function isBody({ sizeBytes, digest }: ProvedBody, bytes: Bytes): boolean {
  return bytes.length === sizeBytes && bodyOf(bytes).digest === digest;
}

/** The header of a request. */
export function proveRequest(
  key: SecretKey,
  door: Door,
  said: ProverName & { readonly session: string; readonly counter: number },
  bytes: Bytes,
): string {
  const { kind, id, generation, session, counter } = said;
  const proof = { kind, id, generation, session, counter, ...bodyOf(bytes) };
  const { sizeBytes, digest } = proof;
  const mac = requestMac(key, door, proof);
  return `${kind} ${id} ${generation} ${session} ${counter} ${sizeBytes} ${digest} ${mac}`;
}

export function isRequestProved(key: SecretKey, door: Door, proof: RequestProof): boolean {
  return sameMac(proof.mac, requestMac(key, door, proof));
}

/** The header of the reply to `request`. */
export function proveReply(
  key: SecretKey,
  request: RequestProof,
  status: number,
  session: string,
  bytes: Bytes,
): string {
  const proof = { session, ...bodyOf(bytes) };
  const { sizeBytes, digest } = proof;
  return `${session} ${sizeBytes} ${digest} ${replyMac(key, request, status, proof)}`;
}

/** What the header proves; undefined when it does not belong to this request and status. */
export function openReply(
  key: SecretKey,
  request: RequestProof,
  status: number,
  header: string | null,
): ReplyProof | undefined {
  const proof = readReplyProof(header);
  if (proof === undefined) return undefined;
  return sameMac(proof.mac, replyMac(key, request, status, proof)) ? proof : undefined;
}

/** One who proves its requests, in one session after the other. */
export class Prover {
  #session: string;
  #counter = 0;

  /** @param session drawn by the prover itself: nobody knows it, so the first reply tells one */
  constructor(readonly name: ProverName, private readonly key: SecretKey, session: string) {
    this.#session = session;
  }

  /** The header of the next request. */
  prove(door: Door, bytes: Bytes): string {
    const said = { ...this.name, session: this.#session, counter: ++this.#counter };
    return proveRequest(this.key, door, said, bytes);
  }

  /** As `openReply`. */
  open(request: RequestProof, status: number, header: string | null): ReplyProof | undefined {
    return openReply(this.key, request, status, header);
  }

  /** The session of `request` was told to be over; another request may have heard it before. */
  begin(request: RequestProof, session: string): void {
    if (request.session !== this.#session) return;
    this.#session = session;
    this.#counter = 0;
  }
}
