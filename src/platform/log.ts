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
  sink: LogSink = standardOutput(),
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

/** How long a line may wait for others. */
const GATHER_MS = 20;

/**
 * Standard output in few writes: under load the system call for a line costs more than making it. Errors go out at once,
 * with all before them; what is gathered when the process exits goes out then.
 */
function standardOutput(): LogSink {
  let gathered = "";
  const flush = (): void => {
    if (gathered === "") return;
    const lines = gathered;
    gathered = "";
    process.stdout.write(lines);
  };
  process.on("exit", flush);
  return {
    write(line) {
      if (gathered === "") setTimeout(flush, GATHER_MS).unref();
      gathered += line;
      if (isError.test(line)) flush();
    },
  };
}

/** The level is the first member of a line, and the second word of one for people. */
const isError = /^(?:\{"level":"|\S+ )(?:error|fatal)\b/;

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
