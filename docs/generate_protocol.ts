/**
 * Writes the tables of `docs/PROTOCOL.md` from `protocol/`: routes, faults and limits, between its
 * markers. The prose around them is written by hand. `tests/house/protocol_document_test.ts` fails
 * while the document is not what this would write.
 *
 *     deno task docs
 */
import * as z from "zod";
import {
  faultKinds,
  limits,
  type Repeat,
  repeats,
  type Route,
  type RouteTable,
  seederRoutes,
  trackerRoutes,
} from "../protocol/mod.ts";

export const documentUrl = new URL("./PROTOCOL.md", import.meta.url);

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** The fields of a message by name; optional ones with a question mark. */
function fieldsOf(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const names = Object.keys(json.properties ?? {});
  const required = new Set(json.required ?? []);
  if (names.length === 0) return "none";
  return names.map((name) => `\`${name}${required.has(name) ? "" : "?"}\``).join(", ");
}

function requestOf(route: Route): string {
  const fields = fieldsOf(route.input);
  const carried = Object.entries(route.headers ?? {})
    .map(([field, header]) => `\`${field}\` in \`${header}\``).join(", ");
  const headers = carried === "" ? "" : `; ${carried}`;
  return route.body === "bytes" ? `${fields}${headers}; body: bytes` : `${fields}${headers}`;
}

function replyOf(route: Route): string {
  if (route.reply === "json") return fieldsOf(route.output);
  return route.method === "HEAD" ? "headers only" : "bytes";
}

function routeTable(
  table: RouteTable,
  repeats: Readonly<Record<string, Repeat>> | undefined,
): string {
  const rows = Object.entries(table).map(([name, route]) => {
    const access = route.role === undefined ? route.access : `${route.access}, ${route.role}`;
    const call = `\`${route.method} ${route.path}\``;
    const again = repeats === undefined ? [] : [repeats[name] ?? ""];
    const first = [`\`${name}\``, call, access, ...again];
    return row(...first, route.summary, requestOf(route), replyOf(route));
  });
  const again = repeats === undefined ? [] : ["again"];
  const heads = ["name", "call", "access", ...again, "what for", "request", "reply"];
  return [row(...heads), row(...heads.map(() => "---")), ...rows].join("\n");
}

function faultTable(): string {
  const rows = Object.entries(faultKinds).map(([code, kind]) =>
    row(`\`${code}\``, String(kind.status), kind.retry, kind.title)
  );
  return [row("code", "status", "retry", "title"), row("---", "---", "---", "---"), ...rows]
    .join("\n");
}

function limitTable(): string {
  const rows = Object.entries(limits).map(([name, value]) => row(`\`${name}\``, String(value)));
  return [row("name", "value"), row("---", "---"), ...rows].join("\n");
}

const tables: Readonly<Record<string, () => string>> = {
  "tracker routes": () => routeTable(trackerRoutes, repeats),
  "seeder routes": () => routeTable(seederRoutes, undefined),
  "faults": faultTable,
  "limits": limitTable,
};

/** The document with each table written anew. Throws when a marker is missing. */
export function withTables(document: string): string {
  let result = document;
  for (const [name, table] of Object.entries(tables)) {
    const begin = `<!-- begin ${name} -->`, end = `<!-- end ${name} -->`;
    const from = result.indexOf(begin), to = result.indexOf(end);
    if (from < 0 || to < from) throw new Error(`PROTOCOL.md has no markers for "${name}"`);
    result = `${result.slice(0, from + begin.length)}\n\n${table()}\n\n${result.slice(to)}`;
  }
  return result;
}

if (import.meta.main) {
  await Deno.writeTextFile(documentUrl, withTables(await Deno.readTextFile(documentUrl)));
}
