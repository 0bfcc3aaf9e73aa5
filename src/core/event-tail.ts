import type { PlatformDeps } from "../platform/deps.ts";
import { getEventPosition, listEvents, stampEvents } from "./statements.ts";

/** An event as the outbox has it; `data` is JSON text. */
export type OutboxEvent = Readonly<{
  business_id: string;
  topic: string;
  seq: number;
  data: string;
  /** Milliseconds since the change it tells of began. */
  age_ms: number;
}>;

/** The longest that an event waits for a look that nothing asked for. */
const LOOK_INTERVAL_MS = 200;
/** However much is written: some looks a second are enough, and each takes all that there is. */
const LOOK_LEAST_INTERVAL_MS = 20;
/** Another replica is numbering: it takes as long as its commit. */
const NUMBERED_ELSEWHERE_REST_MS = 5;
const FAILURE_REST_MS = 1_000;
/** A reader that keeps up reads on between two of these. */
const EVENTS_AT_ONCE = 100;

type TailDeps = Pick<PlatformDeps, "db" | "log" | "clock">;

/**
 * Reads the outbox from its end on, in the order of its numbers, while somebody listens. What was published has no number
 * until somebody gives it one (core.stamp_events): whichever replica sees it first does.
 */
export class EventTail {
  readonly #deps: TailDeps;
  readonly #tell: (events: readonly OutboxEvent[]) => void;
  #position: number | null = null;
  /** Counts stops: a look that was under way belongs to nobody then. */
  #life = 0;
  #starting: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #due = Number.POSITIVE_INFINITY;
  #isLooking = false;
  #isWanted = false;

  constructor(deps: TailDeps, tell: (events: readonly OutboxEvent[]) => void) {
    this.#deps = deps;
    this.#tell = tell;
  }

  /** Everything up to here has been told; null before `start` has settled. */
  get position(): number | null {
    return this.#position;
  }

  /** Begins to look, once. Settles when `position` is known. @throws when the database cannot be asked */
  start(): Promise<void> {
    this.#starting ??= this.#begin(this.#life).catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  /** Ends looking; what comes meanwhile is not told after the next `start`. */
  stop(): void {
    this.#life += 1;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#starting = null;
    this.#position = null;
  }

  /** Something was written: looks soon. */
  wake(): void {
    if (this.#position === null) return;
    this.#isWanted = true;
    if (!this.#isLooking) this.#lookIn(LOOK_LEAST_INTERVAL_MS);
  }

  async #begin(life: number): Promise<void> {
    const [row] = await this.#deps.db.fast.query(getEventPosition, { least: 0 });
    if (life !== this.#life) return;
    this.#position = Number(row?.seq ?? 0);
    this.#lookIn(0);
  }

  #lookIn(delay_ms: number): void {
    const at = this.#deps.clock.monotonic() + delay_ms;
    if (this.#timer !== null) {
      if (at >= this.#due) return;
      clearTimeout(this.#timer);
    }
    this.#due = at;
    const life = this.#life;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#look(life);
    }, delay_ms);
  }

  async #look(life: number): Promise<void> {
    this.#isLooking = true;
    this.#isWanted = false;
    let rest_ms: number;
    try {
      rest_ms = await this.#read(life);
    } catch (error) {
      this.#deps.log.warn({ err: error }, "events could not be read");
      rest_ms = FAILURE_REST_MS;
    }
    this.#isLooking = false;
    if (life === this.#life)
      this.#lookIn(this.#isWanted ? Math.min(rest_ms, LOOK_LEAST_INTERVAL_MS) : rest_ms);
  }

  /** Tells what there is, and has what has no number yet numbered. @returns how long to rest then, milliseconds */
  async #read(life: number): Promise<number> {
    const { fast, write } = this.#deps.db;
    const after = String(this.#position ?? 0);
    const rows = await fast.query(listEvents, { after, limit_rows: EVENTS_AT_ONCE });
    if (life !== this.#life) return LOOK_INTERVAL_MS;
    const events = rows.flatMap(eventOf);
    this.#position = events.at(-1)?.seq ?? this.#position;
    if (events.length > 0) this.#tell(events);
    if (rows[0]?.is_pending !== true) return events.length === EVENTS_AT_ONCE ? 0 : LOOK_INTERVAL_MS;
    const [done] = await write.query(stampEvents, { limit_rows: EVENTS_AT_ONCE });
    return done?.stamped === 0 ? NUMBERED_ELSEWHERE_REST_MS : 0;
  }
}

function eventOf(row: {
  business_id: string | null;
  topic: string | null;
  seq: string | null;
  data: string | null;
  age_ms: number | null;
}): OutboxEvent[] {
  const { business_id, topic, seq, data, age_ms } = row;
  if (business_id === null || topic === null || seq === null || data === null) return [];
  return [{ business_id, topic, seq: Number(seq), data, age_ms: age_ms ?? 0 }];
}
