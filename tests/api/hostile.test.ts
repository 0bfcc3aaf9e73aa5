import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let owner: string;

beforeAll(async () => {
  api = await startTestApp();
  owner = await api.token(api.alpha.people.owner);
});
afterAll(() => api.stop());

const json = { "content-type": "application/json" };
const create = (body: string, headers: Record<string, string> = {}) =>
  api.send("POST", "/api/v1/customers", { token: owner, body, headers: { ...json, ...headers } });

/** Sends bytes as they are and waits for the connection to end, or for `wait_ms`. */
async function sendRaw(text: string, wait_ms = 2_000): Promise<string> {
  const { hostname, port } = new URL(api.url);
  let received = "";
  const ended = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_, chunk) => void (received += chunk.toString("latin1")),
      close: () => ended.resolve(),
      error: () => ended.resolve(),
    },
  });
  socket.write(Buffer.from(text, "latin1"));
  socket.flush();
  await Promise.race([ended.promise, Bun.sleep(wait_ms)]);
  socket.end();
  return received;
}

describe("bodies", () => {
  const depth = 60_000;
  test.each([
    ["arrays", `${"[".repeat(depth)}${"]".repeat(depth)}`],
    ["objects", `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`],
    ["arrays in a member", `{"name":${"[".repeat(depth)}${"]".repeat(depth)}}`],
  ])("nested %s are refused at once, for anybody", async (_, body) => {
    for (const path of ["/api/v1/customers", "/api/v1/auth/login"]) {
      const quickest = async (text: string): Promise<number> => {
        let least = Number.POSITIVE_INFINITY;
        for (let tries = 0; tries < 3; tries += 1) {
          const started = performance.now();
          const answer = await api.send("POST", path, { token: owner, body: text, headers: json });
          await expectProblem(answer, "malformed_json");
          least = Math.min(least, performance.now() - started);
        }
        return least;
      };
      // As quickly as flat nonsense of that length: validating what is nested takes hundreds of times as long.
      expect(await quickest(body)).toBeLessThan(20 * (await quickest("x".repeat(body.length))));
    }
  });

  test("brackets inside text are text", async () => {
    const name = `${"[{".repeat(90)}\\"\\\\`;
    const response = await create(`{"name":"${name}"}`);
    expect(response.status).toBe(201);
    expect(((await response.json()) as { name: string }).name).toBe(JSON.parse(`"${name}"`));
  });

  test("a compressed body is 415 and says that none is taken", async () => {
    const response = await create('{"name":"A"}', { "content-encoding": "gzip" });
    expect(response.headers.get("accept-encoding")).toBe("identity");
    await expectProblem(response, "unsupported_media_type");
    expect((await create('{"name":"A"}', { "content-encoding": "identity" })).status).toBe(201);
  });

  test("a refusal does not repeat what was sent", async () => {
    const body = { email: "owner@demo.test", password: ["correct horse battery"] };
    const problem = await expectProblem(await api.send("POST", "/api/v1/auth/login", { body }), "validation");
    expect(JSON.stringify(problem)).not.toContain("correct horse");
  });

  test("text that cannot be stored is told what is wrong with it", async () => {
    const problem = await expectProblem(await create('{"name":"A\\u0000"}'), "validation");
    expect(problem["detail"]).toContain("U+0000");
  });

  test("an address has twenty lines at most", async () => {
    const address = (lines: number) =>
      Object.fromEntries(Array.from({ length: lines }, (_, at) => [`line_${at}`, "x"]));
    expect((await create(JSON.stringify({ name: "A", address: address(20) }))).status).toBe(201);
    await expectProblem(await create(JSON.stringify({ name: "A", address: address(21) })), "validation");
  });

  test("a client that leaves in the middle of a body is no error of ours", async () => {
    const before = api.lines.length;
    await sendRaw(
      `POST /api/v1/customers HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer ${owner}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{"name":',
      100,
    );
    for (let waited = 0; api.lines.length === before && waited < 2_000; waited += 20) await Bun.sleep(20);
    expect(api.lines.length).toBeGreaterThan(before);
    expect(api.lines.slice(before).join("\n")).not.toContain("internal");
  });
});

describe("hosts", () => {
  const get = (path: string, host: string) =>
    sendRaw(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${owner}\r\nConnection: close\r\n\r\n`,
    );

  test.each(["", "a b", "x/api?", "u@h", "\xe9", "x:99999", "x:port", "[::1", "xn--a.example", "256.1.1.1"])(
    "%p is no host, and no way around a path",
    async (host) => {
      for (const path of ["/api/v1/customers?limit=1", "/api/v1/me", "/x/livez", "/livez?at=http://a/b"]) {
        const answer = await get(path, host);
        expect(answer).toStartWith("HTTP/1.1 400 ");
        expect(answer).toContain('"code":"invalid_header"');
        expect(answer).toContain(`"instance":"${path.split("?")[0]}"`);
      }
    },
  );

  test("HTTP/1.0 needs none", async () => {
    const ask = (path: string, headers = "") => sendRaw(`GET ${path} HTTP/1.0\r\n${headers}\r\n`);
    const authorization = `Authorization: Bearer ${owner}\r\n`;
    expect(await ask("/livez")).toStartWith("HTTP/1.1 200 ");
    expect(await ask("/api/v1/customers?limit=1", authorization)).toContain('"meta":');
    expect(await ask("/api/v1/customers?limit=1")).toStartWith("HTTP/1.1 401 ");
    expect(await ask("/api/v1/nothing", authorization)).toStartWith("HTTP/1.1 404 ");
    const body = '{"name":"Old"}';
    const head = `${authorization}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(await sendRaw(`POST /api/v1/customers HTTP/1.0\r\n${head}${body}`)).toContain('"name" : "Old"');
  });

  test.each(["api", "a", "[::1]:80", "127.0.0.1:65535", "a_b.internal", "xn--bcher-kva.example"])(
    "%p is a host",
    async (host) => {
      expect(await get("/api/v1/customers?limit=1", host)).toStartWith("HTTP/1.1 200 ");
    },
  );
});

describe("parameters and headers", () => {
  test.each(["__proto__", "constructor", "toString"])("a parameter called %s is unknown", async (name) => {
    const problem = await expectProblem(
      await api.send("GET", `/api/v1/customers?${name}=1`, { token: owner }),
      "validation",
    );
    expect(problem["errors"]).toEqual([{ pointer: name, detail: "is not a parameter of this resource" }]);
  });

  test("a version that no row can have is stale", async () => {
    const { id } = (await (await create('{"name":"A"}')).json()) as { id: string };
    for (const tag of ['"2147483648"', '"9999999999"', 'W/"4294967297.a"']) {
      const response = await api.send("PATCH", `/api/v1/customers/${id}`, {
        token: owner,
        body: { name: "B" },
        headers: { "if-match": tag },
      });
      await expectProblem(response, "precondition_failed");
    }
  });

  test.each([
    "application/json;q=0",
    "*/*;q=0",
    "application/jsonp",
    "x/application/json",
    "application/*;q=0, */*",
  ])("Accept: %s refuses JSON", async (accept) => {
    await expectProblem(
      await api.send("GET", "/api/v1/business", { token: owner, headers: { accept } }),
      "not_acceptable",
    );
  });

  test.each(["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"])(
    "metrics are not told through a proxy that sends %s",
    async (name) => {
      expect((await api.send("GET", "/metrics")).status).toBe(200);
      const response = await api.send("GET", "/metrics", { headers: { [name]: "127.0.0.1" } });
      await expectProblem(response, "not_found");
    },
  );
});

describe("imports", () => {
  test("sixty thousand columns are refused at once", async () => {
    const columns = Array.from({ length: 60_000 }, (_, at) => `address.a${at}`);
    const started = performance.now();
    const response = await api.send("POST", "/api/v1/customers/import?dry_run=true", {
      token: owner,
      body: `name,${columns.join()}\n`,
      headers: { "content-type": "text/csv" },
    });
    await expectProblem(response, "validation");
    expect(performance.now() - started).toBeLessThan(500);
  });
});
