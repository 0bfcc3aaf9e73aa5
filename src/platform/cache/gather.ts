import type { Bump, CacheTimer } from "./types.ts";

/** A bump waits at most so long for the one before it: a server that hangs must not be waited for twice. */
const GATHER_MS = 5;

type Due = { readonly tags: Set<string>; readonly said: Promise<Bump> };

/**
 * Makes one bump of those that come together: their commits are all over, and a number may be that of more than one.
 * They gather for a turn of the event loop, and while the one before is on its way, if that is not long. So writers in a
 * crowd share scripts, entries of the stream and what every replica does about each of them; one alone waits for nobody.
 */
export class BumpGatherer {
  readonly #say: (tags: readonly string[]) => Promise<Bump>;
  readonly #timer: CacheTimer;
  #due: Due | null = null;
  #saying: Promise<void> | null = null;

  /** `say` bumps these tags and resolves with the number that is theirs, or with a later one. */
  constructor(say: (tags: readonly string[]) => Promise<Bump>, timer: CacheTimer) {
    this.#say = say;
    this.#timer = timer;
  }

  bump(tags: readonly string[]): Promise<Bump> {
    this.#due ??= { tags: new Set(), said: this.#sayDue() };
    for (const tag of tags) this.#due.tags.add(tag);
    return this.#due.said;
  }

  async #sayDue(): Promise<Bump> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (this.#saying !== null) await this.#before(this.#saying);
    const tags = [...(this.#due?.tags ?? [])];
    this.#due = null;
    const said = this.#say(tags);
    const ignored = (): void => undefined;
    const over = said.then(ignored, ignored);
    this.#saying = over;
    void over.then(() => {
      if (this.#saying === over) this.#saying = null;
    });
    return said;
  }

  async #before(saying: Promise<void>): Promise<void> {
    let cancel = (): void => undefined;
    const enough = new Promise<void>((resolve) => {
      cancel = this.#timer.after(GATHER_MS, resolve);
    });
    await Promise.race([saying, enough]);
    cancel();
  }
}
