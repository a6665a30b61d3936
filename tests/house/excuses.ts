/**
 * Who is excused from a house rule, and why. An excuse that is no longer needed is a complaint of
 * its own, so this list cannot outlive its reasons.
 */

/**
 * The only files of the roles that may reach clock, dice, network, disk and processes themselves.
 */
export const doors: Readonly<Record<string, string>> = {
  "roles/kit/clock.ts": "the system's clock",
  "roles/kit/random.ts": "the system's dice",
  "roles/kit/system_disk.ts": "the system's disk",
  "roles/kit/system_transport.ts": "the system's network, going out",
  "roles/kit/listen.ts": "the system's network, coming in",
  "roles/kit/lock.ts": "one process a disk: a lock of the operating system",
  "roles/kit/machine.ts": "what the machine calls itself, asked once at the start",
  "roles/kit/stopping.ts": "signals of the operating system",
  "roles/seeder/config.ts": "the machine's name is the seeder's name by default",
  "roles/tracker/catalog/sqlite_catalog.ts":
    "lets requests that wait on the socket into the group that shares the next sync",
  "roles/client/terminal.ts": "the person's terminal",
  "roles/client/local_cluster.ts": "starts the other roles as child processes",
};

/** Source files nobody imports. */
export const entrances: Readonly<Record<string, string>> = {};

/** Source files without a test of the same name. */
export const testedElsewhere: Readonly<Record<string, string>> = {};
