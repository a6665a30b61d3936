/**
 * Messages about keeping copies: what an administrator may say about a seeder, how fast healing may
 * go, and what of it is told in the status. Copies themselves are made by orders (`orders.ts`).
 */
import * as z from "zod";
import { ChunkId, SeederId } from "./ids.ts";

/** How much healing may disturb reading and writing: one knob in three words. */
export const Pace = z.enum(["gentle", "normal", "urgent"]);
export type Pace = z.output<typeof Pace>;

/** Announces that a seeder will be away for so long; null ends it now. */
export const MaintenanceRequest = z.strictObject({
  seederId: SeederId,
  forMs: z.int().min(1).max(30 * 24 * 60 * 60_000).nullable(),
});
/** By the tracker's clock. */
export const MaintenanceReply = z.strictObject({ untilMs: z.int().nullable() });

export const DrainRequest = z.strictObject({ seederId: SeederId, cancel: z.boolean() });
export const DrainReply = z.strictObject({ draining: z.boolean() });

/**
 * A seeder that will not come back. `acceptLoss`: also where it had the only copies. `ban`: it
 * still reports and shall not, for it is hostile; its key is worth nothing from then on.
 */
export const ForgetRequest = z.strictObject({
  seederId: SeederId,
  acceptLoss: z.boolean(),
  ban: z.boolean().default(false),
});
export const ForgetReply = z.strictObject({
  /** Chunks that had their only copy there. */
  chunksLost: z.int(),
});

export const SetPaceRequest = z.strictObject({ pace: Pace });
export const SetPaceReply = z.strictObject({ pace: Pace });

export const ConfirmLossReply = z.strictObject({
  /** False when no drop was stopped. */
  confirmed: z.boolean(),
});

/** Of a cluster's status. */
export const HealingStatus = z.strictObject({
  pace: Pace,
  /** Copies under way now. */
  copying: z.int(),
  /** True while chunks move to better places. */
  moving: z.boolean(),
  /** Over the last half minute. */
  bytesPerSecond: z.int(),
  /** Until every chunk that can be has its copies, at this speed; null when nothing can be said. */
  secondsLeft: z.int().nullable(),
  /** Chunks whose copies failed, tried again later: how many, and the first of them. */
  setAsideCount: z.int(),
  setAside: z.array(z.strictObject({
    chunkId: ChunkId,
    why: z.string(),
    /** By the tracker's clock. */
    nextTryMs: z.int(),
  })),
  /**
   * Chunks that nothing can be done for now, as far as they were looked at lately: how many have
   * so many live copies for the same reason, most first.
   */
  stuck: z.array(
    z.strictObject({ chunks: z.int().min(1), copies: z.int().min(0), why: z.string() }),
  ),
  /**
   * Seeders being drained: what is held there and has not its copies elsewhere yet, and of how many
   * chunks the copies elsewhere have not proved themselves since then.
   */
  drains: z.array(z.strictObject({
    seederId: SeederId,
    chunksLeft: z.int(),
    chunksUnproved: z.int(),
    bytesLeft: z.int(),
  })),
});
export type HealingStatus = z.output<typeof HealingStatus>;
