/**
 * Tables that differ from the log are built anew from it, beside the live ones, which nobody writes
 * to meanwhile: the tracker has ended, and begins again on the new catalog. What the log does not
 * say is either in the settings and among the answers, which are copied, or told by seeders again,
 * as after a rebuild.
 */
import { Fault, limits } from "../../../protocol/mod.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { loggedSettings } from "../log/operations.ts";
import { Follower, type FollowerParts } from "../log/follower.ts";

/** Whether somebody asked for it. */
export class Mending {
  #isAsked = false;
  readonly #begun = Promise.withResolvers<void>();

  /** @param isPossible whether whoever runs the tracker exchanges its catalog when told */
  constructor(readonly isPossible: boolean) {}

  ask(): void {
    this.#isAsked = true;
  }

  /** At the end of a check: the tracker ends now when something is to be mended. */
  begin(): void {
    if (this.#isAsked && this.isPossible) this.#begun.resolve();
  }

  get begun(): Promise<void> {
    return this.#begun.promise;
  }
}

const pageRows = 500;

/**
 * Leaves in the scratch catalog `mended` what a tracker can start from, closed. @throws Fault
 * `config-corrupt` when the log itself is damaged
 */
export async function buildMended(parts: FollowerParts): Promise<void> {
  const { live, scratch, pause } = parts;
  await scratch.remove("mended");
  const follower = new Follower({ ...parts, name: "mended" });
  try {
    await follower.use(async ({ catalog, advance }) => {
      const head = await advance();
      if (head === undefined) throw new Fault("config-corrupt", "the log is empty");
      await catalog.transaction(async (tx) => void await tx.trimLog(head.sequence + 1, pageRows));
      await copyLog(live, catalog, head.sequence, pause);
      const { settings, answers } = await live.read(async (view) => ({
        settings: await view.settings(),
        answers: await view.answers(),
      }));
      await catalog.transaction(async (tx) => {
        for (const [key, text] of answers) await tx.putAnswer(key, text, limits.answersKeptMax);
        for (const [name, value] of settings) {
          // One that is in the log is as the log says; of an older program's nothing is said there.
          const said = loggedSettings.some((each) => each === name) && await tx.setting(name);
          if (said === undefined || said === false) await tx.putSetting(name, value);
        }
      });
    });
  } finally {
    await follower.close();
  }
}

async function copyLog(
  live: Catalog,
  catalog: Catalog,
  upTo: number,
  pause: () => Promise<void>,
): Promise<void> {
  for (let after = 0; after < upTo;) {
    const last = after;
    const rows = await live.read((view) => view.logAfter(last, pageRows));
    await catalog.transaction(async (tx) => {
      for (const row of rows) {
        if (await tx.logHead() === undefined) await tx.beginLog(row);
        else await tx.appendLog(row);
      }
    });
    after = rows.at(-1)?.sequence ?? upTo;
    await pause();
  }
}
