import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeRig, securityHeaders, startCrasher, startTestNginx, type TestNginx } from "../helpers/nginx.ts";
import { expectProblem } from "../helpers/problem.ts";
import { openAs, openSocket } from "../helpers/sockets.ts";

const rig = makeRig();
let app: TestApp;
let nginx: TestNginx;

beforeAll(async () => {
  const socket = join(rig.folder, "app.sock");
  app = rig.own(
    await startTestApp({ env: { UNIX_SOCKET: socket, RATE_LIMIT_ENABLED: "true", MAX_BODY_BYTES: "4096" } }),
  );
  // Before the application stands a replica that dies of every request.
  const crasher = rig.own(startCrasher(rig.folder, "crasher"));
  nginx = rig.own(
    await startTestNginx(rig.folder, {
      upstreams: [crasher.upstream, `unix:${socket}`],
      login_rate_per_min: 5,
      api_rate_per_s: 100,
    }),
  );
});
afterAll(() => rig.stop());

const send = (
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
) =>
  fetch(`${nginx.url}${path}`, {
    method,
    redirect: "manual",
    headers: {
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });

test("a member logs in, reads, and creates with a key, though a replica dies at every turn", async () => {
  const { username, password } = app.alpha.people.owner;
  // A login has no key: it is the client who sends it again when its replica died.
  let login = await send("POST", "/api/v1/auth/login", { body: { username, password } });
  if (login.status === 502)
    login = await send("POST", "/api/v1/auth/login", { body: { username, password } });
  expect(login.status).toBe(200);
  const { access_token } = (await login.json()) as { access_token: string };
  const authorization = `Bearer ${access_token}`;
  for (let turn = 0; turn < 4; turn += 1) {
    const me = await send("GET", "/api/v1/me", {
      headers: { authorization, "x-request-id": `read-${turn}-through` },
    });
    expect(me.status).toBe(200);
    expect(me.headers.get("x-request-id")).toBe(`read-${turn}-through`);
    expect(me.headers.get("x-replica")).toBe("test");
    expect(Object.fromEntries(me.headers)).toMatchObject(securityHeaders);
  }
  const ids: string[] = [];
  for (const key of ["first-key-of-mine", "first-key-of-mine", "second-key-of-mine"]) {
    const headers = { authorization, "idempotency-key": key };
    const created = await send("POST", "/api/v1/units", {
      body: { name: key },
      headers,
    });
    expect(created.status).toBe(201);
    ids.push(((await created.json()) as { id: string }).id);
  }
  expect(ids[1]).toBe(ids[0] ?? "");
  expect(new Set(ids).size).toBe(2);
  expect(await nginx.line("read-1-through")).not.toContain(access_token);
});

test("the application's own limit on logins answers first, and no header moves it", async () => {
  const answers: Response[] = [];
  for (let turn = 0; turn < 14 && answers.at(-1)?.status !== 429; turn += 1) {
    const headers = { "x-forwarded-for": `10.0.0.${turn}`, "x-real-ip": `10.0.1.${turn}` };
    const answer = await send("POST", "/api/v1/auth/login", {
      body: { username: "nobody", password: "x" },
      headers,
    });
    // What died with its replica was no login.
    if (answer.status !== 502) answers.push(answer);
  }
  const refused = answers.at(-1) ?? new Response();
  expect(answers.length).toBeLessThanOrEqual(6);
  expect(refused.headers.get("ratelimit")).not.toBeNull();
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  await expectProblem(refused, "rate_limited");
  expect(app.lines.join("\n")).not.toContain("10.0.");
});

test("the document and the assets of its page come from nginx's cache, with the headers that the application gave", async () => {
  const page = await (await send("GET", "/docs")).text();
  const [asset = ""] = /\/docs\/assets\/swagger-ui-\w+\.css/.exec(page) ?? [];
  for (const path of ["/openapi.json", asset]) {
    const first = await send("GET", path);
    const again = await send("GET", path);
    const statuses = [first, again].map(({ headers }) => headers.get("cache-status"));
    expect(statuses).toEqual(["nginx; fwd=uri-miss", "nginx; hit"]);
    expect(again.headers.get("cache-control")).toStartWith("public, max-age=");
    expect(Object.fromEntries(again.headers)).toMatchObject(securityHeaders);
    expect(await again.text()).toBe(await first.text());
  }
  const etag = (await send("GET", "/openapi.json")).headers.get("etag") ?? "";
  expect((await send("GET", "/openapi.json", { headers: { "if-none-match": etag } })).status).toBe(304);
});

test("refusals of the application come as it wrote them", async () => {
  await expectProblem(send("GET", "/no/such/path"), "not_found");
  await expectProblem(send("GET", "/api/v1/me"), "unauthenticated");
  await expectProblem(send("DELETE", "/api/v1/units"), "method_not_allowed");
});

test("a WebSocket comes through, though a replica dies of it, and stays open while nginx is reloaded", async () => {
  const { owner } = app.alpha.people;
  const client = await openAs(nginx.url, await app.token(owner));
  client.send({ type: "sub", topic: "notifications" });
  expect((await client.next()).type).toBe("ack");
  const notify = (title: string) => app.sql`insert into core.notifications (business_id, user_id, type, title)
    values (${app.alpha.id}, ${owner.user_id}, 'job.overdue', ${title})`;
  await notify("before");
  expect((await client.next()).data?.["title"]).toBe("before");
  await nginx.reload({});
  await notify("after");
  expect((await client.next()).data?.["title"]).toBe("after");
  client.close();
  const foreign = await openSocket(nginx.url, { origin: "https://evil.example.com" });
  expect(await foreign.closed).toBe(4403);
});
