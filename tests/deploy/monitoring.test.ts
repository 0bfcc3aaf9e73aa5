import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { StandbyStats } from "../../src/platform/db/standby-lane.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { readCompose, root, serviceOf } from "../helpers/compose.ts";
import { startProgram } from "../helpers/program.ts";
import { exportedBy, selectorsOf } from "../helpers/promql.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { makeTestFolder } from "../helpers/services.ts";

/** Prometheus' configuration, the alerts and Grafana's dashboards: valid, working, and about metrics that exist. */
const prometheus = join(root, "deploy/prometheus");
const grafana = join(root, "deploy/grafana");
const read = (path: string): string => readFileSync(path, "utf8");

/**
 * Metrics of programs that are not ours, with their labels, as those programs' sources have them: up is made by
 * Prometheus for each target (https://prometheus.io/docs/concepts/jobs_instances/), pg_* by postgres_exporter
 * (https://github.com/prometheus-community/postgres_exporter, collector/), node_* by node_exporter
 * (https://github.com/prometheus/node_exporter, collector/filesystem_common.go).
 */
const of_others: Readonly<Record<string, readonly string[]>> = {
  up: [],
  pg_up: [],
  pg_stat_activity_count: ["datname", "state"],
  pg_settings_max_connections: ["server"],
  node_filesystem_avail_bytes: ["device", "fstype", "mountpoint"],
  node_filesystem_size_bytes: ["device", "fstype", "mountpoint"],
};
/** Added by Prometheus to whatever it collects. */
const of_targets = new Set(["job", "instance"]);

type Rule = Readonly<{ alert: string; expr: string; annotations: Record<string, string> }>;
const { groups } = Bun.YAML.parse(read(join(prometheus, "alerts.yml"))) as {
  groups: { name: string; rules: Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);

type Panel = Readonly<{
  id: number;
  type: string;
  title: string;
  description?: string;
  datasource?: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: readonly { expr: string; refId: string; datasource: { uid: string } }[];
}>;
type Dashboard = Readonly<{
  uid: string;
  title: string;
  panels: readonly Panel[];
  templating: { list: { name: string; query: { query: string } }[] };
}>;
const dashboards = readdirSync(join(grafana, "dashboards")).map((name) => ({
  name,
  dashboard: JSON.parse(read(join(grafana, "dashboards", name))) as Dashboard,
}));
/** What the panels ask, as Prometheus gets it. */
const questions = dashboards.flatMap(({ name, dashboard: { panels } }) =>
  panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ place: `${name}: ${title}`, expr: expr.replaceAll("$instance", ".*") })),
  ),
);

const folder = makeTestFolder();
let redis: TestRedis;
let app: TestApp;

beforeAll(async () => {
  redis = await startRedis();
  app = await startTestApp({ env: { REDIS_URL: redis.url, RATE_LIMIT_ENABLED: "true" } });
});
afterAll(async () => {
  await app.stop();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

async function promtool(...words: string[]): Promise<{ code: number; output: string }> {
  const program = startProgram([process.env["PROMTOOL_PATH"] ?? "promtool", ...words], {});
  return { code: await program.exited, output: program.output() };
}

describe("Prometheus", () => {
  test("its configuration and the rules are valid", async () => {
    const { code, output } = await promtool("check", "config", join(prometheus, "prometheus.yml"));
    expect([code, output]).toEqual([0, expect.stringContaining(`SUCCESS: ${rules.length} rules found`)]);
  });

  test("it asks the ports that the services have, under their names", () => {
    const { compose } = readCompose();
    type Job = {
      dns_sd_configs?: { names: string[]; port: number }[];
      static_configs?: { targets: string[] }[];
    };
    const { scrape_configs } = Bun.YAML.parse(read(join(prometheus, "prometheus.yml"))) as {
      scrape_configs: Job[];
    };
    const targets = scrape_configs.flatMap(({ dns_sd_configs = [], static_configs = [] }) => [
      ...dns_sd_configs.flatMap(({ names, port }) => names.map((name) => `${name}:${port}`)),
      ...static_configs.flatMap((config) => config.targets),
    ]);
    expect(targets).toEqual(["api:9000", "postgres-exporter:9187", "node-exporter:9100"]);
    const reached = targets.map((target) => serviceOf(compose, target.split(":")[0] ?? "").networks);
    expect(reached.every((networks) => networks.includes("monitoring"))).toBe(true);
    // Whoever asks from the network of the proxies would be believed to be one.
    expect(serviceOf(compose, "prometheus").networks).toEqual(["monitoring"]);
  });
});

describe("alerts", () => {
  const files = ["alerts.yml", "alerts-disks.yml"].map((name) => join(import.meta.dir, name));

  test("each fires when it should and no other with it", async () => {
    const { code, output } = await promtool("test", "rules", ...files);
    expect([code, output]).toEqual([0, expect.not.stringContaining("FAILED")]);
  });

  test("none is without such a test", () => {
    const tested = files.map(read).join("\n");
    expect(rules.filter(({ alert }) => !tested.includes(`alertname="${alert}"`))).toEqual([]);
  });

  test("each says what is wrong and what to do", () => {
    const silent = rules.filter(
      ({ annotations: { summary = "", description = "" } }) => summary === "" || description.length < 20,
    );
    expect(silent).toEqual([]);
  });
});

describe("dashboards", () => {
  test("every panel asks the data source that is provided", () => {
    const provided = Bun.YAML.parse(read(join(grafana, "provisioning/datasources/prometheus.yaml"))) as {
      datasources: { uid: string; url: string }[];
    };
    expect(provided.datasources).toMatchObject([{ uid: "prometheus", url: "http://prometheus:9090" }]);
    const asked = dashboards.flatMap(({ dashboard: { panels } }) =>
      panels.flatMap(({ datasource, targets = [] }) => [
        ...(datasource === undefined ? [] : [datasource.uid]),
        ...targets.map((target) => target.datasource.uid),
      ]),
    );
    expect([...new Set(asked)]).toEqual(["prometheus"]);
  });

  test("Grafana finds them where they are mounted", () => {
    const { providers } = Bun.YAML.parse(read(join(grafana, "provisioning/dashboards/dashboards.yaml"))) as {
      providers: { options: { path: string } }[];
    };
    const mounted = serviceOf(readCompose().compose, "grafana").volumes ?? [];
    for (const { options } of providers) {
      expect(mounted).toContain(`./deploy/grafana/dashboards:${options.path}:ro`);
    }
  });

  test("panels have a number and a place of their own, a title, and a word on what they show", () => {
    for (const { name, dashboard } of dashboards) {
      const { panels } = dashboard;
      expect(new Set(panels.map(({ id }) => id)).size, name).toBe(panels.length);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
      );
      expect(new Set(cells).size, name).toBe(cells.length);
      expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
      const mute = panels.filter(({ type, description = "" }) => type !== "row" && description === "");
      expect(mute.map(({ title }) => title)).toEqual([]);
    }
    expect(new Set(dashboards.map(({ dashboard: { uid } }) => uid)).size).toBe(dashboards.length);
  });

  test("every question is one that Prometheus understands", async () => {
    // promtool reads rules, so each question becomes one: https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
    const recorded = questions.map(({ expr }, at) => ({ record: `question:${at}`, expr }));
    const path = join(folder, "questions.yml");
    await Bun.write(path, JSON.stringify({ groups: [{ name: "questions", rules: recorded }] }));
    const { code, output } = await promtool("check", "rules", path);
    expect([code, output]).toEqual([0, expect.stringContaining(`SUCCESS: ${questions.length} rules found`)]);
  });
});

test("every metric in an alert or a panel is exported, with every label that it is chosen by", async () => {
  // A login and a read, so that what is counted by route or outcome has samples.
  const token = await app.token(app.alpha.people.owner);
  expect((await app.send("GET", "/api/v1/customers", { token })).status).toBe(200);
  const { username } = app.alpha.people.owner;
  const body = { username, password: "not the password of anybody" };
  expect((await app.send("POST", "/api/v1/auth/login", { body })).status).toBe(401);
  // A standby's figures are there where there is a standby; their names are there without one.
  const lane = app.deps.db.stats().report;
  const no_standby = { trouble: null, lag_ms: 0, answered: 0, fallbacks: { away: 1 }, lane };
  app.deps.metrics.watchStandby(() => no_standby as unknown as StandbyStats);
  const ours = exportedBy(await app.deps.metrics.render());

  const asked = [...rules.map(({ alert, expr }) => ({ place: alert, expr })), ...questions];
  const unknown = asked.flatMap(({ place, expr }) =>
    selectorsOf(expr).flatMap(({ metric, labels }) => {
      const known = ours.get(metric) ?? (metric in of_others ? new Set(of_others[metric]) : undefined);
      if (known === undefined) return [`${place}: ${metric}`];
      return labels
        .filter((label) => !known.has(label) && !of_targets.has(label))
        .map((label) => `${place}: ${metric}{${label}}`);
    }),
  );
  expect(unknown).toEqual([]);
  // It reads expressions at all.
  expect(asked.flatMap(({ expr }) => selectorsOf(expr)).length).toBeGreaterThan(asked.length);
  expect(
    selectorsOf('sum by (le) (rate(a_bucket{x="y z", w=~"b"}[5m])) / ignoring (s) c offset 1h > 0.1'),
  ).toEqual([
    { metric: "a_bucket", labels: ["x", "w"] },
    { metric: "c", labels: [] },
  ]);
});
