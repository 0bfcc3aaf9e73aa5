import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Programs of other people that the tests run against: the real ones, never a stand-in. */
export type ProgramName =
  "redis-server" | "nginx" | "chromium" | "pgbench" | "promtool" | "slowhttptest" | "buildah" | "debootstrap";

type Program = Readonly<{ apt: string; brew: string; find: () => string | null }>;

const SYSTEM_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin";

/** nginx lies in /usr/sbin, which is not in a normal user's PATH. */
const which = (name: string): string | null => Bun.which(name) ?? Bun.which(name, { PATH: SYSTEM_FOLDERS });

const programs: Readonly<Record<ProgramName, Program>> = {
  "redis-server": { apt: "redis-server", brew: "redis", find: () => which("redis-server") },
  nginx: { apt: "nginx", brew: "nginx", find: () => which("nginx") },
  chromium: { apt: "chromium", brew: "--cask chromium", find: findChromium },
  promtool: { apt: "prometheus", brew: "prometheus", find: () => which("promtool") },
  slowhttptest: { apt: "slowhttptest", brew: "slowhttptest", find: () => which("slowhttptest") },
  buildah: { apt: "buildah", brew: "buildah", find: () => which("buildah") },
  debootstrap: { apt: "debootstrap", brew: "debootstrap", find: () => which("debootstrap") },
  pgbench: { apt: "postgresql-contrib", brew: "postgresql@18", find: findPgbench },
};

function findChromium(): string | null {
  const given = process.env["CHROMIUM_PATH"];
  if (given !== undefined && existsSync(given)) return given;
  const mac = "/Applications/Chromium.app/Contents/MacOS/Chromium";
  const names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];
  // Ubuntu's chromium-browser without its snap is a script that only says so.
  const found = names.map(which).find((path) => path !== null && !isSnapStub(path));
  return found ?? playwrightChromium() ?? (existsSync(mac) ? mac : null);
}

const isSnapStub = (path: string): boolean =>
  path.endsWith("chromium-browser") && !existsSync("/snap/bin/chromium");

function playwrightChromium(): string | null {
  const cache = process.env["PLAYWRIGHT_BROWSERS_PATH"] ?? join(homedir(), ".cache/ms-playwright");
  if (!existsSync(cache)) return null;
  const glob = new Bun.Glob("chromium*/chrome*/{chrome,headless_shell,chrome-headless-shell}");
  const [found] = [...glob.scanSync({ cwd: cache, onlyFiles: true })];
  return found === undefined ? null : join(cache, found);
}

function findPgbench(): string | null {
  const direct = which("pgbench");
  if (direct !== null) return direct;
  const versions = "/usr/lib/postgresql";
  if (!existsSync(versions)) return null;
  const found = readdirSync(versions).map((version) => join(versions, version, "bin/pgbench"));
  return found.findLast((path) => existsSync(path)) ?? null;
}

/**
 * Where each program is. What is missing is installed with apt-get when we may (root on Debian or Ubuntu).
 *
 * @throws {Error} naming the one command that installs what is missing
 */
export async function requirePrograms(
  names: readonly ProgramName[],
): Promise<ReadonlyMap<ProgramName, string>> {
  const missing = names.filter((name) => programs[name].find() === null);
  if (missing.length > 0) await install(missing);
  return new Map(
    names.map((name) => {
      const path = programs[name].find();
      if (path === null) throw new Error(`${name} is missing. Run: ${installCommand([name])}`);
      return [name, path];
    }),
  );
}

async function install(missing: readonly ProgramName[]): Promise<void> {
  const may_install = process.getuid?.() === 0 && Bun.which("apt-get") !== null;
  if (!may_install) throw new Error(`${missing.join(", ")} missing. Run: ${installCommand(missing)}`);
  console.log(`installing ${missing.join(", ")} with apt-get`);
  const options = ["-y", "-q", "-o", "DPkg::Lock::Timeout=120"];
  const packages = missing.map((name) => programs[name].apt);
  await run(["apt-get", "update", "-q"]);
  await run(["apt-get", "install", ...options, "--no-install-recommends", ...packages]);
  if (missing.includes("chromium") && findChromium() === null) await installPlaywrightChromium();
}

/** Ubuntu has Chromium as a snap only, which containers cannot run. */
const installPlaywrightChromium = (): Promise<void> =>
  run([process.execPath, "x", "playwright-core", "install", "--with-deps", "chromium-headless-shell"]);

async function run(command: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${command.join(" ")} failed:\n${output}${errors}`);
}

function installCommand(names: readonly ProgramName[]): string {
  if (process.platform === "darwin")
    return names.map((name) => `brew install ${programs[name].brew}`).join(" && ");
  const packages = names.map((name) => programs[name].apt).join(" ");
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages}`;
}
