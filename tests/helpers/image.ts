import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { root } from "./compose.ts";
import { type Program, startProgram } from "./program.ts";

/**
 * Images without an engine: buildah builds them in a chroot (https://github.com/containers/buildah), as root, from base
 * images made with debootstrap under the names that the `Dockerfile` uses. All of it lies in one folder.
 */
export type Builder = Readonly<{
  folder: string;
  /** Runs buildah. @returns what it wrote to standard output, trimmed @throws with what it wrote when it fails */
  run(...words: string[]): Promise<string>;
  /** Makes an image of what `fill` puts into an empty root. */
  makeImage(name: string, fill: (rootfs: string) => Promise<void>, config?: readonly string[]): Promise<void>;
}>;

export function createBuilder(folder: string): Builder {
  const env = {
    BUILDAH_ISOLATION: "chroot",
    // Mounted caches and half-written layers.
    TMPDIR: join(folder, "tmp"),
  };
  mkdirSync(env.TMPDIR, { recursive: true });
  // vfs copies layers and needs nothing of the kernel: it works in a container too.
  const place = [
    "--storage-driver=vfs",
    `--root=${join(folder, "storage")}`,
    `--runroot=${join(folder, "run")}`,
  ];
  const run = async (...words: string[]): Promise<string> => {
    const command = [process.env["BUILDAH_PATH"] ?? "buildah", ...place, ...words];
    return runProgram(command, env);
  };
  return {
    folder,
    run,
    async makeImage(name, fill, config = []) {
      const container = await run("from", "scratch");
      await fill(await run("mount", container));
      if (config.length > 0) await run("config", ...config, container);
      await run("commit", "--quiet", "--rm", container, name);
    },
  };
}

async function runProgram(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = Bun.spawn([...command], {
    cwd: root,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${command.join(" ")} failed:\n${output}\n${errors}`);
  return output.trim();
}

/** Packages whose files are the base image that runs the binary: what it is linked with. */
const runtime_packages = ["libc6", "libgcc-s1", "libstdc++6"];

/**
 * Stand-ins for the two images that the `Dockerfile` names: Debian 12 with the Bun that runs this, and what of it is a base
 * without a shell, with the user `nonroot`.
 */
export async function makeBaseImages(
  builder: Builder,
  names: { build: string; image: string },
): Promise<void> {
  const runtime = join(builder.folder, "runtime");
  const { authorities, config } = trusted();
  await builder.makeImage(
    names.build,
    async (rootfs) => {
      const debootstrap = process.env["DEBOOTSTRAP_PATH"] ?? "debootstrap";
      await runProgram([debootstrap, "--variant=minbase", "bookworm", rootfs], {});
      cpSync(process.execPath, join(rootfs, "usr/local/bin/bun"), { dereference: true });
      if (authorities !== null) {
        mkdirSync(join(rootfs, "etc/ssl"), { recursive: true });
        cpSync(authorities, join(rootfs, AUTHORITIES));
      }
      await copyRuntime(rootfs, runtime);
    },
    config,
  );
  await builder.makeImage(names.image, async (rootfs) => {
    await runProgram(["cp", "--archive", `${runtime}/.`, rootfs], {});
  });
}

const AUTHORITIES = "/etc/ssl/extra-authorities.pem";

/** Where a network has certificate authorities of its own, Bun is told by this variable; in the build too. */
function trusted(): { authorities: string | null; config: string[] } {
  const authorities = process.env["NODE_EXTRA_CA_CERTS"] ?? "";
  if (authorities === "" || !existsSync(authorities)) return { authorities: null, config: [] };
  return { authorities, config: ["--env", `NODE_EXTRA_CA_CERTS=${AUTHORITIES}`] };
}

/** A root with the files of the runtime packages, in the layout of Debian 12. */
async function copyRuntime(debian: string, target: string): Promise<void> {
  for (const path of ["usr/lib", "usr/lib64", "etc", "home/nonroot", "dev", "proc", "sys", "run"])
    mkdirSync(join(target, path), { recursive: true });
  mkdirSync(join(target, "tmp"));
  chmodSync(join(target, "tmp"), 0o1777);
  symlinkSync("usr/lib", join(target, "lib"));
  symlinkSync("usr/lib64", join(target, "lib64"));
  writeFileSync(join(target, "etc/passwd"), "root:x:0:0::/root:\nnonroot:x:65532:65532::/:\n");
  writeFileSync(join(target, "etc/group"), "root:x:0:\nnonroot:x:65532:\n");
  const listed = await runProgram(["dpkg", `--root=${debian}`, "--listfiles", ...runtime_packages], {});
  // Files only: as folders they would take the places of the links above.
  const files = listed.split("\n").filter((path) => path.includes(".so"));
  await Bun.write(join(target, "list"), files.map((path) => `.${path}\n`).join(""));
  const list = join(target, "list");
  await runProgram(
    ["sh", "-c", 'tar -C "$1" -cf - -T "$3" | tar -C "$2" -xf -', "sh", debian, target, list],
    {},
  );
  rmSync(list);
}

/** What an image says of how it is run, as Docker reads it. */
export type ImageConfig = Readonly<{
  User: string;
  Env: readonly string[];
  Entrypoint: readonly string[];
  Cmd: readonly string[];
  Labels: Readonly<Record<string, string>>;
  Healthcheck: Readonly<{ Test: readonly string[] }>;
  Volumes: Readonly<Record<string, unknown>>;
  ExposedPorts: Readonly<Record<string, unknown>>;
  StopSignal: string;
}>;

/** Builds the checkout's `Dockerfile`. In Docker's format: OCI's has no health check. */
export async function buildImage(builder: Builder, tag: string): Promise<ImageConfig> {
  const npmrc = join(homedir(), ".npmrc");
  const secret = existsSync(npmrc) ? ["--secret", `id=npmrc,src=${npmrc}`] : [];
  await builder.run("build", "--pull=never", "--format=docker", ...secret, "--tag", tag, root);
  const inspected = JSON.parse(await builder.run("inspect", "--type", "image", tag)) as {
    Docker: { config: ImageConfig };
  };
  return inspected.Docker.config;
}

/** A process in a container of the image; `pid` is the server's own as this machine counts. */
export type Contained = Program & Readonly<{ inner(): number }>;

/**
 * Runs a program as `docker run --read-only` would: process 1 of its own, the image's root mounted read-only, its
 * volumes and the given mounts over it, its user, no capability, no new privileges, nothing of this machine's
 * environment. The network is the machine's.
 */
export function startContained(
  rootfs: string,
  options: {
    config: ImageConfig;
    words: readonly string[];
    env: Readonly<Record<string, string>>;
    /** Folders here by their place in the container. */
    mounts: Readonly<Record<string, string>>;
  },
): Contained {
  const { config, words, env, mounts } = options;
  const bound = Object.entries(mounts).flatMap(([place, source]) => {
    mkdirSync(join(rootfs, place), { recursive: true });
    return [source, join(rootfs, place)];
  });
  const script =
    'root=$1; user=$2; mounts=$3; shift 3; mount --make-rprivate /; mount --bind "$root" "$root"; ' +
    'while [ "$mounts" -gt 0 ]; do mount --bind "$1" "$2"; shift 2; mounts=$((mounts - 1)); done; ' +
    'mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -o remount,bind,ro "$root"; ' +
    'exec setpriv --no-new-privs env -i "$@"';
  const chroot = Bun.which("chroot", { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" }) ?? "chroot";
  const variables = [...config.Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  const inside = [
    ...variables,
    chroot,
    `--userspec=${config.User}`,
    "--groups=",
    rootfs,
    ...config.Entrypoint,
    ...words,
  ];
  const unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"];
  const count = String(Object.keys(mounts).length);
  const program = startProgram(
    [...unshare, "sh", "-euc", script, "sh", rootfs, config.User, count, ...bound, ...inside],
    {},
  );
  // https://man7.org/linux/man-pages/man5/proc.5.html
  const inner = (): number =>
    Number(readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, "utf8").trim());
  return { ...program, inner, signal: (name) => void process.kill(inner(), name) };
}
