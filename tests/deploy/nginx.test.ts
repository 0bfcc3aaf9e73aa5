import { afterAll, describe, expect, test } from "bun:test";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { problems } from "../../src/http/problem.ts";
import { defaults, fillIn, writeNginx } from "../../src/fleet/nginx.ts";
import { templates } from "../../src/fleet/nginx-templates.ts";
import { type Echo, makeRig, nginxPath, startStub } from "../helpers/nginx.ts";
import { keyedRoutes, ourKeyedPaths } from "../helpers/nginx-keyed-routes.ts";
import { startProgram, waitForAnswer } from "../helpers/program.ts";
import { freePort } from "../helpers/services.ts";

const deploy = join(import.meta.dir, "../../deploy/nginx");
const rig = makeRig();
afterAll(() => rig.stop());

/** What `nginx -t` says of a configuration; it warns of what it would not heed. */
function check(words: readonly string[]): string {
  const { stderr } = Bun.spawnSync([nginxPath(), "-t", ...words]);
  return stderr.toString();
}
const fine = (configuration: string): string =>
  `nginx: the configuration file ${configuration} syntax is ok\n` +
  `nginx: configuration file ${configuration} test is successful\n`;

describe("the templates", () => {
  test("are the files of deploy/nginx, and each is included", () => {
    const files = [...new Bun.Glob("*.template").scanSync(deploy)].map((name) =>
      name.replace(/\.template$/, ""),
    );
    expect(files.sort()).toEqual(Object.keys(templates).sort());
    const text = Object.values(templates).join("\n");
    const included = [...text.matchAll(/include ([\w.-]+);/g)].map(([, name = ""]) => name);
    expect([...new Set(included)].sort()).toEqual(files.filter((name) => name !== "nginx.conf"));
  });

  test("use no variable that has no default, and leave none unused", () => {
    const used = Object.values(templates).flatMap((text) => text.match(/(?<=\$\{)NGINX_\w+(?=\})/g) ?? []);
    // These are no directives: lines are made of them.
    const figures = new Set(["NGINX_CANARY_PERCENT", "NGINX_REQUESTS_PER_REPLICA"]);
    const known = [...Object.keys(defaults()), "NGINX_CANARY_SPLIT"].filter((name) => !figures.has(name));
    expect([...new Set(used)].sort()).toEqual(known.sort());
  });

  test("name the manual page of every directive", () => {
    const text = Object.values(templates).join("\n");
    // What stands in these blocks are values.
    const blocks = /^( *)(?:map|split_clients|types)\b[^\n]*\{\n[^]*?^\1\}\n/gm;
    const directives = text.replaceAll(blocks, "").matchAll(/^ *([a-z_]+)\b(?=[^\n#]*[;{]$)/gm);
    const structure = new Set(["events", "http", "include", "location", "if"]);
    const names = new Set(
      [...directives].map(([, name = ""]) => name).filter((name) => !structure.has(name)),
    );
    const undocumented = [...names].filter(
      (name) => !new RegExp(`nginx\\.org/\\S+#${name}$`, "m").test(text),
    );
    expect(names.size).toBeGreaterThan(60);
    expect(undocumented).toEqual([]);
  });

  test("say of each keyed route what the document of the API says", async () => {
    expect(ourKeyedPaths()).toContain("/api/v1/customers");
    expect(await Bun.file(join(deploy, "keyed-routes.conf.template")).text()).toBe(
      keyedRoutes(ourKeyedPaths()),
    );
  });

  test("know the problems of nginx by the codes and titles of the catalogue", () => {
    const text = templates["problems.conf"] ?? "";
    const valuesOf = (variable: string): string[][] => {
      const [, block = ""] = new RegExp(`\\$${variable} \\{\\n([^}]*)\\}`).exec(text) ?? [];
      return [...block.matchAll(/^ {4}(\d+|default) "?([^";]+)"?;$/gm)].map(([, key = "", value = ""]) => [
        key,
        value,
      ]);
    };
    const titles = new Map(valuesOf("problem_title").map(([status, title]) => [status, title] as const));
    const ours = valuesOf("problem_code").map(([status = "", code = ""]) => [
      code,
      status,
      titles.get(status),
    ]);
    const catalogue: Readonly<Record<string, readonly [number, string, string]>> = problems;
    const theirs = ours.map(([code = "", status]) => {
      const [number, title] = catalogue[code] ?? [];
      return [code, status === "default" ? "default" : String(number), title];
    });
    expect(ours.length).toBeGreaterThan(10);
    expect(ours).toEqual(theirs);
  });
});

describe("before listed upstreams", () => {
  const settings = { listen: ["127.0.0.1:8080"], upstreams: ["unix:/run/api-1.sock", "10.0.0.2:3000"] };

  test("nginx takes the configuration without a warning", () => {
    const { configuration, arguments: words } = writeNginx({
      ...settings,
      folder: join(rig.folder, "plain"),
    });
    expect(check(words)).toBe(fine(configuration));
  });

  test("nginx takes every setting without a warning", () => {
    const { configuration, arguments: words } = writeNginx({
      folder: join(rig.folder, "full"),
      listen: ["127.0.0.1:8080", "[::1]:8080"],
      upstreams: ["unix:/run/api-1.sock"],
      canary: { upstreams: ["unix:/run/canary.sock"], percent: 12.5 },
      trusted_proxies: ["10.0.0.0/8", "fd00::/8"],
      api_rate_per_s: 7,
      login_rate_per_min: 3,
      body_bytes: 1000,
      upload_bytes: 2000,
      read_timeout_s: 4,
      shutdown_timeout_s: 9,
      access_log: null,
      error_log: join(rig.folder, "full-error.log"),
      assets: join(rig.folder, "assets"),
    });
    expect(check(words)).toBe(fine(configuration));
    const text = readFileSync(join(rig.folder, "full/conf/limits.conf"), "utf8");
    expect(text).toContain("rate=7r/s");
    expect(text).toContain("rate=3r/m");
  });

  test("all that is written lies below the folder", () => {
    const folder = join(rig.folder, "below");
    const { configuration, arguments: words } = writeNginx({ ...settings, folder });
    const { stdout } = Bun.spawnSync([nginxPath(), "-T", ...words]);
    const places = stdout.toString().matchAll(/^ *(?:pid|error_log|access_log|root|\w+_path) ([^ ;]+)/gm);
    const paths = [...places].map(([, path = ""]) => path);
    const strange = paths.filter((path) => !path.startsWith(`${folder}/`) && path !== "stderr");
    expect(paths.length).toBeGreaterThan(8);
    expect(configuration).toStartWith(folder);
    expect(strange).toEqual([]);
  });

  test("a setting that nginx would read as more than one word is refused", () => {
    const folder = join(rig.folder, "refused");
    const write = (change: object) => () => writeNginx({ ...settings, folder, ...change });
    expect(write({ upstreams: ["unix:/run/a.sock; server evil"] })).toThrow("not usable");
    expect(write({ folder: `${folder} b` })).toThrow("not usable");
    expect(write({ listen: ["127.0.0.1:80\n}"] })).toThrow("not usable");
    expect(write({ upstreams: [] })).toThrow("at least one replica");
    expect(write({ canary: { upstreams: ["a:1"], percent: 101 } })).toThrow("0 to 100");
    expect(write({ canary: { upstreams: ["a:1"], percent: 0.001 } })).toThrow("0 to 100");
    expect(write({ body_bytes: -1 })).toThrow("whole number");
  });
});

/** Parts of the container form that nginx 1.22 does not know; the official image has 1.30. */
const newer = { NGINX_RESOLVER: "", NGINX_KEEPALIVE_MIN: "" };

/** The environment after the official image has run `defaults.envsh`. */
function containerEnvironment(given: Readonly<Record<string, string>>): Record<string, string> {
  const script = `. ${join(deploy, "defaults.envsh")}; exec env -0`;
  const { stdout } = Bun.spawnSync(["sh", "-ec", script], {
    env: { PATH: process.env["PATH"] ?? "", NGINX_FOLDER: join(rig.folder, "container-run"), ...given },
  });
  const pairs = stdout
    .toString()
    .split("\0")
    .filter((pair) => pair.startsWith("NGINX_"));
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

/** Does what the image's 20-envsubst-on-templates.sh does, with NGINX_ENVSUBST_FILTER=^NGINX_. */
function renderContainer(name: string, environment: Readonly<Record<string, string>>): string {
  const folder = join(rig.folder, name);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(templates))
    writeFileSync(join(folder, file), fillIn(text, environment));
  return join(folder, "nginx.conf");
}

/** The one replica of both releases, for requests and for streams. */
function serverLines(address: string): Record<string, string> {
  const server = `server ${address} max_fails=3 fail_timeout=1s;`;
  const names = ["SERVERS", "STREAM_SERVERS", "CANARY_SERVERS", "CANARY_STREAM_SERVERS"];
  return Object.fromEntries(names.map((name) => [`NGINX_${name}`, server]));
}

describe("in the official image", () => {
  test("the script gives every variable the default that is documented", () => {
    const { NGINX_CANARY_SPLIT, ...environment } = containerEnvironment({});
    expect(environment).toEqual({ ...defaults(), NGINX_FOLDER: join(rig.folder, "container-run") });
    expect(NGINX_CANARY_SPLIT).toBe("* stable;");
  });

  test("the percentage of the canary becomes the lines that nginx takes", () => {
    const splitOf = (percent: string) =>
      containerEnvironment({ NGINX_CANARY_PERCENT: percent })["NGINX_CANARY_SPLIT"];
    expect(["0", "25", "100"].map(splitOf)).toEqual(["* stable;", "25% canary; * stable;", "* canary;"]);
  });

  test("the configuration differs from the one that can be tested here in what 1.22 does not know, and nothing else", () => {
    const environment = containerEnvironment({});
    const tested = {
      ...environment,
      ...newer,
      ...serverLines("127.0.0.1:3000"),
    };
    const changed = Object.entries(templates).flatMap(([, text]) => {
      const there = fillIn(text, environment).split("\n");
      const here = fillIn(text, tested).split("\n");
      return there.filter((line, at) => line !== here[at]);
    });
    expect(changed).toEqual([
      "keepalive_min_timeout 5s;",
      "resolver 127.0.0.11 valid=1s ipv6=off;",
      "    server api:3000 resolve max_fails=3 fail_timeout=1s max_conns=512;",
      "    server api:3000 resolve max_fails=3 fail_timeout=1s max_conns=512;",
      "    server api:3000 resolve max_fails=3 fail_timeout=1s;",
      "    server api:3000 resolve max_fails=3 fail_timeout=1s;",
    ]);
  });

  test("it serves as a user without rights, writing nowhere but into its folder", async () => {
    const stub = rig.own(startStub(rig.folder, "contained"));
    const port = await freePort();
    const run = join(rig.folder, "container-run");
    const environment = {
      ...containerEnvironment({
        NGINX_LISTEN: `listen 127.0.0.1:${port};`,
        ...serverLines(stub.upstream),
        NGINX_PID: join(run, "nginx.pid"),
        NGINX_ACCESS_LOG: `${join(run, "access.log")} json`,
        NGINX_WORKER_CONNECTIONS: "256",
        NGINX_WORKER_FILES: "512",
      }),
      ...newer,
    };
    const configuration = renderContainer("container", environment);
    const command = asNobody([stub.upstream.slice("unix:".length), run]);
    const words = ["-e", "stderr", "-c", configuration];
    const checked = Bun.spawnSync([...command, nginxPath(), "-t", ...words]);
    expect(checked.stderr.toString()).toBe(fine(configuration));
    const program = startProgram([...command, nginxPath(), ...words, "-g", "daemon off;"], {});
    rig.own({ stop: () => (program.signal("SIGTERM"), program.exited) });
    const answer = await waitForAnswer(program, `http://127.0.0.1:${port}/api/v1/me`);
    expect(((await answer.json()) as Echo).name).toBe("contained");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  });
});

/** As root: the words that run a command as `nobody`, who then owns `paths`. */
function asNobody(paths: readonly string[]): string[] {
  if (process.getuid?.() !== 0) return [];
  const nobody = 65_534;
  for (const path of paths) chownSync(path, nobody, nobody);
  return ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
}
