/**
 * What an acknowledgement waits for. `auto`: a majority of the keepers, and of one or two keepers
 * fewer while one does not answer; `seeders`: a majority, always; `local`: the tracker's own disk.
 * How many that is says `log_keepers.ts`.
 */
export const logSyncModes = ["auto", "seeders", "local"] as const;
export type LogSync = typeof logSyncModes[number];
