import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { root } from "../helpers/compose.ts";

/** The rules that the `Dockerfile` keeps, read from it. That it builds and runs is held by the suite `image`. */
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const manifest = JSON.parse(read("package.json")) as { version: string; packageManager: string };

type Instruction = Readonly<{ name: string; words: string }>;
/** Instructions by stage, without comments, continued lines joined. */
const stages = read("Dockerfile")
  .replace(/^\s*#.*\n/gm, "")
  .replace(/ *\\\n\s*/g, " ")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .map((line): Instruction => ({
    name: line.slice(0, line.indexOf(" ")),
    words: line.slice(line.indexOf(" ") + 1),
  }))
  .reduce<Instruction[][]>((all, instruction) => {
    if (instruction.name === "FROM") all.push([]);
    all.at(-1)?.push(instruction);
    return all;
  }, []);
const [build = [], image = []] = stages;
const wordsOf = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ words }) => words);

describe("stages", () => {
  test("the pinned Bun builds, and a base without a shell runs", () => {
    expect(stages.map(([from]) => from?.words)).toEqual([
      `oven/${manifest.packageManager.replace("@", ":")} AS build`,
      "gcr.io/distroless/cc-debian12:nonroot",
    ]);
  });

  test("packages are installed from the lock file, without those for development, before the source is copied", () => {
    const install = build.findIndex(({ words }) => words.includes("bun install"));
    expect(build[install]?.words).toContain("--frozen-lockfile --production");
    const source = build.findIndex(({ name, words }) => name === "COPY" && words.startsWith("src "));
    expect(install).toBeGreaterThan(0);
    expect(source).toBeGreaterThan(install);
  });

  test("the image has the binary and a folder for files, and nothing else", () => {
    expect(wordsOf(image, "COPY")).toEqual([
      "--from=build --chown=65532:65532 /build/data /data",
      "--from=build /build/dist/countinghouse /usr/local/bin/countinghouse",
    ]);
    expect([...wordsOf(image, "ADD"), ...wordsOf(image, "RUN")]).toEqual([]);
  });
});

describe("the image", () => {
  test("runs as a user with a number, who is not root", () => {
    expect(wordsOf(image, "USER")).toEqual(["65532:65532"]);
  });

  test("starts, checks itself and ends without a shell in between", () => {
    const binary = "/usr/local/bin/countinghouse";
    expect(wordsOf(image, "ENTRYPOINT").map((words) => JSON.parse(words) as unknown)).toEqual([[binary]]);
    expect(wordsOf(image, "CMD")).toEqual(['["serve"]']);
    const [check = ""] = wordsOf(image, "HEALTHCHECK");
    expect(JSON.parse(check.slice(check.indexOf("[")))).toEqual([binary, "healthcheck"]);
    expect(wordsOf(image, "STOPSIGNAL")).toEqual(["SIGTERM"]);
  });

  test("keeps freed memory, keeps files on a volume, and says what it is", () => {
    expect(wordsOf(image, "ENV").join(" ")).toMatch(
      /MIMALLOC_PURGE_DELAY=-1 BUN_CONFIG_MAX_HTTP_REQUESTS=2048 DATA_DIR=\/data FILES_DIR=\/data\/files/,
    );
    expect(wordsOf(image, "VOLUME")).toEqual(['["/data"]']);
    expect(wordsOf(image, "ARG")).toContain(`VERSION=${manifest.version}`);
    expect(wordsOf(image, "LABEL").join(" ")).toMatch(
      /image\.title=.*image\.licenses="MIT".*image\.version=/,
    );
  });

  test("has no secret in a variable or an argument", () => {
    const named = stages.flat().filter(({ name }) => name === "ENV" || name === "ARG");
    expect(named.filter(({ words }) => /secret|password|token|_key|url/i.test(words))).toEqual([]);
  });
});

describe("what the builder gets", () => {
  const patterns = read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

  /** The last pattern that matches a path, or a folder above it, decides. https://docs.docker.com/build/concepts/context/#syntax */
  function isSent(path: string): boolean {
    const above = path.split("/").map((_, at, parts) => parts.slice(0, at + 1).join("/"));
    const deciding = patterns.findLast((pattern) => {
      const glob = new Bun.Glob(pattern.replace(/^!/, ""));
      return above.some((part) => glob.match(part));
    });
    return deciding?.startsWith("!") ?? true;
  }

  test("is what the Dockerfile copies", () => {
    const copied = wordsOf(build, "COPY").flatMap((words) => words.split(" ").slice(0, -1));
    expect(copied.filter((path) => !existsSync(join(root, path)) || !isSent(path))).toEqual([]);
    expect(copied).toContain("src");
  });

  test("is never a secret, data, history or what was installed here", () => {
    const paths =
      ".env .env.production .data/jwt-secret .git/config node_modules/elysia/package.json deploy/secrets/jwt_secret " +
      "deploy/grafana/dashboards/service.json src/.env sql/x/.data/y dist/countinghouse tests/run.ts server.log README.md";
    expect(paths.split(" ").filter(isSent)).toEqual([]);
    expect(
      ["src/main.ts", "sql/core/get_me.sql", "package.json", "deploy/nginx/server.conf.template"].filter(
        isSent,
      ),
    ).toHaveLength(4);
  });

  test("has everything that the source imports", () => {
    const copied = wordsOf(build, "COPY").flatMap((words) => words.split(" ").slice(0, -1));
    const imported = [...new Bun.Glob("src/**/*.ts").scanSync(root)].flatMap((path) =>
      [...read(path).matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)].map(([, name = ""]) =>
        normalize(join(dirname(path), name)),
      ),
    );
    const missing = imported.filter(
      (path) => !copied.some((part) => path === part || path.startsWith(`${part}/`)),
    );
    expect(missing).toEqual([]);
    expect(imported.length).toBeGreaterThan(100);
  });
});
