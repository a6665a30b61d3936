/**
 * The language the roles share: types, arithmetic, faults and one table of routes. No IO, no clock,
 * no dice; nothing here imports a role.
 *
 * Glossary, one meaning a word:
 * - chunk: a run of bytes named by its SHA-256, at most 64 MiB, immutable
 * - manifest: the ordered chunks of one version of a file
 * - file, directory, link: a name in the namespace; a link is resolved like a symbolic link
 * - version: what one upload made of a file; it has an id, and people may type a prefix of it
 * - old version: one whose place another took, kept for a while
 * - seeder: a machine that keeps chunks; tracker: knows who holds what and decides; client: asks
 * - replica or copy: one chunk on one seeder's disk; holding: the tracker's record of it
 * - copies: how many holdings a chunk shall have
 * - lease: an upload under way, forgotten when its time is over
 * - leave: signed permission for one action on one chunk at one seeder
 * - receipt: a seeder's signed word that it holds a chunk durably
 * - heartbeat: a seeder's report; its reply carries orders (copy, drop, verify)
 * - proof: the header of a message by which only one who has the secret can have sent it
 * - epoch: the number of a tracker's start; seeders refuse a lower one than they have seen
 * - pack: a file in which a seeder keeps many small chunks
 * - adopted: of a file a person left on a seeder's disk; it is held in place, not copied
 * - repair, rebalance, drain, scrub: more copies; other places; empty a seeder; read again and
 *   check
 * - fault: an expected failure from the closed list in `faults.ts`
 */
export * from "./adopt.ts";
export * from "./authority.ts";
export * from "./checks.ts";
export * from "./chunking.ts";
export * from "./chunks.ts";
export * from "./codes.ts";
export * from "./digest.ts";
export * from "./faults.ts";
export * from "./files.ts";
export * from "./healing.ts";
export * from "./fsck.ts";
export * from "./ids.ts";
export * from "./inventory.ts";
export * from "./joined.ts";
export * from "./limits.ts";
export * from "./log.ts";
export * from "./manifest.ts";
export * from "./membership.ts";
export * from "./orders.ts";
export * from "./paths.ts";
export * from "./plain_text.ts";
export * from "./proof.ts";
export * from "./repeats.ts";
export * from "./routes.ts";
export * from "./scrub.ts";
export * from "./sealing.ts";
export * from "./snapshot.ts";
export * from "./sizes.ts";
export * from "./snapshot_mark.ts";
export * from "./trash.ts";
export * from "./trust.ts";
export * from "./versions.ts";
export * from "./wire.ts";
