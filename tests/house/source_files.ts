/** The TypeScript files of the repository, for the tests of the house. */

const root = new URL("../../", import.meta.url);
const passedOver = [".git", ".disks", "dist", "node_modules", "coverage"];

/** Every TypeScript file, by its path from the root. */
export async function sourceFiles(
  directory = "",
  found = new Map<string, string>(),
): Promise<Map<string, string>> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(directory || ".", root))) {
    const path = directory + name;
    if (isDirectory && !passedOver.includes(name)) await sourceFiles(`${path}/`, found);
    else if (name.endsWith(".ts")) found.set(path, await Deno.readTextFile(new URL(path, root)));
  }
  return found;
}
