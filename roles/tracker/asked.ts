/**
 * Who asks for a change, and what it was answered when it was asked for before. The answer is kept
 * in the transaction that makes the change, so it is there exactly when the change is, also after a
 * crash; a request whose reply was lost gets it when it is asked again, and nothing is done twice.
 * A refusal changed nothing and is not kept.
 *
 * Answers are not in the log, as uploads under way are not: they serve for a minute, and a tracker
 * that was rebuilt from the seeders knows none (`docs/decisions/0012`).
 */
import type * as z from "zod";
import { chunkIdOf, Fault, limits, type OnceName, trackerRoutes } from "../../protocol/mod.ts";
import type { Call } from "../kit/serve.ts";
import type { Catalog, CatalogTransaction, CatalogView } from "./catalog/catalog.ts";
import { type Caller, userOf } from "./guard.ts";

type Routes = typeof trackerRoutes;

export class Asked<Answer extends z.ZodType> {
  private constructor(
    /** Who is written into the log as the one who asked. */
    readonly by: string,
    private readonly key: string,
    private readonly schema: Answer,
  ) {}

  /** The request of a person. Another person's, or one for something else, is another request. */
  static for<Name extends OnceName>(
    name: Name,
    { input, caller, requestId }: Call<Routes[Name], Caller>,
  ): Asked<Routes[Name]["output"]> {
    const by = userOf(caller);
    const text = JSON.stringify([name, by, requestId, input]);
    const key = chunkIdOf(new TextEncoder().encode(text));
    return new Asked(by, key, trackerRoutes[name].output);
  }

  /** With an answer of another shape than that of the route: one that is continued. */
  as<Other extends z.ZodType>(schema: Other): Asked<Other> {
    return new Asked(this.by, this.key, schema);
  }

  /** What was answered, undefined when it was not carried out yet. */
  async before(view: CatalogView): Promise<z.input<Answer> | undefined> {
    const text = await view.answer(this.key);
    if (text === undefined) return undefined;
    try {
      // The schemas of answers change no value, so what comes out of one may go into it.
      return this.schema.parse(JSON.parse(text)) as z.input<Answer>;
    } catch (cause) {
      throw new Fault("config-corrupt", "it was done, but what was answered cannot be read", {
        cause,
      });
    }
  }

  async keep(tx: CatalogTransaction, answer: z.input<Answer>): Promise<void> {
    await tx.putAnswer(this.key, JSON.stringify(answer), limits.answersKeptMax);
  }
}

/** One transaction that carries `work` out, unless that was done; the answer of then or of now. */
export function once<Answer extends z.ZodType>(
  { catalog }: { readonly catalog: Catalog },
  asked: Asked<Answer>,
  work: (tx: CatalogTransaction) => Promise<z.input<Answer>>,
): Promise<z.input<Answer>> {
  return catalog.transaction(async (tx) => {
    const before = await asked.before(tx);
    if (before !== undefined) return before;
    const answer = await work(tx);
    await asked.keep(tx, answer);
    return answer;
  });
}

/** For work that is more than one transaction: what was answered before, looked up first. */
export function answeredBefore<Answer extends z.ZodType>(
  { catalog }: { readonly catalog: Catalog },
  asked: Asked<Answer>,
): Promise<z.input<Answer> | undefined> {
  return catalog.read((view) => asked.before(view));
}
