/** Replies of a tracker that is fenced say so: what they tell is of an earlier time. */
import { earlierTimeHeader } from "../../../protocol/mod.ts";
import type { App } from "../../kit/serve.ts";
import type { Authority } from "./authority.ts";

/** @param lastMs the time of the last operation in the log */
export function sayingEarlierTime(
  app: App,
  authority: Pick<Authority, "isFenced">,
  lastMs: () => number,
): App {
  return async (request, peer) => {
    const response = await app(request, peer);
    if (authority.isFenced) response.headers.set(earlierTimeHeader, String(lastMs()));
    return response;
  };
}
