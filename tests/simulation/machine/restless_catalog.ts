/**
 * A catalog as a database over a network would be: between any two calls of a work time may pass,
 * so that everything else goes on meanwhile, and a transaction may be aborted at any of its calls
 * or at its commit and is then run again from the start, as after a serialization failure. Which
 * and where, the dice say.
 *
 * A work that touches something outside before it is committed does so twice here, or for nothing.
 * It does not draw failures of the database itself: those reach whoever asked.
 */
import type { Random } from "../../../roles/kit/random.ts";
import type { Clock } from "../../../roles/kit/clock.ts";
import type { Catalog, CatalogTransaction } from "../../../roles/tracker/catalog/catalog.ts";

/** A call takes time this often. */
const pausesShare = 0.02;
/** A call, or the commit, ends the attempt this often; after a few attempts none does. */
const abortsShare = 0.01;
const attemptsMost = 4;

/** How an attempt ends that is run again. A work may catch it: it is aborted all the same. */
class Aborted extends Error {}

export function restlessCatalog(
  catalog: Catalog,
  random: Random,
  clock: Pick<Clock, "sleep">,
): Catalog {
  const pause = async () => {
    if (random.unit() < pausesShare) await clock.sleep(random.unit() < 0.8 ? 0 : 3);
  };
  return {
    read: (work) => catalog.read((view) => work(calling(view, pause))),
    close: () => catalog.close(),
    transaction: async (work) => {
      for (let attempt = 1;; attempt++) {
        let aborted = false;
        const call = async () => {
          await pause();
          if (attempt < attemptsMost && random.unit() < abortsShare) aborted = true;
          if (aborted) throw new Aborted("this transaction is aborted");
        };
        try {
          return await catalog.transaction(async (tx: CatalogTransaction) => {
            const ended = await work(calling(tx, call));
            // And the commit: what the work has done is undone, whatever it believes.
            await call();
            return ended;
          });
        } catch (error) {
          if (!aborted) throw error;
        }
      }
    },
  };
}

function calling<View extends object>(view: View, before: () => Promise<void>): View {
  return new Proxy(view, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return async (...input: unknown[]) => {
        await before();
        return await method.apply(target, input);
      };
    },
  });
}
