/**
 * The one place where a fault becomes lines for a person: what happened and why, what to type next.
 * Causes are not told: who wraps one says why in its own detail, and the log has both.
 */
import { type Fault, plainText } from "../../protocol/mod.ts";

export function faultLines(who: string, fault: Fault): string {
  return withoutCodes(`${who}: ${plainText(fault.message)}\n  next: ${plainText(fault.next)}\n`);
}

/** A code that was typed where it does not belong is in no message and in no history. */
export function withoutCodes(text: string): string {
  return text.replaceAll(/\b(offshore-(?:join|login|recovery)-)[A-Za-z0-9_.-]{8,}/g, "$1…");
}
