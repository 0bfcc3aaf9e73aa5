import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The checkout. */
export const root = join(import.meta.dir, "../..");

/** A service as far as tests look into it: https://docs.docker.com/reference/compose-file/services/ */
export type Service = Readonly<{
  image: string;
  command?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  secrets?: readonly string[];
  networks: readonly string[];
  ports?: readonly unknown[];
  volumes?: readonly (string | Readonly<{ type: string; source?: string; target: string }>)[];
  healthcheck: Readonly<{ disable?: boolean; test?: readonly string[] }>;
  depends_on?: Readonly<Record<string, Readonly<{ condition: string }>>>;
  profiles?: readonly string[];
  read_only?: boolean;
  cap_drop?: readonly string[];
  cap_add?: readonly string[];
  security_opt?: readonly string[];
  restart?: string;
  stop_grace_period?: string;
  logging?: Readonly<{ options: Readonly<Record<string, string>> }>;
  deploy: Readonly<{
    replicas?: number;
    endpoint_mode?: string;
    restart_policy: Readonly<{ condition: string }>;
    resources: Readonly<{ limits: Readonly<Record<string, unknown>> }>;
    update_config?: Readonly<Record<string, unknown>>;
  }>;
}>;

export type ComposeFile = Readonly<{
  services: Readonly<Record<string, Service>>;
  networks: Readonly<
    Record<string, Readonly<{ internal?: boolean; ipam?: { config: { subnet: string }[] } }> | null>
  >;
  volumes: Readonly<Record<string, unknown>>;
  secrets: Readonly<Record<string, Readonly<{ file: string }>>>;
}>;

/**
 * `compose.yaml` with its variables filled in from `env`: what Compose makes of it (both documents, merged) and what
 * `docker stack deploy` reads (the first).
 */
export function readCompose(env: Readonly<Record<string, string>> = {}): {
  compose: ComposeFile;
  stack: ComposeFile;
} {
  const text = readFileSync(join(root, "compose.yaml"), "utf8");
  const documents = fillIn(Bun.YAML.parse(text), env) as Tree[];
  const [stack = {}] = documents;
  const compose = documents.reduce(merge, {});
  return { compose: compose as unknown as ComposeFile, stack: stack as unknown as ComposeFile };
}

/** A service that must be there. */
export function serviceOf({ services }: ComposeFile, name: string): Service {
  const service = services[name];
  if (service === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return service;
}

type Tree = { [key: string]: unknown };

const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Mappings are merged, lists are put one after the other: https://docs.docker.com/reference/compose-file/merge/ */
function merge(under: Tree, over: Tree): Tree {
  const merged = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    if (isTree(below) && isTree(value)) merged[key] = merge(below, value);
    else merged[key] = Array.isArray(below) && Array.isArray(value) ? [...below, ...value] : value;
  }
  return merged;
}

/** Keys whose text both programs turn into a number once it is filled in. */
const numbers = new Set(["replicas", "published"]);

/** `${NAME:-default}`: https://docs.docker.com/reference/compose-file/interpolation/ */
function fillIn(value: unknown, env: Readonly<Record<string, string>>, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => fillIn(item, env));
  if (isTree(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fillIn(item, env, name)]));
  }
  if (typeof value !== "string") return value;
  const text = value.replace(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, fallback: string) =>
    (env[name] ?? "") === "" ? fallback : (env[name] ?? ""),
  );
  return numbers.has(key) && /^\d+$/.test(text) ? Number(text) : text;
}
