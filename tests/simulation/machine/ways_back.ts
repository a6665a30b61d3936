/** How a simulated tracker comes to a state before it is opened: rebuilt, or caught up. */
import type { RecoveryCode } from "../../../protocol/mod.ts";
import type { App } from "../../../roles/kit/serve.ts";
import type { Catalog } from "../../../roles/tracker/catalog/catalog.ts";
import { openCatchUp, openRebuild } from "../../../roles/tracker/mod.ts";
import type { Life, World } from "./world.ts";

export interface WayBackParts {
  readonly world: World;
  readonly life: Life;
  readonly catalog: Catalog;
  readonly stateDirectory: string;
  readonly listen: (app: App) => void;
}

/** With a recovery code it is rebuilt, without one it catches up. False when it came to no end. */
export async function wayBack(
  { world, life, catalog, stateDirectory, listen }: WayBackParts,
  recoveryCode: RecoveryCode | undefined,
): Promise<boolean> {
  const { clock, random, log, disk } = life;
  const parts = { catalog, clock, random, log, disk, stateDirectory };
  const open = recoveryCode === undefined
    ? openCatchUp(parts)
    : openRebuild({ ...parts, recoveryCode });
  const { app, run } = await open;
  listen(app);
  const ended = await run(life.stop).catch((fault) => {
    world.tell(`no way back: ${fault}`);
    return false;
  });
  return ended && life.process.alive;
}
