/** What the cache needs of the world around it, and the switches of its test build. */

/** Both clocks, milliseconds. The monotonic one has no meaning outside the process. */
export type CacheClock = Readonly<{ monotonic(): number; now(): number }>;

/** Runs `run` once after so long; the answer cancels it. Timers never keep the process alive. */
export type CacheTimer = Readonly<{ after(delay_ms: number, run: () => void): () => void }>;

export type CacheLog = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

/** Switches of the test build, one for each row of "Why each part is there" in README.md; set, the part is missing. */
export type HoleName =
  | "position_before_load"
  | "numbers_by_server"
  | "judged_when_reading"
  | "missing_version_is_miss"
  | "generation_in_keys"
  | "server_id_checked"
  | "gapless_stream"
  | "lease_from_beats"
  | "outbox_row"
  | "server_ids_recorded"
  | "flight_join_rule";
export type Holes = ReadonlySet<HoleName>;
