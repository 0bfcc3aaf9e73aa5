import pino from "pino";
import type { Config } from "./config.ts";

/** The second net: secrets are kept out of log objects by construction. Few paths, because redaction costs. */
const REDACTED = [
  "password",
  "token",
  "access_token",
  "refresh_token",
  "authorization",
  "jwt_secret",
  "*.password",
];

export type Log = pino.Logger;

/** Where lines go; tests collect them. */
export type LogSink = Readonly<{ write(line: string): void }>;

/**
 * Structured logs on standard output, one JSON object per line; `pretty` is for people. No worker transports: pino's
 * do not survive `bun build --compile` (https://github.com/oven-sh/bun/issues/10246).
 */
export function createLog(
  options: Pick<Config, "log_level" | "log_format" | "replica">,
  sink: LogSink = { write: (line) => void process.stdout.write(line) },
): Log {
  return pino(
    {
      level: options.log_level,
      base: { replica: options.replica },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "message",
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: "[redacted]" },
    },
    options.log_format === "pretty" ? { write: (line) => sink.write(pretty(line)) } : sink,
  );
}

type Line = { time: string; level: string; message?: string };

/** `08:15:00.000 warn  slow query statement="core/list_customers" duration_ms=1203` */
function pretty(line: string): string {
  const { time, level, message, replica: _, ...rest } = JSON.parse(line) as Record<string, unknown> & Line;
  const fields = Object.entries(rest).map(([key, value]) =>
    key === "err" && isLoggedError(value) ? `\n  ${value.stack}` : `${key}=${JSON.stringify(value)}`,
  );
  const clock = time.slice(11, 23);
  return `${clock} ${level.padEnd(5)} ${[message ?? "", ...fields].join(" ").trim()}\n`;
}

function isLoggedError(value: unknown): value is { stack: string } {
  return typeof value === "object" && value !== null && "stack" in value && typeof value.stack === "string";
}
