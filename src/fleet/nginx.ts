// nginx before the replicas of one machine: https://nginx.org/en/docs/
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultsText, templates } from "./nginx-templates.ts";

/** What the nginx of one machine is told; rates of 0 are none. Everything else has the default of `defaults.envsh`. */
export type NginxSettings = Readonly<{
  /** Absolute; made when it is missing. All that nginx writes lies below it. */
  folder: string;
  /** Addresses as in `listen`, such as `127.0.0.1:3000`. */
  listen: readonly string[];
  /** The replicas: `unix:/run/x/api-1.sock` or `host:port`. */
  upstreams: readonly string[];
  /** Replicas of a release on trial, and how many per cent of the clients (0 to 100) they answer. */
  canary?: Readonly<{ upstreams: readonly string[]; percent: number }> | null;
  /** Addresses and CIDR blocks of proxies in front of this one. Default: none, X-Forwarded-For is not read. */
  trusted_proxies?: readonly string[];
  /** Requests that are with a replica at a time; the rest is refused at once. */
  requests_per_replica?: number;
  /** Requests per second and client address. */
  api_rate_per_s?: number;
  /** Logins per minute and client address. */
  login_rate_per_min?: number;
  /** Largest request body, uploads excepted. */
  body_bytes?: number;
  /** Largest uploaded file. */
  upload_bytes?: number;
  /** Longest silence of a replica. */
  read_timeout_s?: number;
  /** How long the old workers may take after a reload. */
  shutdown_timeout_s?: number;
  /** A file, or null for none. Default: `access.log` in the folder. */
  access_log?: string | null;
  /** A file or `stderr`. Default: `stderr`. */
  error_log?: string;
  /** Whose rights the workers have when nginx runs as root. Default: root, as the replicas. */
  user?: string;
  /** Folder with copies of the assets, as `writeAssets` makes them. Default: `assets` in the folder. */
  assets?: string;
}>;

/** Where the configuration lies, and how nginx is started with it. */
export type NginxFiles = Readonly<{
  folder: string;
  configuration: string;
  pid_file: string;
  access_log: string | null;
  error_log: string;
  /** Arguments after `nginx` for a master process in the foreground; with `-t` before them it only checks. */
  arguments: readonly string[];
}>;

/** Room for the form around an uploaded file, as `src/core/files.routes.ts` has it. */
const FORM_BYTES = 65_536;

/**
 * Writes the configuration for these settings; to change it write it again and send SIGHUP to nginx. The files it
 * includes are replaced one by one, so nobody may reload meanwhile.
 *
 * As root the workers run as `user`: they must be allowed to write to the replicas' sockets, so whoever starts replicas as
 * another user names that one. As anybody else nginx and its workers are that user.
 *
 * @throws {Error} where a setting would not be one word in nginx's language
 */
export function writeNginx(settings: NginxSettings): NginxFiles {
  const folder = word(settings.folder);
  const error_log = settings.error_log ?? "stderr";
  const access_log = settings.access_log === undefined ? join(folder, "access.log") : settings.access_log;
  const values = { ...defaults(), ...valuesOf(settings, folder, access_log, error_log) };
  const target = join(folder, "conf");
  mkdirSync(target, { recursive: true });
  for (const [name, text] of Object.entries(templates)) {
    writeFileSync(join(target, name), fillIn(text, values));
  }
  const configuration = join(target, "nginx.conf");
  return {
    folder,
    configuration,
    pid_file: values.NGINX_PID,
    access_log,
    error_log,
    // -e: until it has read the configuration nginx writes to a log that was compiled in, and may not be ours.
    arguments: ["-e", "stderr", "-p", folder, "-c", configuration, "-g", "daemon off;"],
  };
}

/** Fills in `${NGINX_…}` as the official image does: what is not defined stays, and so do nginx's own variables. */
export function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(NGINX_\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

/** The defaults of `defaults.envsh`; one may refer to another. */
export function defaults(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = "", text = ""] of defaultsText.matchAll(/^: "\$\{(NGINX_\w+):?=(.*)\}"$/gm)) {
    found[name] = text.replaceAll(/\$(NGINX_\w+)/g, (whole, other: string) => found[other] ?? whole);
  }
  return found;
}

function valuesOf(
  settings: NginxSettings,
  folder: string,
  access_log: string | null,
  error_log: string,
): Record<string, string> & { NGINX_PID: string } {
  const { canary = null, trusted_proxies = [], upload_bytes } = settings;
  return {
    NGINX_FOLDER: folder,
    NGINX_PID: join(folder, "nginx.pid"),
    NGINX_USER: process.getuid?.() === 0 ? `user ${word(settings.user ?? "root")};` : "",
    NGINX_LISTEN: lines(settings.listen.map((address) => `listen ${word(address)} backlog=4096${deferred};`)),
    // What Debian's 1.22 does not know.
    NGINX_RESOLVER: "",
    NGINX_KEEPALIVE_MIN: "",
    ...serversOf(settings),
    NGINX_CANARY_SPLIT: splitOf(canary?.percent ?? 0),
    NGINX_TRUSTED_PROXIES: lines(trusted_proxies.map((proxy) => `set_real_ip_from ${word(proxy)};`)),
    ...rateOf("API", settings.api_rate_per_s, "r/s"),
    ...rateOf("LOGIN", settings.login_rate_per_min, "r/m"),
    ...given("NGINX_BODY_BYTES", settings.body_bytes),
    ...given("NGINX_UPLOAD_BYTES", upload_bytes === undefined ? undefined : upload_bytes + FORM_BYTES),
    ...given("NGINX_READ_TIMEOUT", settings.read_timeout_s, "s"),
    ...given("NGINX_SHUTDOWN_TIMEOUT", settings.shutdown_timeout_s, "s"),
    ...workerLimits(),
    NGINX_ACCESS_LOG: access_log === null ? "off" : `${word(access_log)} json buffer=64k flush=1s`,
    NGINX_ERROR_LOG: `${word(error_log)} crit`,
    NGINX_ASSETS: word(settings.assets ?? join(folder, "assets")),
  };
}

function serversOf({
  upstreams,
  canary = null,
  requests_per_replica,
}: NginxSettings): Record<string, string> {
  const requests = requests_per_replica ?? Number(defaults()["NGINX_REQUESTS_PER_REPLICA"]);
  const list = (addresses: readonly string[], more: string): string => {
    if (addresses.length === 0) throw new Error("nginx needs at least one replica");
    return lines(addresses.map((address) => `server ${word(address)} max_fails=3 fail_timeout=1s${more};`));
  };
  const trial = canary?.upstreams ?? upstreams;
  const bounded = ` max_conns=${natural(requests)}`;
  return {
    NGINX_REQUESTS_PER_REPLICA: String(requests),
    NGINX_SERVERS: list(upstreams, bounded),
    NGINX_CANARY_SERVERS: list(trial, bounded),
    NGINX_STREAM_SERVERS: list(upstreams, ""),
    NGINX_CANARY_STREAM_SERVERS: list(trial, ""),
  };
}

/** nginx takes hundredths, refuses `0%`, and would leave one client of four billion out of `100%`. */
function splitOf(percent: number): string {
  if (percent > 100 || !/^\d+(\.\d{1,2})?$/.test(String(percent))) {
    throw new Error(`the canary's share must be 0 to 100 with two decimals at most: ${percent}`);
  }
  if (percent === 0) return "* stable;";
  return percent === 100 ? "* canary;" : `${percent}% canary; * stable;`;
}

function rateOf(
  name: "API" | "LOGIN",
  rate: number | undefined,
  unit: "r/s" | "r/m",
): Record<string, string> {
  if (rate === undefined) return {};
  if (rate === 0) return { [`NGINX_${name}_LIMIT`]: "off" };
  return {
    [`NGINX_${name}_RATE`]: `${natural(rate)}${unit}`,
    [`NGINX_${name}_BURST`]: `${natural(rate * 2)}`,
  };
}

function given(name: string, value: number | undefined, unit = ""): Record<string, string> {
  return value === undefined ? {} : { [name]: `${natural(value)}${unit}` };
}

function natural(value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`must be a whole number above 0: ${value}`);
}

/** Linux only. https://man7.org/linux/man-pages/man7/tcp.7.html */
const deferred = process.platform === "linux" ? " deferred" : "";

/** Several directives in the place of one. */
const lines = (directives: readonly string[]): string => directives.join("\n    ");

/** A value that nginx reads as one word and nothing else. */
function word(text: string): string {
  if (/^[\w./:@%+=,[\]-]+$/.test(text)) return text;
  throw new Error(`not usable in nginx's configuration: ${JSON.stringify(text)}`);
}

/**
 * The defaults, as far as the system allows: nobody but a privileged root goes beyond the hard limit of open files, and
 * a connection to a client with the one to its replica takes two. https://man7.org/linux/man-pages/man2/getrlimit.2.html
 */
function workerLimits(): Record<string, string> {
  if (process.platform !== "linux") return {};
  const [, hard = ""] =
    /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  const { NGINX_WORKER_FILES, NGINX_WORKER_CONNECTIONS } = defaults();
  const files = Math.min(Number(NGINX_WORKER_FILES), Number(hard) || Infinity);
  const connections = Math.min(Number(NGINX_WORKER_CONNECTIONS), Math.floor(files / 2));
  return { NGINX_WORKER_FILES: String(files), NGINX_WORKER_CONNECTIONS: String(connections) };
}
