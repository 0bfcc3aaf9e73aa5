import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "bun:test";
import {
  type Echo,
  expectNginxProblem,
  type LogLine,
  makeRig,
  sendRaw,
  startCrasher,
  startStub,
  startTestNginx,
} from "../helpers/nginx.ts";
import { until } from "../helpers/replicas.ts";

const rig = makeRig();
afterAll(() => rig.stop());

/** Enough requests that each of two replicas is chosen: least_conn takes turns between equals. */
const turns = 4;
const key = { "idempotency-key": "a-key-of-this-test" };

/** nginx before a replica that dies of every request, and a good one. */
async function beforeACrasher(name: string, options: { is_reloading?: boolean } = {}) {
  const crasher = rig.own(startCrasher(rig.folder, `${name}-crasher`));
  const good = rig.own(startStub(rig.folder, `${name}-good`));
  if (options.is_reloading === true) {
    mkdirSync(`${rig.folder}/${name}/nginx`, { recursive: true });
    writeFileSync(`${rig.folder}/${name}/nginx/reloading`, "");
  }
  const nginx = rig.own(
    await startTestNginx(`${rig.folder}/${name}`, { upstreams: [crasher.upstream, good.upstream] }),
  );
  const send = (method: string, path: string, headers: Record<string, string> = {}) =>
    fetch(`${nginx.url}${path}`, { method, headers, ...(method === "POST" ? { body: '{"a":1}' } : {}) });
  return { crasher, good, nginx, send };
}

describe("a replica that dies while it is at work", () => {
  test.each(["GET", "PUT", "DELETE"])("costs a %s nothing: another replica is asked", async (method) => {
    const { crasher, good, send } = await beforeACrasher(method);
    for (let turn = 0; turn < turns; turn += 1) {
      const answer = await send(method, "/api/v1/settings/shop.job_number");
      expect(((await answer.json()) as Echo).name).toBe(good.name);
    }
    expect(crasher.seen.length).toBeGreaterThan(0);
  });

  test("costs a keyed POST nothing, whose body arrives whole at the other", async () => {
    const { crasher, send } = await beforeACrasher("keyed");
    for (const path of ["/api/v1/customers", "/api/v1/customers?a=1", "/api/v1/customers/0199-ab/archive"]) {
      for (let turn = 0; turn < 2; turn += 1) {
        const echo = (await (await send("POST", path, key)).json()) as Echo;
        expect(echo).toMatchObject({ method: "POST", path, body_bytes: 7 });
        expect(echo.headers["idempotency-key"]).toBe(key["idempotency-key"]);
      }
    }
    expect(crasher.seen.filter((line) => line.startsWith("POST "))).not.toEqual([]);
  });

  test("is what a POST without a key gets to know, and it was sent once", async () => {
    const { crasher, good, send } = await beforeACrasher("unkeyed");
    const answers: Response[] = [];
    for (let turn = 0; turn < turns; turn += 1) answers.push(await send("POST", "/api/v1/customers"));
    const failed = answers.filter(({ status }) => status !== 200);
    expect(failed.length).toBe(crasher.seen.length);
    expect(good.seen.length + crasher.seen.length).toBe(turns);
    const [first] = failed;
    expect(first?.headers.get("retry-after")).toBe("1");
    await expectNginxProblem(first ?? new Response(), 502, "bad_gateway");
  });

  test("is what a POST gets to know whose route takes no key, and a PATCH, though they carry one", async () => {
    const { crasher, good, nginx, send } = await beforeACrasher("keyless");
    // As they are: fetch would tidy such paths up.
    const paths = [
      "/api/v1/auth/logout",
      "/api/v1/customers/",
      "/api/v1/x/../customers",
      "/api/v1//customers",
    ];
    const headers = `Host: x\r\nIdempotency-Key: ${key["idempotency-key"]}\r\nContent-Length: 0\r\n`;
    for (const path of paths)
      await sendRaw(nginx.port, `POST ${path} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`);
    for (let turn = 0; turn < turns; turn += 1) await send("PATCH", "/api/v1/customers", key);
    expect(crasher.seen.length).toBeGreaterThan(1);
    expect(good.seen.length + crasher.seen.length).toBe(paths.length + turns);
  });
});

test("while clients are sent away before a reload all of this holds as well", async () => {
  const { crasher, good, send } = await beforeACrasher("leaving", { is_reloading: true });
  // Two requests alone: after three failures nginx would leave the bad one in peace for a second.
  const [read, keyed] = [await send("GET", "/api/v1/me"), await send("POST", "/api/v1/customers?a=1", key)];
  expect(read.headers.get("connection")).toBe("close");
  expect(keyed.headers.get("connection")).toBe("close");
  expect((await read.json()) as Echo).toMatchObject({ path: "/api/v1/me", method: "GET" });
  expect((await keyed.json()) as Echo).toMatchObject({ path: "/api/v1/customers?a=1", body_bytes: 7 });
  const seen = good.seen.length + crasher.seen.length;
  const answers: Response[] = [];
  for (let turn = 0; turn < turns; turn += 1) answers.push(await send("POST", "/api/v1/auth/login", key));
  const failed = answers.find(({ status }) => status !== 200);
  await expectNginxProblem(failed ?? new Response(), 502, "bad_gateway");
  expect(good.seen.length + crasher.seen.length).toBe(seen + turns);
  await expectNginxProblem(send("GET", "/metrics"), 404, "not_found");
  expect((await send("GET", "/docs")).headers.get("connection")).toBe("keep-alive");
});

test("a replica that was killed costs nobody anything, and answers again when it is back", async () => {
  const [one, two] = [startStub(rig.folder, "killed"), rig.own(startStub(rig.folder, "alive"))];
  const nginx = rig.own(
    await startTestNginx(`${rig.folder}/kill`, { upstreams: [one.upstream, two.upstream] }),
  );
  const post = async () => {
    const answer = await fetch(`${nginx.url}/api/v1/auth/logout`, { method: "POST" });
    return answer.status === 200 ? ((await answer.json()) as Echo).name : answer.status;
  };
  expect(new Set([await post(), await post()])).toEqual(new Set(["killed", "alive"]));
  one.kill();
  // Nothing was sent to a replica that does not accept, so a POST without a key may be sent on too.
  for (let turn = 0; turn < 10; turn += 1) expect(await post()).toBe("alive");
  const back = rig.own(startStub(rig.folder, "killed"));
  const deadline = performance.now() + 5_000;
  while (back.seen.length === 0 && performance.now() < deadline) await post();
  expect(back.seen.length).toBeGreaterThan(0);
});

test("a refusal is an answer: shed load is not sent on, and comes as the replica said it", async () => {
  const refusal = () =>
    Response.json(
      { code: "overloaded" },
      { status: 503, headers: { "retry-after": "7", "x-replica": "full" } },
    );
  const full = [
    rig.own(startStub(rig.folder, "full-1", refusal)),
    rig.own(startStub(rig.folder, "full-2", refusal)),
  ];
  const nginx = rig.own(
    await startTestNginx(`${rig.folder}/full`, { upstreams: full.map(({ upstream }) => upstream) }),
  );
  for (const [method, headers] of [
    ["GET", {}],
    ["POST", key],
  ] as const) {
    const answer = await fetch(`${nginx.url}/api/v1/customers`, { method, headers });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("7");
    expect(await answer.json()).toEqual({ code: "overloaded" });
  }
  expect(full.flatMap(({ seen }) => seen).length).toBe(2);
});

test("with no replica left the answer is a problem that says when to come again, and the log says who was tried", async () => {
  const gone = ["gone-1", "gone-2"].map((name) => startStub(rig.folder, name));
  for (const stub of gone) stub.stop();
  const nginx = rig.own(
    await startTestNginx(`${rig.folder}/gone`, { upstreams: gone.map(({ upstream }) => upstream) }),
  );
  const answer = await fetch(`${nginx.url}/api/v1/me?q=1`, { headers: { "x-request-id": "gone-request" } });
  expect(answer.headers.get("retry-after")).toBe("1");
  const problem = await expectNginxProblem(answer, 502, "bad_gateway");
  expect(problem).toMatchObject({ instance: "/api/v1/me", request_id: "gone-request" });
  const line = JSON.parse(await nginx.line("gone-request")) as LogLine;
  expect(line).toMatchObject({ status: 502, upstream_status: "502, 502", method: "GET", path: "/api/v1/me" });
});

describe("a replica that is silent", () => {
  const silent = () => new Promise<Response>(() => {});

  test("is left for another after its time, by a GET and by a keyed POST", async () => {
    const mute = rig.own(startStub(rig.folder, "mute", silent));
    const good = rig.own(startStub(rig.folder, "talking"));
    const nginx = rig.own(
      await startTestNginx(`${rig.folder}/mute`, {
        upstreams: [mute.upstream, good.upstream],
        read_timeout_s: 1,
      }),
    );
    const sends = Array.from({ length: turns }, (_, turn) =>
      fetch(`${nginx.url}/api/v1/customers`, turn % 2 === 0 ? {} : { method: "POST", headers: key }),
    );
    for (const answer of await Promise.all(sends))
      expect(((await answer.json()) as Echo).name).toBe("talking");
    expect(mute.seen.length).toBeGreaterThan(0);
  });

  test("is a 504 to who may not be sent twice", async () => {
    const mute = rig.own(startStub(rig.folder, "mute-alone", silent));
    const nginx = rig.own(
      await startTestNginx(`${rig.folder}/late`, { upstreams: [mute.upstream], read_timeout_s: 1 }),
    );
    const answer = await fetch(`${nginx.url}/api/v1/auth/logout`, { method: "POST" });
    expect(answer.headers.get("retry-after")).toBe("2");
    await expectNginxProblem(answer, 504, "gateway_timeout");
    expect(mute.seen).toEqual(["POST /api/v1/auth/logout"]);
  });
});

describe("a replica that has all the requests it may", () => {
  test("is asked no more: the rest is refused at once with 503, and streams are not counted", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const stub = rig.own(
      startStub(rig.folder, "bounded", async () => {
        await released;
        return new Response("done");
      }),
    );
    const nginx = rig.own(
      await startTestNginx(`${rig.folder}/bounded`, { upstreams: [stub.upstream], requests_per_replica: 2 }),
    );
    const send = (path: string) => fetch(`${nginx.url}${path}`, { keepalive: false });
    const stream = send("/api/v1/notifications/events");
    const begun = [send("/api/v1/me"), send("/api/v1/me")];
    await until("all are with the replica", () => stub.seen.length === 3);
    const refused = await send("/api/v1/me");
    expect(refused.headers.get("retry-after")).toBe("1");
    await expectNginxProblem(refused, 503, "overloaded");
    expect(stub.seen.length).toBe(3);
    release();
    for (const answer of await Promise.all([...begun, stream])) expect(answer.status).toBe(200);
    expect((await send("/api/v1/me")).status).toBe(200);
  });
});
