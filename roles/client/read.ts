/** Ordered reading. */
import { Fault, type Target } from "../../protocol/mod.ts";
import type { Session } from "./session.ts";
import type { TransferObserver } from "./transfer.ts";

export function readFile(
  _session: Session,
  _target: Target,
  _range: { start: number; end?: number } | undefined,
  _options: { signal?: AbortSignal; observer?: TransferObserver },
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  throw new Fault("internal", "being written");
}
