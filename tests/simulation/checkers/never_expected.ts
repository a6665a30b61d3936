/** Which faults mean a broken program, whatever troubles the world has. */
import type { FaultCode } from "../../../protocol/mod.ts";

export const neverExpected: readonly FaultCode[] = [
  "internal",
  "invalid-request",
  "invalid-name",
  "unauthenticated",
  "forbidden",
  "leave-invalid",
  "route-unknown",
  "size-mismatch",
  "protocol-mismatch",
  "body-too-large",
];
