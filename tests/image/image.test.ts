import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "../helpers/compose.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import {
  buildImage,
  type Builder,
  type Contained,
  createBuilder,
  type ImageConfig,
  makeBaseImages,
  startContained,
} from "../helpers/image.ts";
import { startTestNginx, type TestNginx } from "../helpers/nginx.ts";
import { waitForAnswer } from "../helpers/program.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { freePort, makeTestFolder } from "../helpers/services.ts";

/**
 * The image itself: built from the `Dockerfile` and run as a container would run it, on a real PostgreSQL and Redis,
 * behind nginx. Only the base images are stand-ins, made of Debian's packages, because no registry is needed that way.
 */
const folder = makeTestFolder();
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
const demo = { email: "owner@demo.test", password: "demo-countinghouse" };

let builder: Builder;
let config: ImageConfig;
/** The image's root, mounted. */
let rootfs = "";
let database: TestDatabase | null = null;
let redis: TestRedis | null = null;
let nginx: TestNginx | null = null;
const running = new Set<Contained>();
/** The two that serve. */
const servers: Contained[] = [];
const ports: number[] = [];

function start(words: readonly string[], env: Readonly<Record<string, string>>): Contained {
  const mounts = { "/data": join(folder, "data"), "/run/secrets": join(folder, "secrets") };
  const contained = startContained(rootfs, {
    config,
    words,
    mounts,
    env: {
      DATABASE_URL_FILE: "/run/secrets/database_url",
      REDIS_URL_FILE: "/run/secrets/redis_url",
      JWT_SECRET_FILE: "/run/secrets/jwt_secret",
      DEMO: "true",
      HOST: "127.0.0.1",
      ADMIN_PORT: "0",
      ...env,
    },
  });
  running.add(contained);
  void contained.exited.then(() => running.delete(contained));
  return contained;
}

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error("The suite image mounts and changes root: run it as root.");
  const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
  const [build = "", image = ""] = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, name = ""]) => name);
  builder = createBuilder(folder);
  await makeBaseImages(builder, { build: `docker.io/${build}`, image });
  config = await buildImage(builder, "countinghouse:test");
  rootfs = await builder.run("mount", await builder.run("from", "--pull=never", "countinghouse:test"));
  database = await createTestDatabase({ migrations: [] });
  redis = await startRedis();
  // As a new volume has it: what the image has there, with its owner.
  await Bun.spawn(["cp", "--archive", join(rootfs, "data"), folder]).exited;
  const secrets = { database_url: database.url, redis_url: redis.url, jwt_secret: "s".repeat(48) };
  for (const [name, text] of Object.entries(secrets))
    await Bun.write(join(folder, "secrets", name), `${text}\n`);
}, 600_000);

afterAll(async () => {
  await nginx?.stop();
  for (const { signalGroup } of running) signalGroup("SIGKILL");
  await Promise.all([...running].map(({ exited }) => exited));
  await redis?.stop();
  await database?.drop();
  await builder.run("umount", "--all");
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

describe("the image", () => {
  test("says how it is run, what it is, and how it is well", () => {
    const binary = "/usr/local/bin/countinghouse";
    expect(config).toMatchObject({
      User: "65532:65532",
      Entrypoint: [binary],
      Cmd: ["serve"],
      Healthcheck: { Test: ["CMD", binary, "healthcheck"] },
      StopSignal: "SIGTERM",
      Volumes: { "/data": {} },
      ExposedPorts: { "3000/tcp": {}, "9000/tcp": {} },
      Labels: {
        "org.opencontainers.image.title": "Countinghouse",
        "org.opencontainers.image.version": manifest.version,
        "org.opencontainers.image.licenses": "MIT",
      },
    });
    expect(config.Env).toContain("MIMALLOC_PURGE_DELAY=-1");
  });

  test("has the binary and its folder, and neither source nor packages nor a shell", () => {
    expect(readdirSync(join(rootfs, "usr/local/bin"))).toEqual(["countinghouse"]);
    const { uid, mode } = statSync(join(rootfs, "usr/local/bin/countinghouse"));
    // Root's, and nobody else may change it.
    expect([uid, mode & 0o022]).toEqual([0, 0]);
    const data = statSync(join(rootfs, "data"));
    expect([data.uid, data.gid, data.mode & 0o022]).toEqual([65_532, 65_532, 0]);
    const strange = [
      ...new Bun.Glob("**/{sh,bun,node_modules,*.ts,.npmrc,postgres}").scanSync({
        cwd: rootfs,
        dot: true,
        onlyFiles: false,
      }),
    ];
    expect(strange.filter((path) => !/^(dev|proc)\//.test(path))).toEqual([]);
  });
});

describe("a container with a read-only root", () => {
  test("migrates, and makes the demo business", async () => {
    const migrate = start(["migrate"], {});
    expect(await migrate.exited, migrate.output()).toBe(0);
    expect(migrate.output()).toContain("0001_core");
    const seed = start(["seed", "--demo"], {});
    expect(await seed.exited, seed.output()).toBe(0);
  }, 120_000);

  test("serves as process 1, as its own user, and can write nothing but its volume", async () => {
    for (const name of ["one", "two"]) {
      const port = await freePort();
      const server = start([...config.Cmd], {
        PORT: String(port),
        REPLICA: name,
        REPLICAS: "2",
        TRUSTED_PROXIES: "127.0.0.1",
      });
      await waitForAnswer(server, `http://127.0.0.1:${port}/readyz`);
      ports.push(port);
      servers.push(server);
      const status = readFileSync(`/proc/${server.inner()}/status`, "utf8");
      expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
      expect(status).toMatch(/^Gid:\t65532\t65532\t65532\t65532$/m);
      expect(status).toMatch(/^NSpid:\t\d+\t1$/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      // The mount that is its root. https://man7.org/linux/man-pages/man5/proc.5.html
      const mounts = readFileSync(`/proc/${server.inner()}/mountinfo`, "utf8");
      expect(mounts).toMatch(/^\d+ \d+ \S+ \S+ \/ ro,/m);
    }
  }, 60_000);

  test("is healthy while it serves, and is not where nobody does", async () => {
    expect(await start(["healthcheck"], { PORT: String(ports[0]) }).exited).toBe(0);
    expect(await start(["healthcheck"], { PORT: String(await freePort()) }).exited).toBe(1);
  }, 30_000);

  test("lets the demo's owner in through nginx, and keeps an uploaded file for both replicas", async () => {
    nginx = await startTestNginx(folder, { upstreams: ports.map((port) => `127.0.0.1:${port}`) });
    const { url } = nginx;
    const login = await fetch(`${url}/api/v1/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(demo),
    });
    expect(login.status).toBe(200);
    const { access_token } = (await login.json()) as { access_token: string };
    const headers = { authorization: `Bearer ${access_token}` };
    const form = new FormData();
    form.set("file", new File(["kept on the volume\n"], "note.txt", { type: "text/plain" }));
    const stored = await fetch(`${url}/api/v1/files`, { method: "POST", headers, body: form });
    expect(stored.status).toBe(201);
    const { id } = (await stored.json()) as { id: string };
    for (const port of ports) {
      const content = await fetch(`http://127.0.0.1:${port}/api/v1/files/${id}/content`, { headers });
      expect(await content.text()).toBe("kept on the volume\n");
    }
    expect((await fetch(`${url}/docs`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/dashboard/stats`, { headers })).status).toBe(200);
  }, 60_000);

  test("ends well when it is asked to", async () => {
    expect(servers).toHaveLength(2);
    for (const server of servers) {
      server.signal("SIGTERM");
      expect(await server.exited, server.output()).toBe(0);
      expect(server.output()).toContain('"message":"stopped"');
    }
  }, 60_000);
});
