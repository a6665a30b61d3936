/** What is said to an agent and what it answers, a JSON value a line. */
import * as z from "zod";

export const AgentQuestion = z.strictObject({
  id: z.int(),
  words: z.array(z.string()),
  stream: z.boolean(),
});
export type AgentQuestion = z.output<typeof AgentQuestion>;

/** Of a stream under way. */
export const AgentProgress = z.strictObject({ id: z.int(), streamed: z.int() });

export const AgentAnswer = z.strictObject({
  id: z.int(),
  code: z.int(),
  out: z.string(),
  err: z.string(),
  /** Of a stream: bytes printed, the longest time without one, and after how many that was. */
  bytes: z.int(),
  gapMs: z.number(),
  gapAt: z.int(),
  /** Of all bytes printed, in hex. */
  sha256: z.string(),
  tookMs: z.number(),
});
export type AgentAnswer = z.output<typeof AgentAnswer>;

export const AgentLine = z.union([AgentAnswer, AgentProgress]);
