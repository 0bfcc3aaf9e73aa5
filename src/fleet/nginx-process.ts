import { join } from "node:path";
import type { Output } from "./child.ts";
import type { Kept } from "./kept.ts";
import { writeNginx } from "./nginx.ts";
import { reloadNginx } from "./nginx-reload.ts";
import { keepNginx } from "./programs.ts";
import type { FleetOptions } from "./options.ts";

/** nginx in front of the fleet. */
export type NginxProcess = Readonly<{
  kept: Kept;
  url: string;
  /** Other replicas from now on; requests that are under way end as they began. */
  configure(upstreams: readonly string[]): Promise<void>;
  /** Reads its configuration again, without losing a request of busy clients; takes 3 s. */
  reload(): Promise<void>;
}>;

/** @throws {FleetError} when it does not start, with what it says */
export async function startNginx(
  options: FleetOptions & { output: Output; upstreams: readonly string[] },
): Promise<NginxProcess> {
  const { config, log, output } = options;
  const { host, port } = config.listen;
  const folder = join(options.folder, "nginx");
  const write = (upstreams: readonly string[]): readonly string[] =>
    writeNginx({
      folder,
      listen: [`${host.includes(":") ? `[${host}]` : host}:${port}`],
      upstreams,
      trusted_proxies: config.trusted_proxies.filter((proxy) => proxy !== "unix"),
      api_rate_per_s: config.rate_limits.enabled ? config.nginx.api_rate_per_s : 0,
      login_rate_per_min: loginRate(config),
      body_bytes: config.limits.body_bytes,
      upload_bytes: config.limits.upload_bytes,
      access_log: config.nginx.access_log,
    }).arguments;
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const kept = keepNginx({
    words: write(options.upstreams),
    log,
    output,
    address: { host: reachable, port },
  });
  await kept.begin();
  const reload = (): Promise<void> => reloadNginx({ folder }, () => kept.child?.signal("SIGHUP"));
  return {
    kept,
    url: `http://${reachable === "127.0.0.1" ? "localhost" : reachable}:${port}`,
    async configure(upstreams) {
      write(upstreams);
      await reload();
    },
    reload,
  };
}

/** nginx is the second net behind the exact limit of the servers; beyond this rate it is none. */
const LOGIN_RATE_MAX = 60_000;

function loginRate({ rate_limits }: FleetOptions["config"]): number {
  const { enabled, login_per_minute } = rate_limits;
  return enabled && login_per_minute <= LOGIN_RATE_MAX ? login_per_minute : 0;
}
