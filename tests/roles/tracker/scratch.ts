/** Scratch catalogs in memory, and a clock whose pauses between two pages of work take no time. */
import type { Clock } from "../../../roles/kit/clock.ts";
import {
  MemoryCatalogData,
  openMemoryCatalog,
} from "../../../roles/tracker/catalog/memory_catalog.ts";
import type { Scratch, ScratchName } from "../../../roles/tracker/mod.ts";

export function memoryScratch(all: Map<ScratchName, MemoryCatalogData>): Scratch {
  return {
    open: (name) => {
      const data = all.get(name) ?? new MemoryCatalogData();
      all.set(name, data);
      return Promise.resolve(openMemoryCatalog(data));
    },
    remove: (name) => Promise.resolve(void all.delete(name)),
  };
}

export function impatient(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    sleep: (ms, signal) => ms < 10 ? Promise.resolve() : clock.sleep(ms, signal),
  };
}
