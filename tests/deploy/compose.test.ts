import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { variables } from "../../src/platform/variables.ts";
import { type ComposeFile, readCompose, root, serviceOf } from "../helpers/compose.ts";
import { connect } from "../helpers/database.ts";

/** `compose.yaml`: what it promises is read from it; that it runs is held by compose-run.test.ts and the suite `image`. */
const { compose, stack } = readCompose();
const services = Object.entries(compose.services);
const names = (holds: (name: string) => boolean): string[] =>
  services.map(([name]) => name).filter((name) => !holds(name));
const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;

/**
 * What `docker stack deploy` knows; anything else in the file and it stops. The table is its own schema's:
 * https://github.com/docker/cli/blob/master/cli/compose/schema/data/config_schema_v3.13.json
 */
const stack_keys = new Set(
  (
    "deploy build cap_add cap_drop cgroupns_mode cgroup_parent command configs container_name credential_spec " +
    "depends_on devices dns dns_search domainname entrypoint env_file environment expose external_links extra_hosts " +
    "group_add healthcheck hostname image init ipc isolation labels links logging mac_address network_mode networks pid " +
    "ports privileged read_only restart security_opt shm_size secrets sysctls stdin_open stop_grace_period stop_signal " +
    "tmpfs tty ulimits oom_score_adj user userns_mode volumes working_dir"
  ).split(" "),
);

describe("the two programs that read it", () => {
  test("Compose: what it makes of both documents fits the Compose specification", () => {
    const path = join(root, "node_modules/dclint/schemas/compose.schema.json");
    const { $schema: _, ...schema } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
    const fits = ajv.compile(schema);
    fits(compose);
    expect(fits.errors ?? []).toEqual([]);
    // It can say no.
    expect(fits({ services: { x: { image: "y", replicas: 3 } } })).toBe(false);
  });

  test("a Swarm: the first document has nothing that `docker stack deploy` does not know", () => {
    const top = Object.keys(stack).filter(
      (key) => !/^x-|^(version|services|networks|volumes|secrets|configs)$/.test(key),
    );
    const unknown = Object.entries(stack.services).flatMap(([name, service]) =>
      Object.keys(service)
        .filter((key) => !stack_keys.has(key))
        .map((key) => `${name}.${key}`),
    );
    // It knows the name of this one, but wants a list and does nothing with it.
    const ordered = Object.values(stack.services).filter(({ depends_on }) => depends_on !== undefined);
    expect([top, unknown, ordered]).toEqual([[], [], []]);
  });

  test("a Swarm: numbers are numbers, and everything Compose starts is there", () => {
    const { replicas } = serviceOf(stack, "api").deploy;
    expect(replicas).toBe(3);
    expect(serviceOf(stack, "nginx").ports).toMatchObject([{ published: 80, mode: "host" }]);
    expect(Object.keys(stack.services)).toEqual(Object.keys(compose.services));
    expect(serviceOf(readCompose({ API_REPLICAS: "5" }).stack, "api").deploy.replicas).toBe(5);
  });
});

describe("order", () => {
  test("replicas wait until `migrate` has ended well, and nginx until one of them is healthy", () => {
    expect(serviceOf(compose, "api").depends_on?.["migrate"]).toEqual({
      condition: "service_completed_successfully",
    });
    expect(serviceOf(compose, "migrate").depends_on).toEqual({ postgres: { condition: "service_healthy" } });
    expect(serviceOf(compose, "nginx").depends_on).toEqual({ api: { condition: "service_healthy" } });
  });

  test("monitoring is started when it is asked for, and nothing else needs it", () => {
    const monitoring = services.filter(([, { profiles }]) => profiles?.includes("monitoring"));
    expect(monitoring.map(([name]) => name).sort()).toEqual([
      "grafana",
      "node-exporter",
      "postgres-exporter",
      "prometheus",
    ]);
    const needed = services.flatMap(([, { depends_on = {} }]) => Object.keys(depends_on));
    expect(needed.filter((name) => serviceOf(compose, name).profiles !== undefined)).toEqual([]);
  });

  test("one replica more is started before one is stopped, but never two databases on one volume", () => {
    expect(serviceOf(compose, "api").deploy.update_config).toMatchObject({
      order: "start-first",
      parallelism: 1,
      failure_action: "rollback",
    });
    expect(serviceOf(compose, "postgres").deploy.update_config).toMatchObject({ order: "stop-first" });
  });
});

describe("every service", () => {
  test("is hardened: read-only, without privileges that it was not given one by one", () => {
    const hardened = (name: string): boolean => {
      const { read_only, cap_drop, security_opt } = serviceOf(compose, name);
      return (
        read_only === true &&
        cap_drop?.includes("ALL") === true &&
        security_opt?.includes("no-new-privileges:true") === true
      );
    };
    expect(names(hardened)).toEqual([]);
    expect(names((name) => name === "postgres" || serviceOf(compose, name).cap_add === undefined)).toEqual(
      [],
    );
  });

  test("has a health check, `migrate` excepted, which serves nobody", () => {
    expect(names((name) => (serviceOf(compose, name).healthcheck.test?.length ?? 0) > 1)).toEqual([
      "migrate",
    ]);
    expect(serviceOf(compose, "migrate").healthcheck.disable).toBe(true);
  });

  test("has limits of processor, memory and processes, a policy for restarts of both kinds, and logs with a bound", () => {
    const bounded = (name: string): boolean => {
      const { deploy, restart, logging } = serviceOf(compose, name);
      const { limits } = deploy.resources;
      return (
        ["cpus", "memory", "pids"].every((limit) => limit in limits) &&
        restart !== undefined &&
        deploy.restart_policy.condition !== "none" &&
        logging?.options["max-size"] !== undefined
      );
    };
    expect(names(bounded)).toEqual([]);
  });

  test("runs an image of a named version, and ours is this one", () => {
    const named = (name: string): boolean => /:v?\d+(\.\d+)*$/.test(serviceOf(compose, name).image);
    expect(names(named)).toEqual([]);
    expect([serviceOf(compose, "api").image, serviceOf(compose, "migrate").image]).toEqual([
      `countinghouse:${version}`,
      `countinghouse:${version}`,
    ]);
  });

  test("mounts what is there: files of this folder, and volumes and secrets that are declared", () => {
    const missing = services.flatMap(([name, { volumes = [], secrets = [] }]) => [
      ...volumes
        .map((volume) => (typeof volume === "string" ? (volume.split(":")[0] ?? "") : (volume.source ?? "/")))
        .filter((source) =>
          /^[./]/.test(source) ? !existsSync(join(root, source)) : !(source in compose.volumes),
        )
        .map((source) => `${name}: ${source}`),
      ...secrets.filter((secret) => !(secret in compose.secrets)).map((secret) => `${name}: ${secret}`),
    ]);
    expect(missing).toEqual([]);
  });
});

describe("who reaches whom", () => {
  const on = (network: string): string[] =>
    services.filter(([, { networks }]) => networks.includes(network)).map(([name]) => name);

  test("only nginx is open to the world, and Grafana to this machine", () => {
    const open = services.filter(([, { ports }]) => ports !== undefined).map(([name]) => name);
    expect(open).toEqual(["nginx", "grafana"]);
    expect(serviceOf(compose, "grafana").ports).toEqual(["127.0.0.1:3001:3000"]);
    expect(on("edge")).toEqual(["nginx", "grafana"]);
  });

  test("the stores are on a network without a way out, where nginx is not", () => {
    expect(on("data").sort()).toEqual(["api", "migrate", "postgres", "postgres-exporter", "redis"]);
    expect(compose.networks["data"]?.internal).toBe(true);
    expect([serviceOf(compose, "postgres").networks, serviceOf(compose, "redis").networks]).toEqual([
      ["data"],
      ["data"],
    ]);
  });

  test("the trusted network is nginx's and the replicas' alone, whatever its addresses are", () => {
    expect(on("proxy")).toEqual(["nginx", "api"]);
    for (const env of [{}, { PROXY_SUBNET: "172.30.5.0/28" }]) {
      const { compose: file } = readCompose(env);
      const [config] = file.networks["proxy"]?.ipam?.config ?? [];
      expect(serviceOf(file, "api").environment?.["TRUSTED_PROXIES"]).toBe(config?.subnet ?? "");
    }
  });

  test("the replicas are found one by one under their name", () => {
    expect(serviceOf(compose, "api").deploy.endpoint_mode).toBe("dnsrr");
  });
});

describe("settings", () => {
  test("the server knows every variable it is given, and nothing secret is among them", () => {
    const given = Object.keys(serviceOf(compose, "api").environment ?? {});
    const known = (name: string): boolean =>
      name in variables || (name.endsWith("_FILE") && name.slice(0, -5) in variables);
    expect(given.filter((name) => !known(name))).toEqual([]);
    const secret = given.filter(
      (name) => name in variables && variables[name as keyof typeof variables].secret,
    );
    expect(secret).toEqual([]);
    expect(given).toContain("JWT_SECRET_FILE");
  });

  test("a secret that is named is granted", () => {
    const wrong = services.flatMap(([name, { environment = {}, secrets = [], command = [] }]) =>
      [...Object.values(environment), ...command]
        .flatMap((text) => /^\/run\/secrets\/(\w+)$/.exec(text)?.[1] ?? [])
        .filter((secret) => !secrets.includes(secret))
        .map((secret) => `${name}: ${secret}`),
    );
    expect(wrong).toEqual([]);
  });

  test("there are enough connections for the replicas and one more while one is replaced", () => {
    const { environment = {}, deploy } = serviceOf(compose, "api");
    const lanes = ["DB_FAST_MAX", "DB_WRITE_MAX", "DB_REPORT_MAX"].map((name) => Number(environment[name]));
    const each = lanes.reduce((sum, lane) => sum + lane, 0);
    const available = Number(settingsOf(compose)["max_connections"]);
    const needed = (replicas: number): number => (replicas + 1) * each + 5 + 3;
    expect(Number(environment["REPLICAS"])).toBe(deploy.replicas ?? 0);
    expect(needed(deploy.replicas ?? 0)).toBeLessThanOrEqual(available);
    // As the comment has it.
    const text = readFileSync(join(root, "compose.yaml"), "utf8");
    const most = Math.floor((available - 8) / each) - 1;
    expect(text).toContain(
      `(3 + 1) × ${each} + 8 = ${needed(3)}; up to ${most} replicas fit: (${most} + 1) × ${each} + 8 = ${needed(most)}`,
    );
  });

  test("PostgreSQL knows every setting it is started with", async () => {
    const sql = connect(process.env["TEST_DATABASE_URL"] ?? "");
    try {
      const rows: { name: string }[] = await sql`select name from pg_settings`;
      const known = new Set(rows.map(({ name }) => name));
      expect(Object.keys(settingsOf(compose)).filter((name) => !known.has(name))).toEqual([]);
    } finally {
      await sql.close();
    }
  });
});

/** `--name=value` of the database's command. */
function settingsOf(file: ComposeFile): Record<string, string> {
  const pairs = (serviceOf(file, "postgres").command ?? []).flatMap((word) => {
    const [, name = "", value = ""] = /^--(\w+)=(.+)$/.exec(word) ?? [];
    return name === "" ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs);
}
