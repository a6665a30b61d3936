/**
 * Names and paths of the namespace. A `RemotePath` is absolute, in one spelling, and safe to write
 * to any disk: no empty, `.` or `..` segment, no NUL, no unpaired surrogate, within the limits.
 * Names are compared byte for byte: "é" composed and decomposed are two names, as on Linux.
 */
import * as z from "zod";
import { limits } from "./limits.ts";

const encoder = new TextEncoder();

/** Why `name` cannot be a segment of a path, in words, or undefined when it can. */
export function segmentProblem(name: string): string | undefined {
  if (name === "") return "a name is empty";
  if (name === "." || name === "..") return `"${name}" is not a name`;
  if (name.includes("/")) return "a name holds a slash";
  if (name.includes("\0")) return "a name holds a NUL character";
  if (!name.isWellFormed()) return "a name is not valid Unicode";
  const bytes = encoder.encode(name).length;
  if (bytes > limits.segmentBytesMax) {
    return `a name has ${bytes} bytes, more than ${limits.segmentBytesMax}`;
  }
  return undefined;
}

/**
 * For people: a byte that is none of UTF-8, which the disk tells as a lone surrogate (U+DCE9 for
 * E9, U+DC00 where it is not known), is shown as `\xe9`, or `\x??`.
 */
export function withEscapes(name: string): string {
  return name.replace(/[\udc00\udc80-\udcff]/gu, (one) => {
    const byte = one.charCodeAt(0) - 0xdc00;
    return byte === 0 ? "\\x??" : `\\x${byte.toString(16)}`;
  });
}

/** Why `path` is not a `RemotePath`, in words, or undefined when it is one. */
export function pathProblem(path: string): string | undefined {
  if (!path.startsWith("/")) return "a path begins with a slash";
  if (path === "/") return undefined;
  const bytes = encoder.encode(path).length;
  if (bytes > limits.pathBytesMax) {
    return `the path has ${bytes} bytes, more than ${limits.pathBytesMax}`;
  }
  for (const segment of path.slice(1).split("/")) {
    const problem = segmentProblem(segment);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export const RemotePath = z.string().check((context) => {
  const problem = pathProblem(context.value);
  if (problem !== undefined) {
    context.issues.push({ code: "custom", message: problem, input: context.value });
  }
}).brand<"RemotePath">();
export type RemotePath = z.output<typeof RemotePath>;

/** The top of the namespace. */
export const rootPath: RemotePath = RemotePath.parse("/");

/** The segments of a path from the top; none for the root. */
export function segmentsOf(path: RemotePath): string[] {
  return path === "/" ? [] : path.slice(1).split("/");
}

/** The path made of these segments. Throws a ZodError when they make none. */
export function pathOf(segments: readonly string[]): RemotePath {
  return RemotePath.parse("/" + segments.join("/"));
}

/** The last segment; empty for the root. */
export function nameOf(path: RemotePath): string {
  return segmentsOf(path).at(-1) ?? "";
}

/** The directory that holds `path`; the root holds itself. */
export function parentOf(path: RemotePath): RemotePath {
  return pathOf(segmentsOf(path).slice(0, -1));
}

/** `name` inside `directory`. Throws a ZodError when the result is no path. */
export function childOf(directory: RemotePath, name: string): RemotePath {
  return pathOf([...segmentsOf(directory), ...name.split("/")]);
}

/** True when `path` is `ancestor` or lies below it. */
export function isWithin(path: RemotePath, ancestor: RemotePath): boolean {
  return ancestor === "/" || path === ancestor || path.startsWith(ancestor + "/");
}

/**
 * What a person typed, made absolute against `directory`: `.`, `..`, doubled and trailing slashes
 * are resolved by text alone, as a shell's `cd` does. Throws a ZodError when the result is no path.
 */
export function resolvePath(directory: RemotePath, typed: string): RemotePath {
  const segments = typed.startsWith("/") ? [] : segmentsOf(directory);
  for (const segment of typed.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") segments.pop();
    else segments.push(segment);
  }
  return pathOf(segments);
}
