/** All commands, in the order in which help lists them. */
import type { Command } from "./command.ts";
import { joinCode, loginCode, policy } from "./commands/administration.ts";
import { adopted } from "./commands/adopted.ts";
import { confirmLoss, drain, forget, maintenance, pace } from "./commands/care.ts";
import { backup } from "./commands/backup.ts";
import { cat } from "./commands/cat.ts";
import { df, ping, seeders } from "./commands/cluster.ts";
import { explain } from "./commands/explain.ts";
import { fsck } from "./commands/fsck.ts";
import { get } from "./commands/get.ts";
import { listLocal } from "./commands/list_local.ts";
import { list } from "./commands/list.ts";
import { mkdir, mv, rm, rmdir } from "./commands/namespace.ts";
import { login } from "./commands/login.ts";
import { cd, lcd, lpwd, pwd } from "./commands/places.ts";
import { preview } from "./commands/preview.ts";
import { put } from "./commands/put.ts";
import { scrub } from "./commands/scrub.ts";
import { clear, exit, help } from "./commands/shell_words.ts";
import { du, stat } from "./commands/stat.ts";
import { status } from "./commands/status.ts";
import { restore, trash } from "./commands/trash.ts";
import { revert, undo, versions } from "./commands/versions.ts";
import { whatIf } from "./commands/what_if.ts";

export const commands: readonly Command[] = [
  list,
  put,
  get,
  cat,
  preview,
  cd,
  pwd,
  mkdir,
  rmdir,
  rm,
  trash,
  restore,
  versions,
  revert,
  undo,
  mv,
  stat,
  explain,
  du,
  listLocal,
  lcd,
  lpwd,
  status,
  seeders,
  df,
  ping,
  adopted,
  scrub,
  fsck,
  whatIf,
  maintenance,
  drain,
  forget,
  pace,
  confirmLoss,
  policy,
  joinCode,
  loginCode,
  login,
  backup,
  help,
  clear,
  exit,
];

/** The command that is called so, by its name or another one. */
export function commandCalled(word: string): Command | undefined {
  return commands.find(({ spec }) => spec.name === word || spec.aliases?.includes(word));
}
