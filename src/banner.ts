import type { Config } from "./platform/config.ts";
import { demo_emails, demo_password } from "./platform/demo.ts";

/** What a person who just typed `bun start` wants to know. */
export function banner(options: {
  config: Config;
  url: string;
  admin_url: string | null;
  database: string;
}): string {
  const { config, url } = options;
  const servers = config.redis_url === null ? config.redis_cluster_urls : [config.redis_url];
  const hosts = servers.map((server) => new URL(server).host).join(", ");
  const redis = servers.length === 0 ? "none: single process, L1 only" : hosts;
  const rows: [string, string][] = [
    ["API", `${url}/api/v1`],
    ["Docs", `${url}/docs`],
    ["Metrics", options.admin_url === null ? "off (ADMIN_PORT=0)" : `${options.admin_url}/metrics`],
    ["Database", options.database],
    ["Redis", redis],
    ["Modules", config.modules.join(", ")],
    ["Files", config.files_dir],
  ];
  if (config.mode === "embedded") {
    rows.push(["Demo logins", demo_emails.join(" ")]);
    rows.push(["Password", demo_password]);
    if (config.otp.delivery === "console") rows.push(["One-time codes", "written to this log"]);
  }
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  return `\nCountinghouse is ready on ${url}\n\n${lines.join("\n")}\n\n  Ctrl-C stops everything.\n`;
}
