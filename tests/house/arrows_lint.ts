/**
 * The arrows of the architecture as a lint plugin: a role never imports another role, `protocol/`
 * never imports a role, and a plan imports only `protocol/` and other plans.
 */

/** Why a file may not import this, in words, or undefined when it may. Paths as written by Deno. */
export function arrowProblem(file: string, source: string): string | undefined {
  const from = placeOf(file);
  const bare = !/^[./]/.test(source) && !source.startsWith("file:");
  const to = bare ? undefined : placeOf(new URL(source, `file://${file}`).pathname);
  if (from?.room === "protocol") {
    if (to?.room.startsWith("roles/")) return "protocol/ never imports a role";
    if (bare && !["zod", "node:crypto", "node:assert/strict"].includes(source)) {
      return `protocol/ imports only zod, node:crypto and node:assert: not "${source}"`;
    }
  }
  if (from?.room.startsWith("roles/") && to?.room.startsWith("roles/") && to.room !== from.room) {
    if (from.room === "roles/kit") return "roles/kit never imports a role";
    if (to.room !== "roles/kit") return `${from.room} never imports ${to.room}`;
  }
  if (
    from?.inPlan && (bare ? source.startsWith("node:") : to?.room !== "protocol" && !to?.inPlan)
  ) {
    return "a plan is pure: it imports only protocol/ and other plans";
  }
  return undefined;
}

function placeOf(path: string): { room: string; inPlan: boolean } | undefined {
  const match = /\/(protocol|roles\/[a-z]+)\/(.*)$/.exec(path.replace(/^.*\/tests\//, "/tests/"));
  if (match === null || path.includes("/tests/")) return undefined;
  return { room: match[1] ?? "", inPlan: (match[2] ?? "").startsWith("plan/") };
}

const plugin: Deno.lint.Plugin = {
  name: "offshore",
  rules: {
    /**
     * Deno's own rule of this kind knows no exception for tests, where a wrong guess fails loudly.
     */
    "no-non-null-assertion": {
      create(context) {
        if (/\/(tests|bench)\//.test(context.filename)) return {};
        return {
          TSNonNullExpression: (node) =>
            context.report({ node, message: "parse it or handle its absence" }),
        };
      },
    },
    arrows: {
      create(context) {
        const check = (node: Deno.lint.Node, source: string) => {
          const problem = arrowProblem(context.filename, source);
          if (problem !== undefined) context.report({ node, message: problem });
        };
        return {
          ImportDeclaration: (node) => check(node, node.source.value),
          ImportExpression: (node) => {
            if (node.source.type === "Literal" && typeof node.source.value === "string") {
              check(node, node.source.value);
            }
          },
          ExportAllDeclaration: (node) => check(node, node.source.value),
          ExportNamedDeclaration: (node) => {
            if (node.source?.type === "Literal" && typeof node.source.value === "string") {
              check(node, node.source.value);
            }
          },
        };
      },
    },
  },
};
export default plugin;
