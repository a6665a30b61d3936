/** A small local tree with everything in it that a transfer must bring back. */
/** Every name below a directory with what it is, as `find` would tell. */
export async function shape(directory: string, below = ""): Promise<string[]> {
  const lines: string[] = [];
  for await (const entry of Deno.readDir(`${directory}${below}`)) {
    const path = `${below}/${entry.name}`;
    if (entry.isSymlink) lines.push(`${path} -> ${await Deno.readLink(directory + path)}`);
    else if (entry.isDirectory) lines.push(`${path}/`, ...await shape(directory, path));
    else lines.push(path);
  }
  return lines.toSorted();
}

export async function makeTree(top: string): Promise<void> {
  await Deno.mkdir(`${top}/sub dir/deeper`, { recursive: true });
  await Deno.mkdir(`${top}/empty`);
  await Deno.writeTextFile(`${top}/a`, "");
  await Deno.writeTextFile(`${top}/sub dir/b`, "");
  await Deno.writeTextFile(`${top}/sub dir/deeper/ü 漢`, "");
  await Deno.symlink("../a", `${top}/sub dir/link`);
  await Deno.symlink("sub dir", `${top}/directory-link`);
  await Deno.symlink("/nowhere", `${top}/dangling`);
}
