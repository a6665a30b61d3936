/**
 * Where the downloads of one run gather: a work directory beside the files of each directory, made
 * when the first file needs it and gone with the last. What dead runs left there is locked
 * meanwhile, so that a part is gone on with by one run only. Which parts there are is the matter of
 * `local_file.ts`.
 */
import { asFault } from "../../../protocol/mod.ts";
import { WorkDirectory } from "../../kit/beside.ts";
import type { Disk } from "../../kit/disk.ts";
import type { Random } from "../../kit/random.ts";

export class WorkPlace {
  users = 0;
  #own: Promise<WorkDirectory> | undefined;
  #left: Promise<WorkDirectory[]> | undefined;

  constructor(
    private readonly disk: Disk,
    private readonly random: Random,
    readonly directory: string,
  ) {}

  own(): Promise<WorkDirectory> {
    return this.#own ??= WorkDirectory.make(this.disk, this.random, this.directory);
  }

  /** Those of dead runs, without what nobody could go on with. */
  left(): Promise<WorkDirectory[]> {
    return this.#left ??= this.#takeOver();
  }

  async #takeOver(): Promise<WorkDirectory[]> {
    const all = await WorkDirectory.leftBeside(this.disk, this.directory);
    for (const work of all) {
      const names = [...work.left];
      await work.remove(...names.filter((name) => !isPaired(name, work.left)));
    }
    return all;
  }

  /** Never throws. */
  async end(): Promise<void> {
    const own = await this.#own?.catch(asFault);
    const left = await this.#left?.catch(() => []) ?? [];
    for (const work of left) await work.end();
    if (own instanceof WorkDirectory) await own.end();
  }
}

export function partName(number: number | string): string {
  return `${number}.part`;
}

export function sidecarName(number: number | string): string {
  return `${number}.json`;
}

/** A part that was saved, its sidecar, or a name that is not ours to judge. */
function isPaired(name: string, names: ReadonlySet<string>): boolean {
  const [, number, kind] = /^(\d+)\.(part|json|json\.new)$/.exec(name) ?? [];
  if (number === undefined) return true;
  if (kind === "json.new") return false;
  return names.has(partName(number)) && names.has(sidecarName(number));
}

/** Files come directory by directory; looking again costs a listing. */
const sweptMost = 1000;

export class WorkPlaces {
  readonly #open = new Map<string, WorkPlace>();
  readonly #ending = new Map<string, Promise<void>>();
  /** Where this run has looked for what dead runs left. */
  readonly #swept = new Set<string>();

  constructor(private readonly disk: Disk, private readonly random: Random) {}

  async enter(directory: string): Promise<WorkPlace> {
    // Its locks go first: what this run itself left is to be found.
    while (this.#ending.has(directory)) await this.#ending.get(directory);
    let place = this.#open.get(directory);
    if (place === undefined) {
      place = new WorkPlace(this.disk, this.random, directory);
      this.#open.set(directory, place);
    }
    place.users++;
    if (!this.#swept.has(directory)) {
      if (this.#swept.size === sweptMost) this.#swept.clear();
      this.#swept.add(directory);
      await place.left();
    }
    return place;
  }

  /** Never throws. */
  async leave(place: WorkPlace): Promise<void> {
    if (--place.users > 0) return;
    this.#open.delete(place.directory);
    const ending = place.end().finally(() => this.#ending.delete(place.directory));
    this.#ending.set(place.directory, ending);
    await ending;
  }
}
