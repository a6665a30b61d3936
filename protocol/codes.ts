/**
 * Codes: one line that carries where the tracker is and the right to join as a seeder or to log in.
 * A code has a part that everybody may read, the number of it, and a secret. The secret never
 * travels: whoever has it proves so (`proof.ts`), and what is given for it comes back sealed. The
 * number is made from what the code says, and the secret from the number, so a tracker keeps no
 * list of codes and nobody else can make one or change what one says. How often a code was used is
 * the tracker's to remember.
 */
import { createHmac } from "node:crypto";
import * as z from "zod";
import { Fault } from "./faults.ts";
import { BaseUrl, ClusterId } from "./ids.ts";
import { limits } from "./limits.ts";
import { Prover } from "./proof.ts";
import { seal, Sealed, unseal } from "./sealing.ts";
import { SecretKey } from "./trust.ts";

export const CodePurpose = z.enum(["join", "login"]);
export type CodePurpose = z.output<typeof CodePurpose>;

export const CodeId = z.string().regex(/^[0-9a-f]{16}$/, "expected 16 hex digits").brand<
  "CodeId"
>();
export type CodeId = z.output<typeof CodeId>;

export const CodeUses = z.int().min(1).max(limits.codeUsesMax);

/** What a code says. */
export const CodeClaims = z.strictObject({
  purpose: CodePurpose,
  tracker: BaseUrl,
  clusterId: ClusterId,
  /** By the tracker's clock. */
  expiresMs: z.int(),
  /** So often it serves. */
  uses: CodeUses,
  /** Who joins with it waits until a person accepts it. */
  pending: z.literal(true).optional(),
  /** Drawn for each code. */
  salt: z.string().regex(/^[0-9a-f]{16}$/),
});
export type CodeClaims = z.output<typeof CodeClaims>;

/** The readable part of a code, as it travels. */
export const CodeText = z.string().regex(/^[A-Za-z0-9_-]{1,2000}$/, "expected the text of a code")
  .brand<"CodeText">();
export type CodeText = z.output<typeof CodeText>;

/** A code taken apart by the one who has it. */
export interface Code {
  readonly claims: CodeClaims;
  readonly text: CodeText;
  readonly codeId: CodeId;
  readonly secret: SecretKey;
}

function codeIdOf(clusterKey: SecretKey, text: string): CodeId {
  const mac = createHmac("sha256", clusterKey).update(`offshore code ${text}`).digest("hex");
  return CodeId.parse(mac.slice(0, 16));
}

/** What whoever has the code of this number has, and nobody else but the tracker. */
export function codeSecretOf(clusterKey: SecretKey, codeId: string): SecretKey {
  const mac = createHmac("sha256", clusterKey).update(`offshore code secret ${codeId}`);
  return SecretKey.parse(mac.digest("hex"));
}

/** The line that a person is given. */
export function makeCode(clusterKey: SecretKey, claims: CodeClaims): string {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  const text = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  const codeId = codeIdOf(clusterKey, text);
  return `offshore-${claims.purpose}-${text}.${codeId}.${codeSecretOf(clusterKey, codeId)}`;
}

function claimsOf(text: string): CodeClaims | undefined {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    return CodeClaims.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined;
  }
}

/**
 * What a code says, unchecked: only the tracker can tell whether it is genuine. The code itself is
 * in no message, however wrong it is. @throws Fault `code-invalid`
 */
export function readCode(code: string): Code {
  const match = /^offshore-(join|login)-([A-Za-z0-9_-]+)\.([0-9a-f]{16})\.([0-9a-f]{64})$/
    .exec(code.trim());
  const [, purpose, text = "", codeId, secret] = match ?? [];
  const claims = claimsOf(text);
  if (claims === undefined || claims.purpose !== purpose) {
    throw new Fault("code-invalid", "this is not a code that a tracker printed", {
      next: "copy the whole line, from offshore-join- or offshore-login- to its end",
    });
  }
  return {
    claims,
    text: CodeText.parse(text),
    codeId: CodeId.parse(codeId),
    secret: SecretKey.parse(secret),
  };
}

/** As `readCode`, of a code for this purpose. @throws Fault `code-invalid` */
export function readCodeFor(purpose: CodePurpose, code: string): Code {
  const read = readCode(code);
  if (read.claims.purpose === purpose) return read;
  throw new Fault(
    "code-invalid",
    `a ${purpose} code is needed, this is a ${read.claims.purpose} code`,
  );
}

/**
 * What the code of this number says, to whoever proved to have its secret.
 * @throws Fault `code-invalid` unless this cluster made it so, for this purpose, and it still lives
 */
export function checkCode(
  clusterKey: SecretKey,
  clusterId: ClusterId,
  { codeId, text }: Pick<Code, "codeId" | "text">,
  purpose: CodePurpose,
  nowMs: number,
): CodeClaims {
  const claims = claimsOf(text);
  if (claims === undefined || codeIdOf(clusterKey, text) !== codeId) {
    throw new Fault("code-invalid", "what this code says was changed");
  }
  if (claims.clusterId !== clusterId) {
    throw new Fault("code-invalid", "this code was made by another cluster");
  }
  if (claims.purpose !== purpose) {
    throw new Fault(
      "code-invalid",
      `a ${purpose} code is needed, this is a ${claims.purpose} code`,
    );
  }
  if (nowMs > claims.expiresMs) throw new Fault("code-invalid", "this code has expired");
  return claims;
}

/** Of a code's secret, for sealing alone. */
function sealingKeyOf(secret: SecretKey): string {
  return createHmac("sha256", secret).update("offshore code seal").digest("hex");
}

/** For whoever has the code, and about one thing. @param nonce 24 hex digits, new each time */
export function sealUnderCode(secret: SecretKey, nonce: string, about: string, text: string) {
  return seal(sealingKeyOf(secret), nonce, about, text);
}

/** @throws Fault `code-invalid` when it was sealed under another code, or about something else */
export function unsealUnderCode(secret: SecretKey, sealed: Sealed, about: string): string {
  try {
    return unseal(sealingKeyOf(secret), sealed, about);
  } catch (cause) {
    throw new Fault("code-invalid", "what was sealed under the code does not open", { cause });
  }
}

/**
 * Who logs in, in a request that is proved under the code. The nonce is drawn by the client for one
 * login: asked again with it, the same answer.
 */
export const LoginRequest = z.strictObject({
  text: CodeText,
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
});
export const LoginReply = z.strictObject({
  clusterId: ClusterId,
  user: z.string(),
  /** The token, under the code, about `aboutLogin`. */
  sealedToken: Sealed,
});

export function aboutLogin(clusterId: ClusterId, nonce: string): string {
  return `offshore login ${clusterId} ${nonce}`;
}

export const MintCodeRequest = z.strictObject({
  purpose: CodePurpose,
  uses: CodeUses.optional(),
  lifeMs: z.int().min(1000).max(limits.codeLifeMsMax).optional(),
  /** Of a join code. */
  pending: z.literal(true).optional(),
});
export const MintCodeReply = z.strictObject({ code: z.string(), lifeMs: z.int(), uses: CodeUses });

/**
 * One who proves its requests by a code. Several may have the same code at once, so each counts for
 * itself, under a number of its own. @param session 32 hex digits, drawn by the prover
 */
export function proverOfCode({ codeId, secret }: Pick<Code, "codeId" | "secret">, session: string) {
  const generation = Number.parseInt(session.slice(-10), 16);
  return new Prover({ kind: "code", id: codeId, generation }, secret, session);
}

/**
 * What it means to whoever proved to have a code that nobody proved to know it: where the answer
 * says so, most likely that the code is wrong.
 */
export function codeFault(fault: Fault): Fault {
  const { cause } = fault;
  const isUnknown = fault.code === "tracker-unproved" && cause instanceof Fault &&
    cause.code === "unauthenticated";
  if (!isUnknown) return fault;
  return new Fault("code-invalid", "who answers at the tracker's address does not know this code", {
    cause,
  });
}
