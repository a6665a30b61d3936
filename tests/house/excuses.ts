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
  "roles/kit/plain_file.ts": "the system's disk, for files where others may write",
  "roles/kit/shell_door.ts": "the system's shell, for what the runtime does not do",
  "roles/kit/system_transport.ts": "the system's network, going out",
  "roles/kit/listen.ts": "the system's network, coming in",
  "roles/kit/http_bridge.ts": "the shapes of node:http, types only",
  "roles/kit/lock.ts": "one process a disk: a lock of the operating system",
  "roles/kit/machine.ts": "what the machine calls itself, asked once at the start",
  "roles/kit/stopping.ts": "signals of the operating system",
  "roles/seeder/config.ts": "the machine's name is the seeder's name by default",
  "roles/tracker/catalog/sqlite_catalog.ts":
    "lets requests that wait on the socket into the group that shares the next sync",
  "roles/client/terminal/terminal.ts": "the person's terminal",
  "roles/client/start.ts": "environment and folder of the process that serves",
  "roles/client/cluster/local_cluster.ts": "starts the other roles as child processes",
};

/** Files that may break one rule about form. */
export const forms: Readonly<Record<string, { readonly rule: string; readonly why: string }>> = {
  ".ci/pack.ts": { rule: "width", why: "lines of the shell head cannot be broken" },
  "protocol/routes.ts": { rule: "length", why: "one table, an entry for each route" },
  "roles/tracker/catalog/sqlite_view.ts": { rule: "length", why: "one look-up after another" },
  "tests/golden/examples.ts": { rule: "length", why: "one example for each message" },
  "tests/roles/tracker/files/uploads_test.ts": {
    rule: "length",
    why: "a case for each way to fail",
  },
  "tests/conformance/catalog_suite.ts": { rule: "length", why: "a case for each sentence" },
};

/** Source files nobody imports. */
export const entrances: Readonly<Record<string, string>> = {};

/**
 * Source files without a test of the same name, and the tests that drive them. A name ending in a
 * slash speaks for the whole folder.
 */
export const testedElsewhere: Readonly<Record<string, string>> = {
  "protocol/adopt.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/checks.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/authority.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/files.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/healing.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/fsck.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/membership.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/orders.ts": "schemas only: tests/golden/golden_test.ts parses each order",
  "protocol/trash.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/versions.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/scrub.ts": "schemas and one line: tests/roles/tracker/copies/scrubs_test.ts",
  "protocol/repeats.ts": "a table: tests/roles/tracker/asked_test.ts loses the reply of each",
  "protocol/routes.ts": "a table: tests/golden/golden_test.ts goes through every route",
  "protocol/snapshot_mark.ts": "schemas only: tests/golden/golden_test.ts parses each message",
  "protocol/mod.ts": "exports again what the other files hold",
  "roles/kit/http_bridge.ts": "heads and bodies over sockets: tests/roles/kit/listen_test.ts",
  "roles/kit/stopping.ts": "signals and ends of input: tests/cluster/start_test.ts",
  "roles/kit/backup_file.ts":
    "what a backup may be damaged in: tests/roles/tracker/recovery/restore_test.ts",
  "roles/kit/version.ts": "one constant, shown by --version: tests/cluster/start_test.ts",
  "roles/tracker/authority/earlier_time.ts":
    "a header on every reply, told by a client: tests/cluster/set_back_test.ts",
  "roles/tracker/": "driven through its routes: tests/roles/tracker/tracker_test.ts",
  "roles/tracker/checks/":
    "each check by its name, their repair: tests/roles/tracker/checks/fsck_test.ts",
  "roles/tracker/copies/": "seeders and healing: tests/simulation/stories/healing_test.ts",
  "roles/tracker/files/": "driven through routes: tests/roles/tracker/files/namespace_test.ts",
  "roles/tracker/log/": "what is logged and done again: tests/roles/tracker/log/operations_test.ts",
  "roles/tracker/recovery/": "disks lost: tests/simulation/stories/rebuild_test.ts",
  "roles/tracker/seeders/": "joins and reports: tests/roles/tracker/seeders/membership_test.ts",
  "roles/tracker/snapshots/": "both ways: tests/roles/tracker/snapshots/snapshots_test.ts",
  "roles/tracker/plan/": "repair and rebalance: tests/roles/tracker/plan/healing_test.ts",
  "roles/tracker/catalog/": "engines and their parts: tests/conformance/catalog_test.ts",
  "roles/seeder/": "driven through its routes and as a process: tests/cluster/death_test.ts",
  "roles/seeder/store/": "engines and their parts: tests/conformance/chunk_store_test.ts",
  "roles/seeder/log/keeper.ts": "its talk with trackers: tests/simulation/stories/rebuild_test.ts",
  "roles/seeder/log/snapshot_keeper.ts":
    "its talk with trackers: tests/simulation/stories/rebuild_test.ts",
  "roles/client/cluster/": "its calls and logins: tests/roles/client/cluster/session_test.ts",
  "roles/client/terminal/": "what a person sees: tests/roles/client/terminal/shell_test.ts",
  "roles/client/transfer/": "parts of both ways: tests/roles/client/transfer/upload_test.ts",
  "roles/client/commands/login.ts": "logins: tests/roles/client/cluster/access_test.ts",
  "roles/client/": "parts of transfers and commands: tests/roles/client/mod_test.ts",
};

/** The excuse for a file without a test of its name: its own, or that of the folder it lies in. */
export function excuseFor(file: string): string | undefined {
  return testedElsewhere[file] ?? testedElsewhere[file.slice(0, file.lastIndexOf("/") + 1)];
}
