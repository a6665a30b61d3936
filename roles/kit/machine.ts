/** What the machine a role runs on has to offer: folders and addresses. */
import { Fault } from "../../protocol/mod.ts";
import type { Disk } from "./disk.ts";

/** The first address of this machine that is not loopback, IPv4 before IPv6. */
export function firstAddress(): string | undefined {
  const all = Deno.networkInterfaces().filter((each) =>
    !/^127\.|^::1$|^fe80:/i.test(each.address) && each.address !== ""
  );
  return (all.find((each) => each.family === "IPv4") ?? all[0])?.address;
}

/**
 * The role's own folder below `<disk>/.offshore`, made when it is missing. The disk itself is never
 * made: where it is missing it is most likely not mounted, and filling the system disk would be
 * worse.
 * @throws Fault `disk-unusable`
 */
export async function prepareState(disk: Disk, path: string, role: string): Promise<string> {
  const stat = await disk.stat(path);
  if (stat === undefined) {
    throw new Fault("disk-unusable", `${path} does not exist`, {
      next: `mount it, or make it: mkdir -p ${path}; or pass --disk`,
    });
  }
  if (await disk.stat(`${path}/.`) === undefined) {
    throw new Fault("disk-unusable", `${path} is not a directory`, { next: "pass --disk" });
  }
  const own = `${path}/.offshore/${role}`;
  try {
    await disk.makeDirectory(own);
    await disk.setAttributes(`${path}/.offshore`, { mode: 0o700, modifiedMs: Date.now() });
  } catch (cause) {
    throw new Fault("disk-unusable", `${own} cannot be made`, {
      cause,
      next: "check who owns the folder and that the disk is mounted for writing",
    });
  }
  return own;
}
