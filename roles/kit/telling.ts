/**
 * The one place where a fault becomes lines for a person: what happened and why, what to type next.
 * Causes are not told: who wraps one says why in its own detail, and the log has both.
 */
import { type Fault, plainText } from "../../protocol/mod.ts";

export function faultLines(who: string, fault: Fault): string {
  return `${who}: ${plainText(fault.message)}\n  next: ${plainText(fault.next)}\n`;
}
