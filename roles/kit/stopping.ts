/** When this process shall end: a signal, or its parent letting go of its standard input. */

/**
 * Fires on SIGTERM, SIGINT and SIGHUP; with `stopWithStdin` also when standard input ends, so that
 * a role started by another program never outlives it. A second signal ends the process at once.
 */
export function stopSignal(options: { stopWithStdin: boolean }): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string) => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort(new Error(reason));
  };
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => stop(name));
  }
  if (options.stopWithStdin) {
    drain().then(() => controller.signal.aborted || stop("standard input ended"));
  }
  return controller.signal;
}

async function drain(): Promise<void> {
  try {
    for await (const _ of Deno.stdin.readable) continue;
  } catch {
    // A broken pipe is an end as well.
  }
}
