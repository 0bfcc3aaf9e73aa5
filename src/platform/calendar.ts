import type { Clock } from "./clock.ts";

/** Tells which day (`YYYY-MM-DD`) it is in an IANA time zone. */
export type Today = (timezone: string) => string;

const minute_ms = 60_000;
/** The day begins this much later, so that a clock that is a little ahead of the database's names no day too early. */
const late_ms = 1_000;

/**
 * The day of a zone as a part of the key of every answer that depends on what today is: at midnight it becomes another
 * answer, whatever its TTL. It only tells answers apart; what they say of today comes from the clock of the database.
 * Days begin with a full minute everywhere, so each zone is looked up once a minute.
 */
export function createToday(clock: Pick<Clock, "now">): Today {
  const known = new Map<string, { minute: number; day: string; format: (at_ms: number) => string }>();
  return (timezone) => {
    const at_ms = clock.now() - late_ms;
    const minute = Math.floor(at_ms / minute_ms);
    let zone = known.get(timezone);
    if (zone?.minute === minute) return zone.day;
    const format = zone?.format ?? formatOf(timezone);
    zone = { minute, format, day: format(at_ms) };
    known.set(timezone, zone);
    return zone.day;
  };
}

/** PostgreSQL may know zones that we do not: their answers change with the day of UTC, and with their TTL. */
function formatOf(timeZone: string): (at_ms: number) => string {
  const options = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-CA", { ...options, timeZone });
  } catch {
    format = new Intl.DateTimeFormat("en-CA", { ...options, timeZone: "UTC" });
  }
  return (at_ms) => format.format(at_ms);
}
