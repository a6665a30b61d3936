/**
 * Room on the tracker's disk. A file holds a reserve that nobody else can take. Below the floor
 * nothing is taken that makes the catalog grow; well below it the reserve is let go, a quarter at a
 * time, so that removing, purging and what is under way still have room to be written down. When
 * there is plenty again the file is filled again.
 */
export interface ReserveState {
  /** Of the disk, the reserve file not counted. */
  readonly freeBytes: number;
  /** Inside the catalog: what was removed left it for what comes. */
  readonly spareBytes: number;
  /** Of the reserve file now. */
  readonly heldBytes: number;
  /** What it shall have, which is also the floor. */
  readonly reserveBytes: number;
}

export interface ReservePlan {
  /** Whether growing is refused. */
  readonly isLow: boolean;
  /** What the reserve file shall have now. */
  readonly heldBytes: number;
}

/** @param wasLow so that it does not waver about the floor */
export function planReserve(state: ReserveState, wasLow: boolean): ReservePlan {
  const { freeBytes, spareBytes, heldBytes, reserveBytes } = state;
  const floorBytes = reserveBytes * (wasLow ? 1.5 : 1);
  const leastBytes = reserveBytes / 4;
  // What is written goes beside the catalog first, so its own spare room alone does not do.
  const isLow = freeBytes < leastBytes || freeBytes + spareBytes < floorBytes;
  if (freeBytes < leastBytes) {
    return { isLow, heldBytes: Math.max(0, heldBytes - Math.ceil(leastBytes)) };
  }
  const missingBytes = reserveBytes - heldBytes;
  const isPlenty = missingBytes > 0 && freeBytes - missingBytes >= 2 * reserveBytes;
  return { isLow, heldBytes: isPlenty ? reserveBytes : heldBytes };
}
