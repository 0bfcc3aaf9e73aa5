import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { type BackgroundJob, coreJobs } from "../../src/core/background-jobs.ts";
import { createWebhook } from "../../src/core/code-delivery.ts";
import type { CodeMessage } from "../../src/core/code-message.ts";
import type { PlatformDeps } from "../../src/platform/deps.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import type { Person } from "../helpers/fixtures.ts";
import { codeOf, otpEnvironment, requestCode, verifyCode } from "../helpers/one-time-codes.ts";
import { freePort } from "../helpers/services.ts";

type Post = Readonly<{ headers: Headers; body: string }>;
type Receiver = Readonly<{ stop(): Promise<void> }>;

let port: number;
let api: TestApp;
let posts: Post[] = [];
/** What the receiver answers, one after the other; then 204. */
let answers: Response[] = [];
let receiver: Receiver | null = null;

/** The operator's own server, as far as we see it. */
function startReceiver(): void {
  const server = Bun.serve({
    port,
    hostname: "127.0.0.1",
    async fetch(request) {
      posts.push({ headers: request.headers, body: await request.text() });
      return answers.shift() ?? new Response(null, { status: 204 });
    },
  });
  receiver = { stop: () => server.stop(true) };
}

beforeAll(async () => {
  port = await freePort();
  api = await startTestApp({ env: { OTP_WEBHOOK_URL: `http://127.0.0.1:${port}/codes?for=us` } });
});
afterAll(() => api.stop());
beforeEach(() => {
  [posts, answers] = [[], []];
  startReceiver();
});
afterEach(async () => {
  await receiver?.stop();
  await api.sql`delete from core.otp_challenges`;
});

const job = (name: string, deps: PlatformDeps = api.deps): BackgroundJob => {
  const found = coreJobs(deps).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};
const deliver = (): Promise<boolean> => job("deliver one-time codes").run();

async function challengeOf(person: Person) {
  const token = await api.token(person);
  const { challenge_id } = await requestCode(api, token);
  return { token, challenge_id, code: await codeOf(api, challenge_id) };
}

/** What is left of a delivery. `rest_s`: seconds until the next try. */
async function leftOf(challenge_id: string) {
  const [row] = await api.sql`select sealed_code is null as is_over, delivery_attempts as attempts,
    extract(epoch from next_delivery_at - now())::float8 as rest_s from core.otp_challenges where id = ${challenge_id}`;
  return row as { is_over: boolean; attempts: number; rest_s: number | null };
}
const makeDue = () =>
  api.sql`update core.otp_challenges set next_delivery_at = now() where sealed_code is not null`;

const logged = (): string => api.lines.join("");

describe("a code", () => {
  test("is posted in the form of Standard Webhooks, signed, and then nothing is left of it", async () => {
    await api.sql`update core.users set phone = '+2348098765432', locale = 'ha' where id = ${api.alpha.people.owner.user_id}`;
    const { token, challenge_id, code } = await challengeOf(api.alpha.people.owner);
    expect(await deliver()).toBe(false);
    expect(posts).toHaveLength(1);
    const [{ headers, body } = { headers: new Headers(), body: "" }] = posts;
    const timestamp = headers.get("webhook-timestamp") ?? "";
    expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(5);
    const key = Buffer.from(otpEnvironment.OTP_WEBHOOK_SECRET.slice(6), "base64");
    const signature = createHmac("sha256", key)
      .update(`${challenge_id}.${timestamp}.${body}`)
      .digest("base64");
    expect(headers.get("webhook-id")).toBe(challenge_id);
    expect(headers.get("webhook-signature")).toBe(`v1,${signature}`);
    expect(headers.get("content-type")).toBe("application/json");
    const { type, timestamp: made_at, data } = JSON.parse(body);
    expect(type).toBe("one_time_code.created");
    expect(Math.abs(Date.parse(made_at) - Date.now())).toBeLessThan(5_000);
    const { expires_at, ...rest } = data;
    expect(Date.parse(expires_at) - Date.parse(made_at)).toBe(300_000);
    expect(rest).toEqual({
      challenge_id,
      purpose: "step_up",
      channel: "sms",
      destination: "+2348098765432",
      code,
      locale: "ha",
    });
    expect(await leftOf(challenge_id)).toEqual({ is_over: true, attempts: 1, rest_s: null });
    await deliver();
    expect(posts).toHaveLength(1);
    expect((await verifyCode(api, token, { challenge_id, code })).status).toBe(200);
  });

  test("whose delivery failed is sent again under the same id, later and later, or when the receiver says", async () => {
    const { challenge_id } = await challengeOf(api.alpha.people.admin);
    const rests: number[] = [];
    answers = [500, 302, 429, 503, 404].map(
      (status) =>
        new Response(null, {
          status,
          headers: {
            ...(status === 302 ? { location: `http://127.0.0.1:${port}/elsewhere` } : {}),
            ...(status === 429 ? { "retry-after": "7" } : {}),
          },
        }),
    );
    for (let attempts = 1; attempts <= 5; attempts += 1) {
      await makeDue();
      await deliver();
      // Not due before its rest is over.
      await deliver();
      const left = await leftOf(challenge_id);
      expect(left).toMatchObject({ is_over: false, attempts });
      rests.push(left.rest_s ?? 0);
    }
    const bounds = [
      [0.5, 1.3],
      [1.3, 2.5],
      [6.5, 7.1],
      [6, 9.7],
      [12, 19.3],
    ] as const;
    bounds.forEach(([least, most], at) => expect(rests[at]).toBeWithin(least, most));
    await makeDue();
    await deliver();
    expect((await leftOf(challenge_id)).is_over).toBe(true);
    expect(posts).toHaveLength(6);
    expect(new Set(posts.map(({ headers }) => headers.get("webhook-id")))).toEqual(new Set([challenge_id]));
  });

  test("waits for a receiver that is away, which delays no answer, and arrives when it is back", async () => {
    await receiver?.stop();
    const token = await api.token(api.alpha.people.manager);
    const began = performance.now();
    const { challenge_id } = await requestCode(api, token);
    expect(performance.now() - began).toBeLessThan(1_000);
    const code = await codeOf(api, challenge_id);
    await deliver();
    expect(await leftOf(challenge_id)).toMatchObject({ is_over: false, attempts: 1 });
    startReceiver();
    await makeDue();
    await deliver();
    expect(posts.map(({ body }) => JSON.parse(body).data.code)).toEqual([code]);
    expect((await verifyCode(api, token, { challenge_id, code })).status).toBe(200);
  });

  test("is brought once, however many replicas bring codes, and again when one dies with it in hand", async () => {
    const { people } = api.alpha;
    const made = await Promise.all(
      [people.owner, people.admin, people.manager, people.agent, people.clerk, people.operator].map(
        challengeOf,
      ),
    );
    await Promise.all([deliver(), deliver(), deliver()]);
    const brought = posts.map(({ headers }) => headers.get("webhook-id"));
    expect(brought).toHaveLength(made.length);
    expect(new Set(brought)).toEqual(new Set(made.map(({ challenge_id }) => challenge_id)));
    const { challenge_id } = await challengeOf(people.compliance);
    // What another replica is taking at this moment is not waited for.
    await api.sql.begin(async (tx) => {
      await tx`select from core.otp_challenges where id = ${challenge_id} for update`;
      expect(await deliver()).toBe(false);
    });
    expect(posts).toHaveLength(6);
    // One that took it, and has not come back.
    await api.sql`update core.otp_challenges set delivery_attempts = 1, next_delivery_at = now() + interval '20 s'
      where id = ${challenge_id}`;
    await deliver();
    expect(posts).toHaveLength(6);
    await makeDue();
    await deliver();
    expect(posts).toHaveLength(7);
  });

  test("that nobody can use any more is not sent, and nothing is left of it", async () => {
    const expired = await challengeOf(api.alpha.people.owner);
    const dead = await challengeOf(api.alpha.people.admin);
    await api.sql`update core.otp_challenges set expires_at = now() where id = ${expired.challenge_id}`;
    await api.sql`update core.otp_challenges set attempts = 5 where id = ${dead.challenge_id}`;
    // Sealed by a server with another secret.
    const foreign = await challengeOf(api.alpha.people.manager);
    await api.sql`update core.otp_challenges set sealed_code = sha256('x') where id = ${foreign.challenge_id}`;
    await deliver();
    expect(posts).toEqual([]);
    for (const { challenge_id } of [expired, dead, foreign])
      expect((await leftOf(challenge_id)).is_over).toBe(true);
    const metrics = await api.deps.metrics.render();
    expect(metrics).toMatch(/one_time_code_deliveries_total\{outcome="given_up"\} 3/);
  });

  test("that was used before it was sent is not sent", async () => {
    const { token, challenge_id, code } = await challengeOf(api.alpha.people.owner);
    expect((await verifyCode(api, token, { challenge_id, code })).status).toBe(200);
    await deliver();
    expect(posts).toEqual([]);
  });

  test("never stands in the log, whatever became of it, and neither does where it went", async () => {
    api.lines.length = 0;
    answers = [new Response("no", { status: 500 })];
    const failed = await challengeOf(api.alpha.people.owner);
    await deliver();
    await receiver?.stop();
    await makeDue();
    await deliver();
    await verifyCode(api, failed.token, failed);
    expect(api.lines.filter((line) => line.includes("was refused and will be sent again"))).toHaveLength(2);
    expect(logged()).toContain(failed.challenge_id);
    const text = logged()
      .replaceAll(failed.challenge_id, "")
      .replaceAll(/"time":"[^"]*"/g, "");
    // With what stands around a value: its digits alone are part of an id now and then.
    for (const secret of [`"${failed.code}"`, ` ${failed.code}`, "example.test", "for=us", "whsec_"])
      expect(text).not.toContain(secret);
  });
});

test("a receiver that hangs costs the deadline and no more", async () => {
  const { promise: hung, resolve: release } = Promise.withResolvers<Response>();
  const slow = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => hung });
  const message: CodeMessage = {
    challenge_id: Bun.randomUUIDv7(),
    purpose: "step_up",
    channel: "email",
    destination: "somebody@example.test",
    code: "123456",
    created_at: "2026-11-20T08:15:00.000Z",
    expires_at: "2026-11-20T08:20:00.000Z",
    locale: null,
  };
  const send = createWebhook(
    { url: `http://127.0.0.1:${slow.port}/`, secret: otpEnvironment.OTP_WEBHOOK_SECRET },
    { deadline_ms: 50 },
  );
  expect(await send(message)).toEqual({ reason: "TimeoutError", retry_after_ms: 0 });
  release(new Response());
  await slow.stop(true);
});

test("on a demo server a code is written to the log, and only there", async () => {
  const demo = await startTestApp({
    database_url: api.database_url,
    businesses: [api.alpha, api.bravo],
    env: { DEMO: "true", OTP_DELIVERY: "console", OTP_WEBHOOK_URL: "", OTP_WEBHOOK_SECRET: "" },
  });
  try {
    const { challenge_id } = await requestCode(demo, await demo.token(api.alpha.people.customer));
    const code = await codeOf(demo, challenge_id);
    await job("deliver one-time codes", demo.deps).run();
    const line = `one-time code for alpha.customer@example.test (step_up): ${code}`;
    expect(demo.lines.filter((each) => each.includes(line))).toHaveLength(1);
    expect(posts).toEqual([]);
  } finally {
    await demo.stop();
  }
});

test("codes that expired an hour ago are forgotten, used or not", async () => {
  const old = await challengeOf(api.alpha.people.owner);
  const used = await challengeOf(api.alpha.people.admin);
  const recent = await challengeOf(api.alpha.people.manager);
  await verifyCode(api, used.token, used);
  await api.sql`update core.otp_challenges set expires_at = now() - case when id = ${recent.challenge_id}
    then interval '59 minutes' else interval '61 minutes' end`;
  expect(await job("delete expired one-time codes").run()).toBe(false);
  const left: { id: string }[] = await api.sql`select id from core.otp_challenges`;
  expect(left.map(({ id }) => id)).toEqual([recent.challenge_id]);
  expect(old.challenge_id).not.toBe(used.challenge_id);
});
