/**
 * One line on standard error that is drawn again and again as things move; nothing where standard
 * error is no terminal. When to draw is its user's business.
 */
import { clipped } from "./table.ts";
import type { Terminal } from "./terminal.ts";

const eraseLine = "\r\x1b[2K";

export class StatusLine {
  #isDrawn = false;

  constructor(private readonly terminal: Terminal) {}

  /** Columns that a line may have: some terminals wrap when the last one is written. */
  get columns(): number {
    return this.terminal.columns() - 1;
  }

  draw(line: string): void {
    if (!this.terminal.errorIsTerminal) return;
    this.terminal.writeError(eraseLine + clipped(line, this.columns));
    this.#isDrawn = true;
  }

  erase(): void {
    if (this.#isDrawn) this.terminal.writeError(eraseLine);
    this.#isDrawn = false;
  }
}
