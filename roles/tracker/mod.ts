/**
 * The door of the tracker: who knows which seeders and files there are, and decides where data
 * goes.
 */
export { openMemoryCatalog } from "./catalog/memory_catalog.ts";
export { openSqliteCatalog } from "./catalog/sqlite_catalog.ts";
export { openTracker, type Tracker, type TrackerParts } from "./tracker.ts";
export { openCatchUp, openRebuild, type Rebuild } from "./recovery/rebuild.ts";
export { type Scratch, type ScratchName, sqliteScratch } from "./log/scratch.ts";
export { restoreFile } from "./recovery/restore.ts";
