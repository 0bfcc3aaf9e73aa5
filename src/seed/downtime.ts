import type { Business } from "./business.ts";
import { idAt } from "./ids.ts";
import { instantText } from "./local-time.ts";
import type { Rows } from "./rows.ts";
import type { Machine } from "./shop-floor.ts";
import { downtimeReasons } from "./shop-words.ts";
import type { Workday } from "./workday.ts";

const day_ms = 86_400_000;
const minute_ms = 60_000;
const between_days = 9;

/** Writes when machines stood still: now and then in the last months, where nothing was done on them, and some of them now. */
export function writeDowntimes(rows: Rows, business: Business, workday: Workday): void {
  const { plan, machines } = business;
  const { random, until_ms } = plan;
  for (const machine of machines) {
    for (let days_ago = plan.recent_days; days_ago > 1; days_ago -= random.between(2, between_days * 2)) {
      const target_ms = until_ms - days_ago * day_ms;
      const wish = { target_ms, after_ms: target_ms, minutes: random.between(10, 110) };
      const span = workday.place(null, machine, wish);
      if (span !== null) writeDowntime(rows, business, { machine, ...span });
    }
    if (machine.state === "down" || machine.state === "maintenance") {
      const started_ms = until_ms - random.between(10, 100) * minute_ms;
      writeDowntime(rows, business, { machine, started_ms, ended_ms: null });
    }
  }
}

function writeDowntime(
  rows: Rows,
  { id, plan, operators }: Business,
  { machine, started_ms, ended_ms }: { machine: Machine; started_ms: number; ended_ms: number | null },
): void {
  const { random } = plan;
  const by = random.pick(operators).user_id;
  const started = instantText(started_ms);
  const ended = ended_ms === null ? null : instantText(ended_ms);
  rows.add("shop.time_logs", [
    id,
    idAt(started_ms, random),
    null,
    machine.id,
    null,
    "availability_loss",
    machine.state === "maintenance" && ended === null ? "planned service" : random.pick(downtimeReasons),
    started,
    ended,
    machine.capacity === 1,
    started,
    ended ?? started,
    by,
    by,
  ]);
}
