/**
 * Tells a person how a transfer goes: on a terminal one line on standard error, drawn again as
 * things move; elsewhere nothing until the end. Notes and failures go above the line.
 */
import type { Clock } from "../../kit/clock.ts";
import { type Progress, progressAfter, type ProgressEvent, progressLine } from "./progress.ts";
import { startProgress } from "./progress.ts";
import { StatusLine } from "./status_line.ts";
import type { Terminal } from "./terminal.ts";
import type { TransferObserver } from "../transfer/transfer.ts";
import { visible } from "./wording.ts";

/** Faster than this no eye follows, and drawing costs the transfer time. */
const drawEveryMs = 100;
/** A stalled transfer still shows its falling rate. */
const redrawEveryMs = 500;

export interface TransferReport {
  readonly observer: TransferObserver;
  /** One more file is over. */
  file(failed: boolean): void;
  /** Prints a line above the progress line; `write` prints it. */
  above(write: () => void): void;
  readonly state: () => Progress;
  /** Takes the progress line away. */
  end(): void;
}

export function startTransferReport(
  parts: { clock: Clock; terminal: Terminal; name: string },
): TransferReport {
  const { clock, terminal } = parts;
  let state = startProgress(clock.now());
  let drawnMs = -Infinity;
  const line = new StatusLine(terminal);
  const ended = new AbortController();

  const draw = () => {
    if (!terminal.errorIsTerminal || ended.signal.aborted) return;
    drawnMs = clock.now();
    line.draw(progressLine(state, drawnMs, line.columns));
  };
  const take = (event: ProgressEvent) => {
    state = progressAfter(state, event, clock.now());
    if (clock.now() - drawnMs >= drawEveryMs) draw();
  };
  const above = (write: () => void) => {
    line.erase();
    write();
  };
  const redraw = async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(redrawEveryMs, ended.signal).catch(() => {});
      if (clock.now() - drawnMs >= redrawEveryMs) draw();
    }
  };
  if (terminal.errorIsTerminal) void redraw();

  return {
    observer: {
      expect: (bytes) => take({ kind: "expect", bytes }),
      advance: (bytes, seeder) => take({ kind: "advance", bytes, seeder }),
      note: (text) => above(() => terminal.writeError(`${parts.name}: ${visible(text)}\n`)),
    },
    file: (failed) => take({ kind: "file", failed }),
    above,
    state: () => state,
    end: () => {
      ended.abort();
      line.erase();
    },
  };
}
