import type { StandbyStats } from "./db/standby-lane.ts";

type Add = (labels: Record<string, string>, value: number) => void;
/** Registers a metric that is read when it is scraped. */
type Register = (name: string, help: string, labels: string[], read: (add: Add) => void) => void;

/** What alerts need to know of the standby: whether it is used, how far it is behind, and what it left to the primary. */
export function addStandby(
  { gauge, counter }: Readonly<{ gauge: Register; counter: Register }>,
  stats: () => StandbyStats,
): void {
  gauge("db_standby_in_use", "1 while reports are read from the standby", [], (add) =>
    add({}, stats().trouble === null ? 1 : 0),
  );
  gauge(
    "db_standby_lag_seconds",
    "Age of the state that the standby shows, at most; grows while it is away",
    [],
    (add) => {
      const { lag_ms } = stats();
      if (lag_ms !== null) add({}, lag_ms / 1000);
    },
  );
  counter("db_standby_reports_total", "Reports that the standby answered", [], (add) =>
    add({}, stats().answered),
  );
  counter(
    "db_standby_fallbacks_total",
    "Reports that the primary answered in place of the standby, by reason",
    ["reason"],
    (add) => {
      for (const [reason, count] of Object.entries(stats().fallbacks)) add({ reason }, count);
    },
  );
}
