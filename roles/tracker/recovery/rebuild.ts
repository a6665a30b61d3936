/**
 * A tracker whose disk is lost, while it takes its state from seeders: what it answers meanwhile,
 * and when it is done. Everyone but seeders is told to wait. The work is in `rebuilding.ts`.
 */
import { Fault, limits, trackerRoutes } from "../../../protocol/mod.ts";
import { type App, type Handlers, serveRoutes } from "../../kit/serve.ts";
import { version } from "../../kit/version.ts";
import type { Caller } from "../guard.ts";
import { Rebuilding, type RebuildingParts } from "./rebuilding.ts";
import { openClusterKeys } from "../cluster_keys.ts";
import { beginCatchUp, beginIntake, clusterIdSetting } from "./way_back.ts";

export interface Rebuild {
  /** Answers seeders; everyone else is told to wait. */
  readonly app: App;
  /** Resolves when the folder is whole, true, or when `signal` fired before, false. */
  run(signal: AbortSignal): Promise<boolean>;
}

/** @param seedersNeeded how many seeders a person says must be enough */
export async function openRebuild(parts: RebuildingParts): Promise<Rebuild> {
  return answering(parts, await beginIntake(parts));
}

/**
 * The same over a catalog whose log was set back: it takes what its seeders have beyond it. Its
 * `run` rejects when its log is no beginning of theirs.
 */
export async function openCatchUp(
  parts: Omit<RebuildingParts, "recoveryCode" | "own">,
): Promise<Rebuild> {
  const { catalog, disk, stateDirectory, random, clock } = parts;
  const knownId = await catalog.read((view) => view.setting(clusterIdSetting));
  const own = await openClusterKeys(disk, stateDirectory, random, knownId, clock.now());
  const begun = await beginCatchUp(catalog);
  return answering({ ...parts, recoveryCode: undefined, own }, begun);
}

/** @param begun there is something to take */
function answering(parts: RebuildingParts, begun: boolean): Rebuild {
  const rebuild = new Rebuilding(parts);
  const unavailable = () => {
    throw new Fault("tracker-rebuilding", rebuild.progress());
  };
  const handlers = Object.fromEntries(
    Object.keys(trackerRoutes).map((name) => [name, unavailable]),
  );
  const app = serveRoutes<typeof trackerRoutes, Caller>({
    table: trackerRoutes,
    // The names are those of the table; the cast says so to the compiler.
    handlers: {
      ...handlers as unknown as Handlers<typeof trackerRoutes, Caller>,
      health: () =>
        Promise.resolve(
          {
            ...{ status: "rebuilding", role: "tracker", version },
            protocol: limits.protocolVersion,
          } as const,
        ),
      presentLog: ({ input }) => rebuild.present(input),
      uploadLog: ({ input }) => rebuild.upload(input),
      uploadSnapshot: ({ input }) => rebuild.uploadSnapshot(input),
    },
    guard: rebuild.guard,
    ...{ clock: parts.clock, log: parts.log, random: parts.random },
  });
  return { app, run: async (signal) => !begun || await rebuild.run(signal) };
}
