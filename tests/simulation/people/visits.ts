/**
 * What a person at a client does with files that were adopted: reads one, which must be what some
 * file ever held at that place; and, where this is the one who may, removes, moves or replaces a
 * name, after which the file on the disk is none of the cluster's any more.
 */
import { RemotePath, rootPath } from "../../../protocol/mod.ts";
import { downloadFiles } from "../../../roles/client/transfer/download.ts";
import { silentObserver } from "../../../roles/client/transfer/transfer.ts";
import { randomInt } from "../../../roles/kit/random.ts";
import type { Actor } from "./actor.ts";
import { listAll } from "../checkers/checkers.ts";
import { isContent } from "./contents.ts";
import { isPeoples, type People } from "./people.ts";

const namesMost = 3;

/** @param mayChange whether names may be removed, moved and replaced too */
export async function visit(actor: Actor, people: People, mayChange: boolean): Promise<void> {
  const { random, belief } = actor;
  const listed = await actor.attempt("looks for adopted files", async (session) => {
    return await listAll(session, rootPath);
  });
  if (listed.kind !== "done") return;
  const paths = listed.value.filter(isPeoples);
  const path = paths[randomInt(random, 0, Math.max(0, paths.length - 1))];
  if (path === undefined) return;
  const isReplaced = belief.paths().includes(path);
  if (!mayChange || isReplaced || random.unit() < 0.6) return await read(actor, people, path);
  const dice = random.unit();
  if (dice < 0.4) {
    people.touch(path);
    const what = { path, what: "file", ...dice < 0.1 ? { now: true } : {} } as const;
    await actor.attempt(`removes ${path}`, (session) => session.tracker.remove(what));
  } else if (dice < 0.7) {
    const to = RemotePath.parse(`/moved-${randomInt(random, 1, namesMost)}`);
    if (listed.value.includes(to) || people.placesOf(to).some((each) => each !== to)) return;
    people.touch(path, to);
    const move = { from: path, to, replace: false };
    await actor.attempt(`moves ${path} to ${to}`, (session) => session.tracker.move(move));
  } else {
    people.touch(path);
    await actor.upload(new Map([[path, actor.newContent(5000)]]));
  }
}

async function read(actor: Actor, people: People, path: RemotePath): Promise<void> {
  const { client, belief } = actor;
  const localPath = "/home/visit";
  const outcome = await actor.attempt(`reads ${path}`, async (session) => {
    const wanted = [{ target: { path }, localPath, name: path }];
    const options = { force: true, observer: silentObserver };
    for await (const result of downloadFiles(session, wanted, options)) return result;
    return undefined;
  });
  if (outcome.kind !== "done" || outcome.value === undefined) return;
  if (outcome.value.fault !== undefined) return actor.meet(`reading ${path}`, outcome.value.fault);
  const bytes = client.machine.disk.peek(localPath);
  if (bytes === undefined) return actor.fail(`${path} was read and is not on the disk`);
  client.machine.disk.uproot(localPath);
  const allowed = [...people.allowed(path), ...belief.possibilities(path)];
  if (allowed.some((one) => one !== "absent" && isContent(bytes, one))) return;
  actor.fail(`${path} was read as ${bytes.length} bytes that no file there ever held`);
}
