import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { variables } from "../../src/platform/variables.ts";
import { root } from "../helpers/compose.ts";
import { type Manifest, mistakesIn } from "../helpers/kubernetes.ts";

/** The base for Kubernetes: valid by the schemas of Kubernetes, and in agreement with itself and with the image. */
const folder = join(root, "deploy/kubernetes");
const base = join(folder, "base");
const read = (path: string): string => readFileSync(path, "utf8");
const parse = (path: string): unknown => Bun.YAML.parse(read(path));
const version = (JSON.parse(read(join(root, "package.json"))) as { version: string }).version;

type Kustomization = Readonly<{
  resources: readonly string[];
  configMapGenerator: readonly { name: string; envs: string[] }[];
  images: readonly { name: string; newTag: string }[];
}>;
const kustomization = parse(join(base, "kustomization.yaml")) as Kustomization;
const manifests = kustomization.resources.map((name) => parse(join(base, name)) as Manifest);
const secret = parse(join(folder, "secret.example.yaml")) as Manifest & {
  stringData: Record<string, string>;
};
const config = Object.fromEntries(
  read(join(base, "config.env"))
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const),
);

type Probe = { httpGet: { path: string; port: string } };
type Container = {
  image: string;
  args?: string[];
  ports?: { name: string; containerPort: number }[];
  securityContext: Record<string, unknown>;
  resources: { requests: object; limits: object };
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  lifecycle: { preStop: { sleep: { seconds: number } } };
  volumeMounts: { name: string; mountPath: string }[];
};
type Pod = {
  containers: [Container];
  volumes: { name: string; secret?: { secretName: string } }[];
  securityContext: Record<string, unknown>;
  terminationGracePeriodSeconds: number;
};
type Workload = { template: { metadata: { labels: Record<string, string> }; spec: Pod } };

function specOf(kind: string): unknown {
  const found = manifests.find((manifest) => manifest.kind === kind);
  if (found === undefined) throw new Error(`the base has no ${kind}`);
  return found.spec;
}
const deployment = specOf("Deployment") as Workload & { selector: { matchLabels: object } };
const job = specOf("Job") as Workload;
const pods = [deployment, job].map(({ template }) => template.spec);
const [server] = deployment.template.spec.containers;

describe("manifests", () => {
  test("each fits the schema of its kind, and has no key that the schema does not have", () => {
    const wrong = [...manifests, secret].map((manifest) => [manifest.kind, ...mistakesIn(manifest)]);
    expect(wrong).toEqual([...manifests, secret].map(({ kind }) => [kind]));
  });

  test("a wrong type and a mistyped key would be found", () => {
    const wrong = structuredClone(manifests.find(({ kind }) => kind === "Deployment")) as unknown as {
      spec: { strategy: unknown; template: { spec: { containers: object[] } } };
    };
    wrong.spec.strategy = "RollingUpdate";
    Object.assign(wrong.spec.template.spec.containers[0] ?? {}, { livenesProbe: {} });
    expect(mistakesIn(wrong as unknown as Manifest)).toEqual([
      expect.stringContaining("/spec/strategy"),
      "/spec/template/spec/containers/0/livenesProbe is not known",
    ]);
  });

  test("every file of the base is part of it", () => {
    const parts = [
      ...kustomization.resources,
      ...kustomization.configMapGenerator.flatMap(({ envs }) => envs),
    ];
    expect(readdirSync(base).sort()).toEqual([...parts, "kustomization.yaml"].sort());
  });

  test("the image is the one that package.json names the version of", () => {
    expect(kustomization.images).toEqual([{ name: "countinghouse", newTag: version }]);
    expect(pods.flatMap(({ containers }) => containers.map(({ image }) => image))).toEqual([
      "countinghouse",
      "countinghouse",
    ]);
  });
});

describe("settings", () => {
  test("the server knows each, and every file with a secret is a key of the secret", () => {
    const known = (name: string): boolean =>
      name in variables || (name.endsWith("_FILE") && name.slice(0, -5) in variables);
    expect(Object.keys(config).filter((name) => !known(name))).toEqual([]);
    const files = Object.entries(config).filter(([name]) => name.endsWith("_FILE"));
    expect(files.map(([, path]) => path).sort()).toEqual(
      Object.keys(secret.stringData)
        .map((key) => `/run/secrets/countinghouse/${key}`)
        .sort(),
    );
    for (const { containers, volumes } of pods) {
      const mount = containers[0].volumeMounts.find(
        ({ mountPath }) => mountPath === "/run/secrets/countinghouse",
      );
      const volume = volumes.find(({ name }) => name === mount?.name);
      expect(volume?.secret?.secretName).toBe(secret.metadata.name);
    }
  });

  test("the replicas count with as many as there can be", () => {
    const { maxReplicas } = specOf("HorizontalPodAutoscaler") as { maxReplicas: number };
    expect(Number(config["REPLICAS"])).toBe(maxReplicas);
    const lanes = (["DB_FAST_MAX", "DB_WRITE_MAX", "DB_REPORT_MAX"] as const).map((name) =>
      Number(variables[name].default_text),
    );
    const each = lanes.reduce((sum, lane) => sum + lane, 0);
    expect(read(join(base, "config.env"))).toContain(
      `(${maxReplicas} + 1 while one is replaced) × ${each} + 5 in reserve + 3 for superusers = ${(maxReplicas + 1) * each + 8}`,
    );
  });
});

describe("pods", () => {
  test("run as the image's user, with a read-only root, without any privilege", () => {
    for (const { securityContext, containers } of pods) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532, fsGroup: 65_532 });
      expect(containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(Object.keys(containers[0].resources)).toEqual(["requests", "limits"]);
    }
  });

  test("are asked whether they live and whether they are ready, each under its own path", () => {
    const paths = [server.startupProbe, server.livenessProbe, server.readinessProbe].map(
      ({ httpGet }) => httpGet,
    );
    expect(paths).toEqual([
      { path: "/livez", port: "http" },
      { path: "/livez", port: "http" },
      { path: "/readyz", port: "http" },
    ]);
    expect(server.ports).toEqual([
      { name: "http", containerPort: Number(variables.PORT.default_text) },
      { name: "admin", containerPort: Number(variables.ADMIN_PORT.default_text) },
    ]);
  });

  test("have the time to drain: 25 s after the pause before it", () => {
    const { seconds } = server.lifecycle.preStop.sleep;
    expect(deployment.template.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(seconds + 25 + 5);
  });

  test("of the server are what service, budget, autoscaler and policy mean; those of the job are not", () => {
    const { labels } = deployment.template.metadata;
    expect(deployment.selector.matchLabels).toEqual(labels);
    expect(specOf("Service")).toMatchObject({ selector: labels });
    expect(specOf("PodDisruptionBudget")).toMatchObject({ selector: { matchLabels: labels } });
    expect(specOf("NetworkPolicy")).toMatchObject({ podSelector: { matchLabels: labels } });
    expect(specOf("HorizontalPodAutoscaler")).toMatchObject({
      scaleTargetRef: { kind: "Deployment", name: "countinghouse" },
    });
    expect(job.template.metadata.labels).not.toMatchObject(labels);
    expect(job.template.spec.containers[0].args).toEqual(["migrate"]);
  });
});
