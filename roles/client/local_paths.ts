/** Paths on this machine as text: POSIX, made absolute against the shell's local directory. */

/** Absolute, without `.`, `..`, doubled or trailing slashes. Links are not looked at. */
export function resolveLocal(directory: string, typed: string): string {
  const segments: string[] = [];
  const whole = typed.startsWith("/") ? typed : `${directory}/${typed}`;
  for (const segment of whole.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") segments.pop();
    else segments.push(segment);
  }
  return `/${segments.join("/")}`;
}

/** `~` and `~/x` with the home directory put in, as a shell does before a program sees them. */
export function expandHome(typed: string, home: string | undefined): string {
  if (home === undefined || !/^~(\/|$)/.test(typed)) return typed;
  return home + typed.slice(1);
}

/** The last segment; empty for the root. */
export function localNameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function localChildOf(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

export function localParentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}
