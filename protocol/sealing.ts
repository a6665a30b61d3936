/**
 * Text that only whoever has the same 32 bytes can read, and nobody can change: AES-256-GCM with
 * what it is about as associated data. Which secret that is, and where the sealed text goes, is not
 * known here.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import * as z from "zod";

export const Sealed = z.strictObject({
  /** 12 bytes. */
  nonce: z.string().regex(/^[0-9a-f]{24}$/),
  sealed: z.string().regex(/^([0-9a-f]{2}){1,4096}$/),
  tag: z.string().regex(/^[0-9a-f]{32}$/),
});
export type Sealed = z.output<typeof Sealed>;

const cipher = "aes-256-gcm";

/**
 * @param secret 64 hex digits
 * @param nonce 24 hex digits that were never used with this secret before
 * @param about what the text is for: it opens for nothing else
 */
export function seal(secret: string, nonce: string, about: string, text: string): Sealed {
  const sealing = createCipheriv(cipher, Uint8Array.fromHex(secret), Uint8Array.fromHex(nonce));
  sealing.setAAD(new TextEncoder().encode(about));
  const sealed = sealing.update(text, "utf8", "hex") + sealing.final("hex");
  return { nonce, sealed, tag: sealing.getAuthTag().toString("hex") };
}

/** The text. Throws when it was sealed under another secret or about something else, or changed. */
export function unseal(secret: string, { nonce, sealed, tag }: Sealed, about: string): string {
  const key = Uint8Array.fromHex(secret), once = Uint8Array.fromHex(nonce);
  const opening = createDecipheriv(cipher, key, once);
  opening.setAAD(new TextEncoder().encode(about));
  opening.setAuthTag(Uint8Array.fromHex(tag));
  return opening.update(sealed, "hex", "utf8") + opening.final("utf8");
}
