import { validate as autoscaler } from "kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler";
import { validate as claim } from "kubernetes-models/_schemas/IoK8sApiCoreV1PersistentVolumeClaim";
import { validate as deployment } from "kubernetes-models/_schemas/IoK8sApiAppsV1Deployment";
import { validate as disruptionBudget } from "kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget";
import { validate as job } from "kubernetes-models/_schemas/IoK8sApiBatchV1Job";
import { validate as networkPolicy } from "kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy";
import { validate as secret } from "kubernetes-models/_schemas/IoK8sApiCoreV1Secret";
import { validate as service } from "kubernetes-models/_schemas/IoK8sApiCoreV1Service";

/** One object as Kubernetes knows it, as far as every kind has it. */
export type Manifest = Readonly<{
  apiVersion: string;
  kind: string;
  metadata: Readonly<{ name: string; labels?: Readonly<Record<string, string>> }>;
  spec?: unknown;
}>;

type Validate = ((data: unknown) => boolean) & {
  errors?: readonly { instancePath?: string; message?: string }[] | null;
};

/** Made from the OpenAPI document of Kubernetes by https://github.com/tommy351/kubernetes-models-ts. */
const validators: Readonly<Record<string, Validate>> = {
  "apps/v1 Deployment": deployment,
  "autoscaling/v2 HorizontalPodAutoscaler": autoscaler,
  "batch/v1 Job": job,
  "networking.k8s.io/v1 NetworkPolicy": networkPolicy,
  "policy/v1 PodDisruptionBudget": disruptionBudget,
  "v1 PersistentVolumeClaim": claim,
  "v1 Secret": secret,
  "v1 Service": service,
};

/**
 * What is wrong with an object: what its schema says, and every key that the schema does not have. The schemas of
 * Kubernetes allow unknown keys, so a key that its validator never looked at is one.
 */
export function mistakesIn(manifest: Manifest): string[] {
  const validate = validators[`${manifest.apiVersion} ${manifest.kind}`];
  if (validate === undefined) return [`no schema for ${manifest.apiVersion} ${manifest.kind}`];
  const seen = new Map<string, Seen>();
  validate(watched(manifest, seen));
  const wrong = (validate.errors ?? []).map(
    ({ instancePath = "", message = "" }) => `${instancePath} ${message}`,
  );
  const unknown = [...seen].flatMap(([path, { value, asked }]) =>
    Object.keys(value)
      .filter((key) => !asked.has(key))
      .map((key) => `${path}/${key} is not known`),
  );
  return [...wrong, ...unknown];
}

type Seen = Readonly<{ value: object; asked: Set<string> }>;

/** A value that notes which of its keys were asked for, and those of the values in it. */
function watched(value: unknown, seen: Map<string, Seen>, path = ""): unknown {
  if (typeof value !== "object" || value === null) return value;
  const asked = seen.get(path)?.asked ?? new Set<string>();
  seen.set(path, { value, asked });
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === "string") asked.add(key);
      return watched(Reflect.get(target, key), seen, `${path}/${String(key)}`);
    },
  });
}
