const day_ms = 86_400_000;

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Milliseconds that a zone's clocks are ahead of UTC at an instant. */
export function zoneOffset(at_ms: number, timezone: string): number {
  let formatter = formatters.get(timezone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formatters.set(timezone, formatter);
  }
  const part = Object.fromEntries(
    formatter.formatToParts(at_ms).map(({ type, value }) => [type, Number(value)]),
  );
  const local = Date.UTC(
    part.year ?? 0,
    (part.month ?? 1) - 1,
    part.day ?? 1,
    part.hour ?? 0,
    part.minute ?? 0,
    part.second ?? 0,
  );
  return local - Math.floor(at_ms / 1000) * 1000;
}

/** A calendar day as the number of days since 1970-01-01. */
export type DayNumber = number;

/** The day an instant falls on in a zone. */
export function localDay(at_ms: number, timezone: string): DayNumber {
  return Math.floor((at_ms + zoneOffset(at_ms, timezone)) / day_ms);
}

/** The instant at which a local day reaches an hour, with the offset in force around its noon. */
export function localHour(day: DayNumber, hour: number, timezone: string): number {
  const noon = day * day_ms + day_ms / 2;
  return day * day_ms + hour * 3_600_000 - zoneOffset(noon, timezone);
}

const dayTexts = new Map<DayNumber, string>();

/** `YYYY-MM-DD` */
export function dayText(day: DayNumber): string {
  let text = dayTexts.get(day);
  if (text === undefined) {
    text = new Date(day * day_ms).toISOString().slice(0, 10);
    dayTexts.set(day, text);
  }
  return text;
}

/** So many months later, at most at the end of that month: as PostgreSQL adds months to a date. */
export function addMonths(day: DayNumber, months: number): DayNumber {
  const date = new Date(day * day_ms);
  const first = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1);
  const last = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months + 1, 0);
  return Math.min(first / day_ms + date.getUTCDate() - 1, last / day_ms);
}

const minuteTexts = Array.from(
  { length: 1440 },
  (_, minute) =>
    `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}:`,
);
const secondTexts = Array.from({ length: 60 }, (_, second) => String(second).padStart(2, "0"));
const milliTexts = Array.from({ length: 1000 }, (_, milli) => `.${String(milli).padStart(3, "0")}Z`);

/** An instant in RFC 3339, UTC; `Date.toISOString` is three times slower, and this runs for every value seeded. */
export function instantText(at_ms: number): string {
  const day = Math.floor(at_ms / day_ms);
  const rest = at_ms - day * day_ms;
  const second = Math.floor(rest / 1000);
  const minute = Math.floor(second / 60);
  return `${dayText(day)}T${minuteTexts[minute]}${secondTexts[second - minute * 60]}${milliTexts[rest - second * 1000]}`;
}
