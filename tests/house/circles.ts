/**
 * Circles among files: sets of files each of which is reached from each other by imports, those of
 * types included. Whoever changes a file of a circle has to understand all of it. Found with
 * Tarjan's algorithm (R. Tarjan, Depth-first search and linear graph algorithms, 1972).
 */
import { importsOf } from "./tidy_rules.ts";

/** @param files path from the root, and text. Each circle in order of its paths. */
export function circlesIn(files: ReadonlyMap<string, string>): string[][] {
  const targets = new Map([...files].map(([file, text]) => [
    file,
    importsOf(text).map(({ source }) => source).filter((source) => source.startsWith("."))
      .map((source) => new URL(source, `file:///${file}`).pathname.slice(1))
      .filter((target) => files.has(target)),
  ]));
  const indexes = new Map<string, number>(), lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    const index = indexes.size;
    indexes.set(file, index);
    lowest.set(file, index);
    stack.push(file);
    for (const target of targets.get(file) ?? []) {
      if (!indexes.has(target)) visit(target);
      const reached = stack.includes(target) ? lowest.get(target) ?? index : index;
      lowest.set(file, Math.min(lowest.get(file) ?? index, reached));
    }
    if (lowest.get(file) !== index) return;
    const circle = stack.splice(stack.indexOf(file));
    const selfImport = targets.get(file)?.includes(file) === true;
    if (circle.length > 1 || selfImport) circles.push(circle.sort());
  };
  for (const file of files.keys()) if (!indexes.has(file)) visit(file);
  return circles.sort((a, b) => (a[0] ?? "") < (b[0] ?? "") ? -1 : 1);
}
