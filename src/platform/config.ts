import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { chatProblems, type ChatProvider, chatProviderOf } from "./chat-provider-config.ts";
import { codeProblems, type CodeRoutes, codeRoutesOf, isLoopback } from "./code-variables.ts";
import {
  type Checkout,
  checkoutOf,
  paymentProblems,
  type WebhookSecret,
  webhookSecretOf,
} from "./payment-providers.ts";
import type { Variable } from "./variable.ts";
import {
  type ModuleName,
  type ValueOf,
  type Values,
  type VariableName,
  module_names,
  variables,
} from "./variables.ts";

export type { ModuleName } from "./variables.ts";

/** Everything the environment decides. Frozen; handed down in `deps`. Units end the names. */
export type Config = Readonly<{
  /** `production` whenever DATABASE_URL is given. */
  mode: "embedded" | "production";
  replica: string;
  /** How many replicas there are; each knows its share of what they have in common. */
  replicas: number;
  listen: Readonly<{
    port: number;
    host: string;
    unix_socket: string | null;
    admin_port: number;
    admin_unix_socket: string | null;
  }>;
  database: Readonly<{
    /** Null: start the embedded PostgreSQL. */
    url: string | null;
    replica_url: string | null;
    fast_max: number;
    write_max: number;
    report_max: number;
    queue_max: number;
    slow_query_ms: number;
  }>;
  /** A single Redis; null without, and with a Cluster. */
  redis_url: string | null;
  /** Some nodes of a Redis Cluster; empty without one. */
  redis_cluster_urls: readonly string[];
  cache: Readonly<{ enabled: boolean; warm: boolean; l1_max_bytes: number }>;
  auth: Readonly<{
    jwt_secret: string;
    access_token_ttl_s: number;
    refresh_idle_ttl_s: number;
    refresh_absolute_ttl_s: number;
    /** 0: as many as there are cores. */
    password_hashes_max: number;
    /** Whether strangers may make an account and a business of their own. */
    signup_enabled: boolean;
  }>;
  /** How one-time codes reach people. */
  otp: CodeRoutes;
  /** Who confirms online payments, and where customers pay. */
  payments: Readonly<{ webhook_secrets: readonly WebhookSecret[]; checkouts: readonly Checkout[] }>;
  /** What answers chats; null: the figures themselves. */
  chat: ChatProvider | null;
  cors: Readonly<{ origins: readonly string[]; allow_credentials: boolean }>;
  rate_limits: Readonly<{
    enabled: boolean;
    per_minute: number;
    per_hour: number;
    per_day: number;
    login_per_minute: number;
    otp_per_hour: number;
    otp_address_per_hour: number;
    webhook_per_minute: number;
    search_per_minute: number;
    chat_per_minute: number;
  }>;
  nginx: Readonly<{ api_rate_per_s: number; access_log: string | null }>;
  limits: Readonly<{ body_bytes: number; upload_bytes: number }>;
  trusted_proxies: readonly string[];
  modules: readonly ModuleName[];
  data_dir: string;
  files_dir: string;
  log_level: ValueOf<"LOG_LEVEL">;
  log_format: ValueOf<"LOG_FORMAT">;
  /** Whether demo data may be in the database. Always so with the embedded one. */
  demo: boolean;
}>;

/** The environment does not describe a server that can run; `problems` names every mistake, not only the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`configuration: ${problems.join("; ")}`);
    this.problems = problems;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** RFC 7518 section 3.2: an HS256 key is at least as long as the hash. */
const SECRET_MIN_BYTES = 32;

/** Before it is known that nothing is wrong, anything may be missing. */
type Read = { readonly [N in VariableName]: ValueOf<N> | null };

/**
 * Reads and validates the whole environment at once. An empty variable counts as unset, as `compose.yaml` passes them.
 * With the embedded database a token secret is made on first use and kept in `DATA_DIR/jwt-secret` (mode 0600).
 *
 * @throws {ConfigError} with every mistake found
 */
export function readConfig(env: Environment): Config {
  const problems: string[] = [];
  const values = readValues(env, problems);
  const production = values.DATABASE_URL !== null || isGiven(env, "DATABASE_URL");
  problems.push(...crossCheck(values, { production, has: (name) => isGiven(env, name) }));
  if (problems.length > 0) throw new ConfigError(problems);
  return assemble(values as Values, production ? "production" : "embedded");
}

const isGiven = (env: Environment, name: VariableName): boolean =>
  (env[name] ?? "") !== "" || (env[`${name}_FILE`] ?? "") !== "";

function readValues(env: Environment, problems: string[]): Read {
  const names = Object.keys(variables) as VariableName[];
  return Object.fromEntries(names.map((name) => [name, readValue(env, name, problems)])) as Read;
}

function readValue(env: Environment, name: VariableName, problems: string[]): unknown {
  const variable: Variable<unknown> = variables[name];
  const text = (variable.secret ? readSecret(env, name, problems) : env[name]) ?? "";
  const effective = text === "" ? variable.default_text : text;
  if (effective === null) return null;
  const value = variable.parse(effective);
  if (value !== undefined) return value;
  const shown = variable.secret ? "the value" : JSON.stringify(effective);
  problems.push(`${name}: ${shown} is not ${variable.expected}`);
  return null;
}

/**
 * `X` itself, or the contents of the file that `X_FILE` names without the line break editors leave at its end. A list may be
 * empty there too.
 */
function readSecret(env: Environment, name: VariableName, problems: string[]): string | undefined {
  const file = env[`${name}_FILE`] ?? "";
  if (file === "") return env[name];
  if ((env[name] ?? "") !== "") {
    problems.push(`${name}: both ${name} and ${name}_FILE are set; give one`);
    return undefined;
  }
  try {
    const text = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    if (text === "" && variables[name].default_text !== "")
      problems.push(`${name}_FILE: ${JSON.stringify(file)} is empty`);
    return text;
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    problems.push(`${name}_FILE: cannot read ${JSON.stringify(file)} (${reason})`);
    return undefined;
  }
}

/** Whether there is a DATABASE_URL, and whether a variable was given at all: one that cannot be read is a mistake of its own. */
type Given = Readonly<{ production: boolean; has: (name: VariableName) => boolean }>;

/** Rules that concern more than one variable. */
function crossCheck(values: Read, given: Given): string[] {
  const problems: string[] = [];
  if (values.JWT_SECRET !== null && Buffer.byteLength(values.JWT_SECRET) < SECRET_MIN_BYTES) {
    problems.push(
      `JWT_SECRET: has ${Buffer.byteLength(values.JWT_SECRET)} bytes, needs at least ${SECRET_MIN_BYTES}`,
    );
  }
  if (given.production && !given.has("JWT_SECRET")) {
    problems.push(`JWT_SECRET: is required with DATABASE_URL, at least ${SECRET_MIN_BYTES} random bytes`);
  }
  if (values.CORS_ALLOW_CREDENTIALS === true && values.CORS_ORIGINS?.includes("*")) {
    problems.push("CORS_ORIGINS: * cannot be combined with CORS_ALLOW_CREDENTIALS=true; list the origins");
  }
  if ((values.REFRESH_IDLE_TTL_S ?? 0) > (values.REFRESH_ABSOLUTE_TTL_S ?? Number.POSITIVE_INFINITY)) {
    problems.push("REFRESH_IDLE_TTL_S: is longer than REFRESH_ABSOLUTE_TTL_S");
  }
  if (
    values.PORT !== null &&
    values.PORT !== 0 &&
    values.UNIX_SOCKET === null &&
    values.PORT === values.ADMIN_PORT
  ) {
    problems.push(`ADMIN_PORT: ${values.PORT} is already PORT`);
  }
  if (values.REDIS_URL !== null && (values.REDIS_CLUSTER_URLS?.length ?? 0) > 0) {
    problems.push("REDIS_CLUSTER_URLS: REDIS_URL is set too; give one");
  }
  if (values.DATABASE_REPLICA_URL !== null && !given.production) {
    problems.push("DATABASE_REPLICA_URL: needs DATABASE_URL");
  }
  const { webhook_secrets, checkouts } = paymentsOf(values);
  return [
    ...problems,
    ...paymentProblems(webhook_secrets, checkouts),
    ...codeProblems(values, given),
    ...chatProblems(values, isLoopback),
  ];
}

function paymentsOf(values: Pick<Read, "WEBHOOK_SECRETS" | "CHECKOUT_URLS">): Config["payments"] {
  const { WEBHOOK_SECRETS: secrets, CHECKOUT_URLS: urls } = values;
  return {
    webhook_secrets: Object.freeze((secrets ?? []).flatMap((item) => webhookSecretOf(item) ?? [])),
    checkouts: Object.freeze((urls ?? []).flatMap((item) => checkoutOf(item) ?? [])),
  };
}

const cacheOf = (values: Values): Config["cache"] =>
  Object.freeze({
    enabled: values.CACHE_ENABLED,
    warm: values.CACHE_WARM,
    l1_max_bytes: values.CACHE_L1_MAX_BYTES,
  });

function assemble(values: Values, mode: Config["mode"]): Config {
  const data_dir = resolve(values.DATA_DIR);
  const database = Object.freeze({
    url: values.DATABASE_URL,
    replica_url: values.DATABASE_REPLICA_URL,
    fast_max: values.DB_FAST_MAX,
    write_max: values.DB_WRITE_MAX,
    report_max: values.DB_REPORT_MAX,
    queue_max: values.DB_QUEUE_MAX,
    slow_query_ms: values.SLOW_QUERY_MS,
  });
  return Object.freeze({
    mode,
    replica:
      values.REPLICA ??
      hostname()
        .replace(/[^0-9A-Za-z._-]/g, "-")
        .slice(0, 40),
    replicas: values.REPLICAS,
    listen: Object.freeze({
      port: values.PORT,
      // The embedded database comes with published passwords: it is not for the network unless asked for.
      host: values.HOST ?? (mode === "embedded" ? "127.0.0.1" : "0.0.0.0"),
      unix_socket: values.UNIX_SOCKET,
      admin_port: values.ADMIN_PORT,
      admin_unix_socket: values.ADMIN_UNIX_SOCKET,
    }),
    database,
    redis_url: values.REDIS_URL,
    redis_cluster_urls: values.REDIS_CLUSTER_URLS,
    cache: cacheOf(values),
    auth: Object.freeze({
      jwt_secret: values.JWT_SECRET ?? keptSecret(resolve(data_dir, "jwt-secret")),
      access_token_ttl_s: values.ACCESS_TOKEN_TTL_S,
      refresh_idle_ttl_s: values.REFRESH_IDLE_TTL_S,
      refresh_absolute_ttl_s: values.REFRESH_ABSOLUTE_TTL_S,
      password_hashes_max: values.PASSWORD_HASHES_MAX,
      signup_enabled: values.SIGNUP_ENABLED,
    }),
    otp: codeRoutesOf(values, mode),
    payments: Object.freeze(paymentsOf(values)),
    chat: chatProviderOf(values),
    cors: Object.freeze({ origins: values.CORS_ORIGINS, allow_credentials: values.CORS_ALLOW_CREDENTIALS }),
    rate_limits: Object.freeze({
      enabled: values.RATE_LIMIT_ENABLED,
      per_minute: values.RATE_LIMIT_PER_MINUTE,
      per_hour: values.RATE_LIMIT_PER_HOUR,
      per_day: values.RATE_LIMIT_PER_DAY,
      login_per_minute: values.LOGIN_RATE_LIMIT_PER_MINUTE,
      otp_per_hour: values.OTP_RATE_LIMIT_PER_HOUR,
      otp_address_per_hour: values.OTP_ADDRESS_RATE_LIMIT_PER_HOUR,
      webhook_per_minute: values.WEBHOOK_RATE_LIMIT_PER_MINUTE,
      search_per_minute: values.SEARCH_RATE_LIMIT_PER_MINUTE,
      chat_per_minute: values.CHAT_RATE_LIMIT_PER_MINUTE,
    }),
    nginx: Object.freeze({
      api_rate_per_s: values.NGINX_API_RATE_PER_S,
      access_log: values.NGINX_ACCESS_LOG,
    }),
    limits: Object.freeze({ body_bytes: values.MAX_BODY_BYTES, upload_bytes: values.MAX_UPLOAD_BYTES }),
    trusted_proxies: values.TRUSTED_PROXIES,
    modules: Object.freeze(module_names.filter((name) => values.MODULES.includes(name))),
    data_dir,
    files_dir: resolve(values.FILES_DIR ?? resolve(data_dir, "files")),
    log_level: values.LOG_LEVEL,
    log_format: values.LOG_FORMAT,
    demo: values.DEMO || mode === "embedded",
  });
}

/** The secret of an embedded server: random, made once, readable by its owner only, so that tokens outlive a restart. */
function keptSecret(path: string): string {
  if (existsSync(path)) {
    const kept = readFileSync(path, "utf8").trim();
    if (Buffer.byteLength(kept) >= SECRET_MIN_BYTES) return kept;
  }
  const made = randomBytes(48).toString("base64url");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${made}\n`, { mode: 0o600 });
  return made;
}
