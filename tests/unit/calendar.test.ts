import { describe, expect, test } from "bun:test";
import { createToday } from "../../src/platform/calendar.ts";

describe("today", () => {
  const at = (instant: string, timezone: string): string =>
    createToday({ now: () => Date.parse(instant) })(timezone);

  test("is the day of the zone, which begins a second after midnight", () => {
    expect(at("2026-11-20T23:00:00.999Z", "Africa/Lagos")).toBe("2026-11-20");
    expect(at("2026-11-20T23:00:01.000Z", "Africa/Lagos")).toBe("2026-11-21");
    expect(at("2026-11-20T10:00:01Z", "Pacific/Kiritimati")).toBe("2026-11-21");
    expect(at("2026-11-20T10:59:59Z", "Pacific/Pago_Pago")).toBe("2026-11-19");
    expect(at("2026-11-20T18:15:01Z", "Asia/Kathmandu")).toBe("2026-11-21");
  });

  test("follows the clock, also over a change to summer time that skips midnight", () => {
    let now = Date.parse("2026-09-06T03:59:59Z");
    const today = createToday({ now: () => now });
    // In Santiago the clocks go from 24:00 to 01:00 that night.
    expect(today("America/Santiago")).toBe("2026-09-05");
    now += 2_000;
    expect(today("America/Santiago")).toBe("2026-09-06");
    expect([today("UTC"), today("Asia/Tokyo")]).toEqual(["2026-09-06", "2026-09-06"]);
    now += 24 * 3_600_000;
    expect(today("America/Santiago")).toBe("2026-09-07");
  });

  test("is the day of UTC in a zone that only PostgreSQL knows", () => {
    expect(at("2026-11-20T23:30:00Z", "Factory")).toBe("2026-11-20");
    expect(at("2026-11-20T23:30:00Z", "no such zone")).toBe("2026-11-20");
  });
});
