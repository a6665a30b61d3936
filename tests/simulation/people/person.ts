/**
 * Who sits at a client of a world: runs one request after another in the client's present life,
 * waits for its next when it dies under them, and tells what came of it. A fault that can only mean
 * a broken program is a failure of the world. What is asked for, `actor.ts` and others say.
 */
import { asFault, childOf, type Fault, type RemotePath, rootPath } from "../../../protocol/mod.ts";
import type { Session } from "../../../roles/client/cluster/session.ts";
import type { Random } from "../../../roles/kit/random.ts";
import type { Belief } from "./belief.ts";
import type { ClientMachine, Cluster } from "../machine/cluster.ts";
import { neverExpected } from "../checkers/never_expected.ts";

export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "failed"; readonly fault: Fault }
  | { readonly kind: "died" };

export class Person {
  readonly home: RemotePath;

  constructor(
    readonly cluster: Cluster,
    readonly client: ClientMachine,
    readonly belief: Belief,
    readonly random: Random,
  ) {
    this.home = childOf(rootPath, client.machine.name);
  }

  /** Runs `work` in the client's present life, or waits for the next. */
  async attempt<T>(what: string, work: (session: Session) => Promise<T>): Promise<Outcome<T>> {
    const { machine } = this.client;
    while (!machine.ready || !machine.running) await this.sleep(50);
    const { process } = machine;
    const { session } = this.client;
    if (process === undefined || session === undefined) return { kind: "died" };
    this.tell(what);
    const died = Promise.withResolvers<Outcome<T>>();
    const forget = process.whenEnded(() => died.resolve({ kind: "died" }));
    const working = work(session).then(
      (value): Outcome<T> => ({ kind: "done", value }),
      (error): Outcome<T> => ({ kind: "failed", fault: asFault(error) }),
    );
    const outcome = await Promise.race([working, died.promise]);
    forget();
    if (outcome.kind === "failed") this.meet(what, outcome.fault);
    else this.tell(`${what}: ${outcome.kind}`);
    return outcome;
  }

  meet(what: string, fault: Fault): void {
    this.tell(`${what}: ${fault.code}: ${fault.message}`);
    if (neverExpected.includes(fault.code)) {
      this.fail(`${what}: ${fault.code}: ${fault.message} ${fault.cause ?? ""} ${fault.stack}`);
    }
  }

  isOwn(path: RemotePath): boolean {
    return path.startsWith(`${this.home}/`);
  }

  sleep(ms: number): Promise<void> {
    return this.client.machine.clock.sleep(ms);
  }

  tell(what: string): void {
    this.cluster.world.tell(`${this.client.machine.name} ${what}`);
  }

  fail(what: string): undefined {
    this.cluster.world.fail(`${this.client.machine.name}: ${what}`);
    return undefined;
  }
}
