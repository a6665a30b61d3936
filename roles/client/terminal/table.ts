/**
 * Text in columns, measured as a terminal shows it: wide characters count two, combining ones none.
 * Cells must be safe to print already (`wording.ts`).
 */
import stringWidth from "string-width";

export type Align = "left" | "right";

export function widthOf(text: string): number {
  return stringWidth(text);
}

export function padded(text: string, width: number, align: Align = "left"): string {
  const blank = " ".repeat(Math.max(0, width - widthOf(text)));
  return align === "left" ? text + blank : blank + text;
}

/** One line for each row, columns two blanks apart, nothing after the last cell. */
export function tableOf(rows: readonly (readonly string[])[], aligns: readonly Align[]): string[] {
  const widths = aligns.map((_, i) => Math.max(0, ...rows.map((row) => widthOf(row[i] ?? ""))));
  return rows.map((row) =>
    row.map((cell, i) => padded(cell, widths[i] ?? 0, aligns[i])).join("  ").trimEnd()
  );
}

/** Names in as few lines as fit `columns`, read downwards like `ls`. */
export function columnsOf(names: readonly string[], columns: number): string[] {
  const widths = names.map(widthOf);
  for (let lineCount = 1; lineCount < names.length; lineCount++) {
    const columnWidths: number[] = [];
    for (let i = 0; i < names.length; i += lineCount) {
      columnWidths.push(Math.max(...widths.slice(i, i + lineCount)));
    }
    const total = columnWidths.reduce((sum, width) => sum + width + 2, -2);
    if (total > columns) continue;
    return Array.from(
      { length: lineCount },
      (_, line) =>
        columnWidths.map((width, column) => padded(names[column * lineCount + line] ?? "", width))
          .join("  ").trimEnd(),
    );
  }
  return [...names];
}

/** The text cut to `columns`, with an ellipsis where something was cut. */
export function clipped(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let result = "";
  for (const character of text) {
    if (widthOf(result + character) > columns - 1) break;
    result += character;
  }
  return columns < 1 ? "" : `${result}…`;
}
