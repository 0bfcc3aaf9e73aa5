import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeAssets } from "../../src/fleet/nginx-assets.ts";
import {
  type Echo,
  expectNginxProblem,
  type LogLine,
  makeRig,
  securityHeaders,
  sendRaw,
  startStub,
  startTestNginx,
  type Stub,
  type TestNginx,
} from "../helpers/nginx.ts";

const rig = makeRig();
const assets = join(rig.folder, "assets");
let stub: Stub;
let nginx: TestNginx;

/** What the stub answers where it does not repeat what it was asked. */
const answers: Readonly<Record<string, () => Response>> = {
  "/own": () =>
    new Response("{}", {
      status: 404,
      headers: {
        "content-type": "application/problem+json",
        "content-security-policy": "its own",
        "cache-control": "x",
      },
    }),
  "/long": () => Response.json({ text: "long ".repeat(1000) }),
  "/openapi.json": () => pub("openapi"),
  "/docs/assets/there.css": () => pub("css of the replica"),
  "/docs/assets/private.css": () => pub("private", "private, max-age=60"),
  "/docs/assets/lifetime.css": () => pub("no word of public", "max-age=60"),
  "/docs": () => new Response("page", { headers: { "cache-control": "no-cache", etag: 'W/"1"' } }),
  "/redirect": () => new Response("here", { headers: { "x-accel-redirect": "/docs/assets/there.css" } }),
};
let made = 0;
const pub = (text: string, cache_control = "public, max-age=60"): Response =>
  new Response(`${text} ${(made += 1)}`, {
    headers: {
      "cache-control": cache_control,
      "x-process-time": "0.1",
      vary: "origin",
      "content-type": "text/css",
    },
  });

beforeAll(async () => {
  const source = join(rig.folder, "here.css");
  writeFileSync(source, "body {}");
  await writeAssets(assets, [{ url: "/docs/assets/here-abc.css", path: source }]);
  stub = rig.own(
    startStub(rig.folder, "stub", async (request) => {
      const path = new URL(request.url).pathname;
      const own = answers[path]?.();
      if (own !== undefined) return own;
      const headers = Object.fromEntries(request.headers);
      const echo: Echo = {
        name: "stub",
        method: request.method,
        path,
        headers,
        body_bytes: (await request.bytes()).length,
      };
      return Response.json(echo, { headers: { "x-replica": "stub", "x-request-id": "of-the-replica" } });
    }),
  );
  nginx = rig.own(
    await startTestNginx(rig.folder, {
      upstreams: [stub.upstream],
      body_bytes: 2_000,
      upload_bytes: 100_000,
      assets,
    }),
  );
});
afterAll(() => rig.stop());

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${nginx.url}${path}`, { headers });
const echoOf = async (path: string, headers: Record<string, string> = {}): Promise<Echo> =>
  (await (await get(path, headers)).json()) as Echo;

describe("what nginx refuses itself is a problem like the application's", () => {
  const raw = async (text: string): Promise<Response> => responseOf(await sendRaw(nginx.port, text));

  test("413: a body over the limit, which is higher for files", async () => {
    const post = (path: string, bytes: number) =>
      fetch(`${nginx.url}${path}`, { method: "POST", body: "x".repeat(bytes) });
    const body = await expectNginxProblem(post("/api/v1/customers", 2_001), 413, "payload_too_large");
    expect(body["instance"]).toBe("/api/v1/customers");
    expect(((await (await post("/api/v1/customers", 2_000)).json()) as Echo).body_bytes).toBe(2_000);
    expect(((await (await post("/api/v1/files", 100_000)).json()) as Echo).body_bytes).toBe(100_000);
    expect((await post("/api/v1/kyc/documents", 100_000)).status).toBe(200);
    await expectNginxProblem(post("/api/v1/files", 100_000 + 65_537), 413, "payload_too_large");
  });

  test("413: also where the body does not say how long it is, with a key and without", async () => {
    const chunked = (headers: string, path: string) =>
      raw(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${headers}\r\n` +
          `${(3_000).toString(16)}\r\n${"x".repeat(3_000)}\r\n0\r\n\r\n`,
      );
    await expectNginxProblem(chunked("", "/api/v1/customers"), 413, "payload_too_large");
    await expectNginxProblem(
      chunked("Idempotency-Key: abcdefgh\r\n", "/api/v1/customers"),
      413,
      "payload_too_large",
    );
    const files = await sendRaw(
      nginx.port,
      "POST /api/v1/files HTTP/1.1\r\nHost: x\r\nIdempotency-Key: abcdefgh\r\nTransfer-Encoding: chunked\r\n" +
        `Connection: close\r\n\r\n${(3_000).toString(16)}\r\n${"x".repeat(3_000)}\r\n0\r\n\r\n`,
    );
    expect(files).toContain('"body_bytes":3000');
  });

  test("414 and 431: a line or a header over 8 kB", async () => {
    const long = "a".repeat(9_000);
    await expectNginxProblem(get(`/${long}`), 414, "uri_too_long");
    await expectNginxProblem(get("/x", { "x-long": long }), 431, "headers_too_large");
  });

  test("400: what is no HTTP, or could be read in two ways", async () => {
    const shapes = [
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET /\u0001 HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n\r\n",
      "GET / HTTP/3.9\r\nHost: a\r\n\r\n",
    ];
    for (const shape of shapes) await expectNginxProblem(raw(shape), 400, "malformed_request");
  });

  test("405: a method that no resource has", async () => {
    await expectNginxProblem(raw("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "method_not_allowed");
  });

  test.each([
    "/metrics",
    "/metrics/",
    "/METRICS",
    "//metrics",
    "/x/../metrics",
    "/%6detrics",
    "/metrics?x=1",
  ])("404: %s is not for the public, however it is spelt", async (path) => {
    const before = stub.seen.length;
    const answer = await sendRaw(nginx.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await expectNginxProblem(responseOf(answer), 404, "not_found");
    expect(stub.seen.length).toBe(before);
  });

  test.each(["/.problem", "/.keyed", "/.keyed-upload"])("404: %s is nobody's business", (path) =>
    expectNginxProblem(get(path), 404, "not_found"),
  );

  test("a path that is no text of JSON does not break the body", async () => {
    const answer = await sendRaw(
      nginx.port,
      'GET /metrics/"\\x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect((await expectNginxProblem(responseOf(answer), 404, "not_found"))["instance"]).toBe("");
  });

  test("a HEAD has the headers of a problem and no body", async () => {
    const answer = await fetch(`${nginx.url}/metrics`, { method: "HEAD" });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(`${answer.status}${await answer.text()}`).toBe("404");
  });
});

/** An answer as it came over the wire. */
function responseOf(text: string): Response {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
  return new Response(text.slice(end + 4), {
    status: Number(first.split(" ")[1]),
    headers: headers as [string, string][],
  });
}

describe("the application's answers", () => {
  test("pass as they are, refusals included, with what they lack and nothing twice", async () => {
    const answer = await get("/own");
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe("{}");
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      ...securityHeaders,
      "content-security-policy": "its own",
      "cache-control": "x",
    });
  });

  test("are compressed for who takes it, and not where an answer has tokens", async () => {
    const plain = await get("/long", { "accept-encoding": "identity" });
    const packed = await get("/long", { "accept-encoding": "gzip" });
    const login = await get("/api/v1/auth/login", { "accept-encoding": "gzip" });
    const encodings = [plain, packed, login].map(({ headers }) => headers.get("content-encoding"));
    expect(encodings).toEqual([null, "gzip", null]);
    expect(packed.headers.get("vary")).toContain("Accept-Encoding");
    expect(((await packed.json()) as { text: string }).text.length).toBe(5_000);
  });

  test("cannot send nginx elsewhere", async () => {
    expect(await (await get("/redirect")).text()).toBe("here");
  });
});

describe("what a replica is told", () => {
  test("the client's address is the peer's, whatever the client says", async () => {
    const { headers } = await echoOf("/x", {
      "x-forwarded-for": "9.9.9.9",
      "x-real-ip": "9.9.9.9",
      forwarded: "for=9.9.9.9",
      via: "1.1 x",
      "x-forwarded-host": "evil",
      "x-forwarded-port": "1",
      "x-forwarded-proto": "https",
      x_forwarded_for: "9.9.9.9",
    });
    const told = Object.entries(headers).filter(([name]) => /forward|real|via/.test(name));
    expect(Object.fromEntries(told)).toEqual({ "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http" });
  });

  test("a proxy that is trusted tells the client's address, and nobody behind it", async () => {
    const front = rig.own(
      await startTestNginx(join(rig.folder, "trusting"), {
        upstreams: [stub.upstream],
        trusted_proxies: ["127.0.0.1", "10.0.0.0/8"],
      }),
    );
    const addressOf = async (forwarded: string) => {
      const answer = await fetch(`${front.url}/x`, { headers: { "x-forwarded-for": forwarded } });
      return ((await answer.json()) as Echo).headers["x-forwarded-for"];
    };
    expect(await addressOf("1.2.3.4")).toBe("1.2.3.4");
    expect(await addressOf("9.9.9.9, 1.2.3.4, 10.1.1.1")).toBe("1.2.3.4");
  });

  test("the request id is the client's where it is harmless, else a new one; the answer has the same, once", async () => {
    for (const [sent, passes] of [
      ["a-good-id:1", true],
      ["short", false],
      ["with space in it", false],
      ["x".repeat(129), false],
    ] as const) {
      const answer = await get("/x", { "x-request-id": sent });
      const told = ((await answer.json()) as Echo).headers["x-request-id"] ?? "";
      expect(answer.headers.get("x-request-id")).toBe(told);
      expect(told === sent).toBe(passes);
      expect(told).toMatch(/^[A-Za-z0-9._:-]{8,128}$/);
    }
  });

  test("the host and the path as the client wrote them, and a host where it named none", async () => {
    const answer = await sendRaw(
      nginx.port,
      "GET /a%2Fb/..//c?d=%20e HTTP/1.1\r\nHost: Some.Host:81\r\nConnection: close\r\n\r\n",
    );
    expect(answer).toContain('"host":"Some.Host:81"');
    expect(stub.seen.at(-1)).toEndWith("?d=%20e");
    const old = await sendRaw(nginx.port, "GET /x HTTP/1.0\r\n\r\n");
    expect(old).toContain('"host":"localhost"');
  });
});

describe("the cache of public answers", () => {
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await get(path, headers);
    return [answer.headers.get("cache-status"), await answer.text()] as const;
  };

  test.each(["/openapi.json", "/docs/assets/there.css"])(
    "gives %s again, to a HEAD as well",
    async (path) => {
      const [first, text] = await ask(path);
      expect([first, await ask(path)]).toEqual(["nginx; fwd=uri-miss", ["nginx; hit", text]]);
      const again = await get(path, { "x-request-id": "another-request" });
      expect(again.headers.get("x-request-id")).toBe("another-request");
      expect(again.headers.get("x-process-time")).toBeNull();
      const head = await fetch(`${nginx.url}${path}`, { method: "HEAD" });
      expect(head.headers.get("cache-status")).toBe("nginx; hit");
    },
  );

  test("neither answers who shows credentials nor keeps what they were told", async () => {
    const [, before] = await ask("/openapi.json");
    const [status, own] = await ask("/openapi.json", { authorization: "Bearer x" });
    expect(status).toBe("nginx; fwd=bypass");
    expect(own).not.toBe(before);
    expect((await ask("/openapi.json"))[1]).toBe(before);
    const seen = stub.seen.length;
    await ask("/openapi.json?never=asked", { authorization: "Bearer x" });
    await ask("/openapi.json?never=asked");
    expect(stub.seen.length).toBe(seen + 2);
  });

  test.each(["/docs/assets/private.css", "/docs/assets/lifetime.css", "/own", "/docs"])(
    "does not keep %s, which does not say public",
    async (path) => {
      const seen = stub.seen.length;
      await ask(path);
      await ask(path);
      expect(stub.seen.length).toBe(seen + 2);
    },
  );

  test("a page is asked for with what the browser has, so that the replica can say 304", async () => {
    await get("/docs", { "if-none-match": 'W/"1"' });
    const echo = await echoOf("/docs/guide", { "if-none-match": 'W/"1"' });
    expect(echo.headers["if-none-match"]).toBe('W/"1"');
  });

  test("an asset on disk is sent compressed as it lies there, for a year, without a replica", async () => {
    const seen = stub.seen.length;
    const answer = await get("/docs/assets/here-abc.css", { "accept-encoding": "gzip" });
    expect(await answer.text()).toBe("body {}");
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      ...securityHeaders,
      "content-encoding": "gzip",
      "content-type": "text/css; charset=utf-8",
      "cache-control": "public, max-age=31536000, immutable",
    });
    expect(stub.seen.length).toBe(seen);
  });
});

test("a line of the log is JSON with who answered and how long it took, and has no query and no token", async () => {
  const headers = {
    "x-request-id": "logged-request",
    authorization: "Bearer secret-token",
    cookie: "a=secret-cookie",
  };
  await fetch(`${nginx.url}/api/v1/customers?q=secret-name`, {
    method: "POST",
    headers,
    body: "secret-body",
  });
  const text = await nginx.line("logged-request");
  const line = JSON.parse(text) as LogLine;
  expect(line).toMatchObject({
    method: "POST",
    path: "/api/v1/customers",
    status: 200,
    upstream: stub.upstream,
    upstream_status: "200",
    replica: "stub",
    pool: "stable",
  });
  expect(typeof line["duration_s"]).toBe("number");
  expect(text).not.toContain("secret");
});
