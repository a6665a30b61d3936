/**
 * Liveness without IO: from when a seeder was last heard and what the clock says now follows
 * whether it is green, yellow, red or away. Nothing is stored but the arrivals; a step compares the
 * states with those of the step before, so that a change is told once.
 */
import { limits, type SeederId, type SeederState } from "../../../protocol/mod.ts";

/** What liveness is judged from. */
export interface Presence {
  readonly seederId: SeederId;
  /** Absent when this tracker has heard nothing from it since its start. */
  readonly heardMs: number | undefined;
  /** It signed out and has not come back. */
  readonly away: boolean;
}

/**
 * The state of a seeder at `nowMs`. One that this tracker has not heard yet is yellow until it had
 * as long to report as any other, counted from the tracker's start.
 */
export function stateAt(presence: Presence, upSinceMs: number, nowMs: number): SeederState {
  if (presence.away) return "away";
  const silentMs = nowMs - (presence.heardMs ?? upSinceMs);
  if (silentMs >= limits.redAfterMs) return "red";
  return presence.heardMs === undefined || silentMs >= limits.yellowAfterMs ? "yellow" : "green";
}

/** The tracker looks at its clock this often, to notice when it could not look. */
export const attendMs = 500;
/** Looks may come this late before the delay counts as a stall of the tracker's own. */
const attendLateMsMax = 500;

/**
 * The time by which silence is judged. A tracker that was held up itself, by a busy disk or a
 * sleeping machine, has reports waiting that it has not read; until it looks again, its time stands
 * still.
 * @param attendedMs when it last looked at its clock; absent before the first time
 */
export function judgedMs(attendedMs: number | undefined, nowMs: number): number {
  if (attendedMs === undefined) return nowMs;
  return Math.min(nowMs, attendedMs + attendMs + attendLateMsMax);
}

export interface StateChange {
  readonly seederId: SeederId;
  /** Absent when the seeder is new. */
  readonly from: SeederState | undefined;
  readonly to: SeederState;
}

/** The states now, and what changed since `before`. */
export function stepRoster(
  before: ReadonlyMap<SeederId, SeederState>,
  presences: readonly Presence[],
  upSinceMs: number,
  nowMs: number,
): { states: Map<SeederId, SeederState>; changes: StateChange[] } {
  const states = new Map<SeederId, SeederState>();
  const changes: StateChange[] = [];
  for (const presence of presences) {
    const to = stateAt(presence, upSinceMs, nowMs);
    const from = before.get(presence.seederId);
    states.set(presence.seederId, to);
    if (from !== to) changes.push({ seederId: presence.seederId, from, to });
  }
  return { states, changes };
}
