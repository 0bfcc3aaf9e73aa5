import { codeVariables } from "./code-variables.ts";
import { isAddressRange, isOrigin, isRedisNode, redis_protocols } from "./variable-checks.ts";
import { chatVariables } from "./chat-provider-config.ts";
import { paymentVariables } from "./payment-providers.ts";
import { type Variable, boolean, choice, integer, list, text, url } from "./variable.ts";

export const module_names = ["savings", "bank", "budget", "shop"] as const;
export type ModuleName = (typeof module_names)[number];
export const log_levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

const isModule = (item: string): boolean => module_names.some((name) => name === item);

const LISTENING = "Listening";
const DATABASE = "Database";
const REDIS = "Redis";
const SIGNING_IN = "Signing in";
const BROWSERS = "Browsers and proxies";
const LIMITS = "Limits";
const FLEET = "nginx of `bun run replicas`";
const GENERAL = "General";

const POSTGRES = ["postgres:", "postgresql:"] as const;
const connections = { section: DATABASE, minimum: 1, maximum: 500, unit: "connections" } as const;
const requests = { section: LIMITS, minimum: 1, maximum: 1_000_000_000, unit: "requests" } as const;
const DAY_S = 86_400;

/**
 * Every environment variable the server reads, as data: `config.ts` validates with this table and `.env.example` is
 * written from it, so that neither can forget a variable.
 */
export const variables = {
  PORT: integer({
    section: LISTENING,
    description: "TCP port of the API; 0 chooses a free one.",
    default: 3000,
    minimum: 0,
    maximum: 65_535,
    unit: "port",
  }),
  HOST: text({
    section: LISTENING,
    description:
      "Address to listen on. Default: 127.0.0.1 with the embedded database, 0.0.0.0 with DATABASE_URL.",
    default: null,
    pattern: /^[0-9A-Za-z.:_-]{1,253}$/,
    expected: "a host name or an IP address",
  }),
  UNIX_SOCKET: text({
    section: LISTENING,
    description: "Path of a unix socket to listen on in place of HOST and PORT, as replicas behind nginx do.",
    default: null,
    pattern: /^[^\0]{1,100}$/,
    expected: "a path of at most 100 characters",
  }),
  ADMIN_PORT: integer({
    section: LISTENING,
    description: "TCP port of /metrics on HOST; 0 turns it off.",
    default: 9000,
    minimum: 0,
    maximum: 65_535,
    unit: "port",
  }),
  ADMIN_UNIX_SOCKET: text({
    section: LISTENING,
    description:
      "Path of a unix socket for /metrics in place of ADMIN_PORT, as the replicas of one machine have.",
    default: null,
    pattern: /^[^\0]{1,100}$/,
    expected: "a path of at most 100 characters",
  }),
  DATABASE_URL: url({
    section: DATABASE,
    description:
      "PostgreSQL 16 or later. Unset: an embedded PostgreSQL in DATA_DIR. Set: production rules apply.",
    protocols: POSTGRES,
    secret: true,
  }),
  DATABASE_REPLICA_URL: url({
    section: DATABASE,
    description:
      "One physical standby of DATABASE_URL, never several behind one address. It takes lists, searches and figures while it is as " +
      "fresh as the primary; everything else, and all of it otherwise, is asked of DATABASE_URL. It needs the same user, and " +
      "should run with hot_standby_feedback.",
    protocols: POSTGRES,
    secret: true,
  }),
  DB_FAST_MAX: integer({
    ...connections,
    description: "Connections for point reads, per replica.",
    default: 8,
  }),
  DB_WRITE_MAX: integer({ ...connections, description: "Connections for writes, per replica.", default: 8 }),
  DB_REPORT_MAX: integer({
    ...connections,
    description: "Connections for lists, searches and figures, per replica.",
    default: 6,
  }),
  DB_QUEUE_MAX: integer({
    section: DATABASE,
    description: "Statements that may wait in each lane before callers are told 503.",
    default: 500,
    minimum: 1,
    maximum: 100_000,
    unit: "statements",
  }),
  SLOW_QUERY_MS: integer({
    section: DATABASE,
    description: "Statements slower than this are logged.",
    default: 1000,
    minimum: 1,
    maximum: 60_000,
    unit: "milliseconds",
  }),
  CACHE_ENABLED: boolean({
    section: REDIS,
    description:
      "Whether answers are cached. Without, every read asks the database; writes go on saying what they change.",
    default: true,
  }),
  CACHE_WARM: boolean({
    section: REDIS,
    description: "Whether what is polled most is read again after a start and a clear, before anybody asks.",
    default: true,
  }),
  CACHE_L1_MAX_BYTES: integer({
    section: REDIS,
    description: "Memory of this process for cached answers, keys included.",
    default: 67_108_864,
    minimum: 1_048_576,
    maximum: 8_589_934_592,
    unit: "bytes",
  }),
  REDIS_URL: url({
    section: REDIS,
    description: "Shared rate limits and cache. Unset: everything stays in this one process.",
    protocols: redis_protocols,
    secret: true,
  }),
  REDIS_CLUSTER_URLS: list({
    section: REDIS,
    description:
      "Some nodes of a Redis Cluster in place of REDIS_URL; the others are found through them, with the same user, " +
      "password and scheme. Run it with cluster-require-full-coverage no: then a lost master takes only its part along.",
    default: "",
    expected: "URLs such as redis://cache-1:6379",
    accepts: isRedisNode,
    secret: true,
  }),
  JWT_SECRET: text({
    section: SIGNING_IN,
    description:
      "Key of the access tokens. Required with DATABASE_URL; otherwise made once and kept in DATA_DIR.",
    default: null,
    pattern: /^(?=[\s\S]{1,4096}$)[\s\S]+$/,
    expected: "at least 32 bytes",
    secret: true,
  }),
  ACCESS_TOKEN_TTL_S: integer({
    section: SIGNING_IN,
    description: "Life of an access token.",
    default: 900,
    minimum: 30,
    maximum: DAY_S,
    unit: "seconds",
  }),
  REFRESH_IDLE_TTL_S: integer({
    section: SIGNING_IN,
    description: "A session not refreshed for this long is over.",
    default: 14 * DAY_S,
    minimum: 60,
    maximum: 400 * DAY_S,
    unit: "seconds",
  }),
  REFRESH_ABSOLUTE_TTL_S: integer({
    section: SIGNING_IN,
    description: "A session is over after this long, used or not.",
    default: 90 * DAY_S,
    minimum: 60,
    maximum: 400 * DAY_S,
    unit: "seconds",
  }),
  PASSWORD_HASHES_MAX: integer({
    section: SIGNING_IN,
    description:
      "Passwords looked at at a time, each on a core of its own; 0 for as many as there are cores. Replicas on one machine share its cores.",
    default: 0,
    minimum: 0,
    maximum: 1024,
    unit: "hashes",
  }),
  SIGNUP_ENABLED: boolean({
    section: SIGNING_IN,
    description:
      "Whether strangers may make an account and a business of their own, with a one-time code; else people are added by others.",
    default: true,
  }),
  ...codeVariables,
  ...paymentVariables,
  ...chatVariables,
  TRUSTED_PROXIES: list({
    section: BROWSERS,
    description: "Addresses whose X-Forwarded-For is believed. A unix socket's peer always is.",
    default: "",
    expected: "IP addresses or CIDR ranges",
    accepts: isAddressRange,
  }),
  CORS_ORIGINS: list({
    section: BROWSERS,
    description: "Origins whose pages may call the API; * for any (then without credentials).",
    default: "",
    expected: "origins such as https://app.example.com",
    accepts: isOrigin,
  }),
  CORS_ALLOW_CREDENTIALS: boolean({
    section: BROWSERS,
    description: "Whether browsers may send credentials across origins.",
    default: false,
  }),
  RATE_LIMIT_ENABLED: boolean({
    section: LIMITS,
    description: "Whether requests are limited at all.",
    default: true,
  }),
  RATE_LIMIT_PER_MINUTE: integer({
    ...requests,
    description: "Per member or address and minute.",
    default: 60,
  }),
  RATE_LIMIT_PER_HOUR: integer({ ...requests, description: "Per member or address and hour.", default: 500 }),
  RATE_LIMIT_PER_DAY: integer({ ...requests, description: "Per member or address and day.", default: 2000 }),
  LOGIN_RATE_LIMIT_PER_MINUTE: integer({
    ...requests,
    description: "Logins per address and minute.",
    default: 5,
  }),
  OTP_RATE_LIMIT_PER_HOUR: integer({
    ...requests,
    description: "One-time codes per recipient and hour.",
    default: 5,
  }),
  OTP_ADDRESS_RATE_LIMIT_PER_HOUR: integer({
    ...requests,
    description: "One-time codes per client address and hour; more where many people share one.",
    default: 5,
  }),
  WEBHOOK_RATE_LIMIT_PER_MINUTE: integer({
    ...requests,
    description:
      "Events of payment providers per address and minute: a provider sends all of them from a few.",
    default: 3000,
  }),
  SEARCH_RATE_LIMIT_PER_MINUTE: integer({
    ...requests,
    description: "Searches per member and minute.",
    default: 50,
  }),
  CHAT_RATE_LIMIT_PER_MINUTE: integer({
    ...requests,
    description: "Chat messages per member and minute.",
    default: 20,
  }),
  MAX_BODY_BYTES: integer({
    section: LIMITS,
    description: "Largest request body, uploads excepted.",
    default: 1_048_576,
    minimum: 1024,
    maximum: 134_217_728,
    unit: "bytes",
  }),
  MAX_UPLOAD_BYTES: integer({
    section: LIMITS,
    description: "Largest uploaded file.",
    default: 10_485_760,
    minimum: 1024,
    maximum: 134_217_728,
    unit: "bytes",
  }),
  NGINX_API_RATE_PER_S: integer({
    section: FLEET,
    description: "Requests per second and client address that reach a replica at all; 0 for any number.",
    default: 100,
    minimum: 0,
    maximum: 1_000_000,
    unit: "requests",
  }),
  NGINX_ACCESS_LOG: text({
    section: FLEET,
    description: "File for one JSON line a request, beside the lines of the replicas. Default: none.",
    default: null,
    pattern: /^\/[^\0\s]+$/,
    expected: "an absolute path without blanks",
  }),
  MODULES: list({
    section: GENERAL,
    description: "Modules that are switched on.",
    default: module_names.join(","),
    expected: `names out of ${module_names.join(", ")}`,
    accepts: isModule,
  }),
  DATA_DIR: text({
    section: GENERAL,
    description: "Folder of the embedded database, of the secret made for it and of uploaded files.",
    default: ".data",
    pattern: /^[^\0]+$/,
    expected: "a path",
  }),
  FILES_DIR: text({
    section: GENERAL,
    description: "Folder of uploaded files; shared by all replicas. Default: files in DATA_DIR.",
    default: null,
    pattern: /^[^\0]+$/,
    expected: "a path",
  }),
  REPLICA: text({
    section: GENERAL,
    description: "Name of this process in logs, metrics and pg_stat_activity. Default: the host's name.",
    default: null,
    pattern: /^[0-9A-Za-z._-]{1,40}$/,
    expected: "1 to 40 letters, digits, dots, dashes or underscores",
  }),
  REPLICAS: integer({
    section: GENERAL,
    description:
      "How many replicas share the database and the rate limits; what the pool arithmetic counts with.",
    default: 1,
    minimum: 1,
    maximum: 1000,
    unit: "processes",
  }),
  DEMO: boolean({
    section: GENERAL,
    description: "Whether demo data and its published passwords are allowed in the database of DATABASE_URL.",
    default: false,
  }),
  LOG_LEVEL: choice({
    section: GENERAL,
    description: "Least important lines that are written.",
    default: "info",
    choices: log_levels,
  }),
  LOG_FORMAT: choice({
    section: GENERAL,
    description: "JSON for machines, pretty for people.",
    default: "json",
    choices: ["json", "pretty"],
  }),
} as const satisfies Readonly<Record<string, Variable<unknown>>>;

export type VariableName = keyof typeof variables;
/** The type of one variable's value. */
export type ValueOf<N extends VariableName> = (typeof variables)[N] extends Variable<infer T> ? T : never;
/** All of them; null where a variable without a default was not given. */
export type Values = {
  readonly [N in VariableName]: null extends (typeof variables)[N]["default_text"]
    ? ValueOf<N> | null
    : ValueOf<N>;
};

/** The text of `.env.example`. */
export function describeVariables(): string {
  const head =
    "# Every variable the server reads, with its default and unit. Copy to .env and change what you need.\n" +
    "# A secret X can also be given as X_FILE, the path of a file that holds it.\n";
  const entries: readonly [string, Variable<unknown>][] = Object.entries(variables);
  const sections = [...new Set(entries.map(([, variable]) => variable.section))].map((section) => {
    const lines = entries
      .filter(([, variable]) => variable.section === section)
      .map(
        ([name, variable]) =>
          `# ${variable.description}\n# ${variable.expected}${variable.secret ? "; secret" : ""}\n` +
          `#${name}=${variable.default_text ?? ""}\n`,
      );
    return `\n# ${section}\n\n${lines.join("\n")}`;
  });
  return head + sections.join("");
}

if (import.meta.main) process.stdout.write(describeVariables());
