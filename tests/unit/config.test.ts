import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, type Environment, readConfig } from "../../src/platform/config.ts";
import { describeVariables } from "../../src/platform/variables.ts";

const folder = mkdtempSync(join(tmpdir(), "countinghouse-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = "0123456789abcdef0123456789abcdef";
const production = { DATABASE_URL: "postgres://app:pw@db/app", JWT_SECRET: SECRET, DATA_DIR: folder };
const embedded = { DATA_DIR: folder };

function problemsOf(env: Environment): readonly string[] {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("readConfig", () => {
  test("needs nothing: the embedded database, this machine only, every module", () => {
    const config = readConfig(embedded);
    expect(config.mode).toBe("embedded");
    expect(config.listen).toEqual({
      port: 3000,
      host: "127.0.0.1",
      unix_socket: null,
      admin_port: 9000,
      admin_unix_socket: null,
    });
    expect(config.database.url).toBeNull();
    expect(config.modules).toEqual(["savings", "bank", "budget", "shop"]);
    expect(config.rate_limits).toMatchObject({
      per_minute: 60,
      per_hour: 500,
      per_day: 2000,
      login_per_minute: 5,
    });
    expect(config.demo).toBe(true);
  });

  test("is production as soon as there is a DATABASE_URL", () => {
    const config = readConfig(production);
    expect(config.mode).toBe("production");
    expect(config.listen.host).toBe("0.0.0.0");
    expect(config.demo).toBe(false);
  });

  test("is frozen in every part", () => {
    const config = readConfig(embedded);
    for (const part of [config, ...Object.values(config)]) expect(Object.isFrozen(part)).toBe(true);
  });

  test("names every mistake at once", () => {
    const problems = problemsOf({
      ...embedded,
      PORT: "abc",
      MODULES: "shop,casino",
      RATE_LIMIT_ENABLED: "perhaps",
    });
    expect(problems).toHaveLength(3);
    expect(problems.join("\n")).toContain('PORT: "abc" is not an integer from 0 to 65535');
    expect(problems.join("\n")).toContain("MODULES");
    expect(problems.join("\n")).toContain("RATE_LIMIT_ENABLED");
  });

  test("refuses numbers that are not plain integers in range", () => {
    for (const PORT of ["-1", "65536", "3000.5", "1e3", "0x10", " ", "3000 "]) {
      expect(problemsOf({ ...embedded, PORT })).toHaveLength(1);
    }
  });

  test("takes an empty variable for an unset one", () => {
    expect(readConfig({ ...embedded, PORT: "", DATABASE_URL: "", REDIS_URL: "" }).mode).toBe("embedded");
  });
});

describe("secrets", () => {
  test("production refuses a missing and a short one, and says how long it must be", () => {
    expect(problemsOf({ DATABASE_URL: production.DATABASE_URL })).toEqual([
      "JWT_SECRET: is required with DATABASE_URL, at least 32 random bytes",
    ]);
    expect(problemsOf({ ...production, JWT_SECRET: "short" })).toEqual([
      "JWT_SECRET: has 5 bytes, needs at least 32",
    ]);
  });

  test("an unusable DATABASE_URL still counts as production", () => {
    const problems = problemsOf({ DATABASE_URL: "mysql://root:hunter2@db/app" });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain("hunter2");
  });

  test("come from files too, without their last line break", () => {
    const file = join(folder, "secret");
    writeFileSync(file, `${SECRET}\n`);
    const config = readConfig({ DATABASE_URL: production.DATABASE_URL, JWT_SECRET_FILE: file });
    expect(config.auth.jwt_secret).toBe(SECRET);
    writeFileSync(file, `${production.DATABASE_URL}\n`);
    expect(readConfig({ JWT_SECRET: SECRET, DATABASE_URL_FILE: file }).mode).toBe("production");
  });

  test("a file that cannot be read, and a value beside a file, are mistakes", () => {
    expect(problemsOf({ ...embedded, REDIS_URL_FILE: join(folder, "none") })[0]).toContain("ENOENT");
    expect(problemsOf({ ...production, JWT_SECRET_FILE: "x" })[0]).toContain("both");
  });

  test("the embedded server makes its own once and keeps it to itself", () => {
    const data = join(folder, "fresh");
    const first = readConfig({ DATA_DIR: data }).auth.jwt_secret;
    expect(Buffer.byteLength(first)).toBeGreaterThanOrEqual(32);
    expect(readConfig({ DATA_DIR: data }).auth.jwt_secret).toBe(first);
    expect(statSync(join(data, "jwt-secret")).mode & 0o777).toBe(0o600);
  });
});

describe("lists", () => {
  test("origins come as a JSON array or with commas", () => {
    const expected = ["https://a.example.com", "http://localhost:5173"];
    for (const CORS_ORIGINS of [JSON.stringify(expected), expected.join(", ")]) {
      expect(readConfig({ ...embedded, CORS_ORIGINS }).cors.origins).toEqual(expected);
    }
  });

  test("an origin is a scheme, a host and a port, and nothing else", () => {
    for (const CORS_ORIGINS of [
      "https://a.example.com/",
      "a.example.com",
      "https://a.example.com/x",
      "[1]",
      "[oops",
    ]) {
      expect(problemsOf({ ...embedded, CORS_ORIGINS })).toHaveLength(1);
    }
  });

  test("any origin together with credentials is refused", () => {
    expect(problemsOf({ ...production, CORS_ORIGINS: "*", CORS_ALLOW_CREDENTIALS: "true" })).toHaveLength(1);
    expect(problemsOf({ ...production, CORS_ORIGINS: "*" })).toEqual([]);
  });

  test("trusted proxies are addresses or ranges", () => {
    const { trusted_proxies } = readConfig({ ...embedded, TRUSTED_PROXIES: "10.0.0.0/8,::1" });
    expect(trusted_proxies).toEqual(["10.0.0.0/8", "::1"]);
    for (const TRUSTED_PROXIES of ["10.0.0.0/33", "nginx", "10.0.0.1/"]) {
      expect(problemsOf({ ...embedded, TRUSTED_PROXIES })).toHaveLength(1);
    }
  });

  test("the nodes of a Redis Cluster are URLs without a database, and never shown", () => {
    const urls = ["redis://app:hunter2@cache-1:6379", "rediss://cache-2"];
    expect(readConfig({ ...embedded, REDIS_CLUSTER_URLS: urls.join(",") }).redis_cluster_urls).toEqual(urls);
    expect(readConfig(embedded).redis_cluster_urls).toEqual([]);
    for (const wrong of ["redis://hunter2@cache-1/1", "cache-hunter2:6379", "https://hunter2"]) {
      const problems = problemsOf({ ...embedded, REDIS_CLUSTER_URLS: `redis://cache-1,${wrong}` });
      expect(problems).toHaveLength(1);
      expect(problems.join()).not.toContain("hunter2");
    }
  });

  test("modules keep one order however they are written", () => {
    expect(readConfig({ ...embedded, MODULES: "shop,savings" }).modules).toEqual(["savings", "shop"]);
  });
});

describe("one-time codes", () => {
  const OTP_WEBHOOK_SECRET = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
  const webhook = {
    OTP_DELIVERY: "webhook",
    OTP_WEBHOOK_URL: "https://codes.example.com/x",
    OTP_WEBHOOK_SECRET,
  };

  test("are written to the log of the embedded server, and nowhere else unless it is said", () => {
    const none = { webhook: null, smtp: null };
    expect(readConfig(embedded).otp).toEqual({ delivery: "console", ...none, channels: ["sms", "email"] });
    expect(readConfig(production).otp).toEqual({ delivery: "none", ...none, channels: [] });
    expect(readConfig({ ...production, ...webhook }).otp).toEqual({
      delivery: "webhook",
      webhook: { url: "https://codes.example.com/x", secret: OTP_WEBHOOK_SECRET },
      smtp: null,
      channels: ["sms", "email"],
    });
  });

  test("of real people never go to a log", () => {
    expect(problemsOf({ ...production, OTP_DELIVERY: "console" })).toEqual([
      "OTP_DELIVERY: console writes codes to the log, which only demo data allows (DEMO=true)",
    ]);
    expect(readConfig({ ...production, OTP_DELIVERY: "console", DEMO: "true" }).otp.delivery).toBe("console");
  });

  test("go to a webhook by https only, but on this machine, with a secret that is never shown", () => {
    expect(problemsOf({ ...production, OTP_DELIVERY: "webhook" })).toHaveLength(2);
    for (const url of [
      "http://codes.example.com/",
      "http://127.0.0.1.example.com/",
      "http://10.0.0.7/",
      "ftp://x/",
    ])
      expect(problemsOf({ ...production, ...webhook, OTP_WEBHOOK_URL: url })).toHaveLength(1);
    for (const url of ["http://127.0.0.1:9/x", "http://localhost/", "http://[::1]:8080/"])
      expect(problemsOf({ ...production, ...webhook, OTP_WEBHOOK_URL: url })).toEqual([]);
    const named = { ...webhook, OTP_WEBHOOK_URL: "https://us:hunter2@codes.example.com/" };
    expect(problemsOf({ ...production, ...named })).toHaveLength(1);
    for (const secret of [
      "hunter2hunter2hunter2hunter2hunter2",
      "whsec_hunter2",
      `whsec_${"!".repeat(40)}`,
    ]) {
      const problems = problemsOf({ ...production, ...webhook, OTP_WEBHOOK_SECRET: secret });
      expect(problems).toHaveLength(1);
      expect(problems.join()).not.toContain("hunter2");
    }
  });
});

test("a chat provider is reached by https, but on this machine, has a model, and its key is never shown", () => {
  const chat = { CHAT_BASE_URL: "https://api.example.com/v1/", CHAT_MODEL: "m-1" };
  expect(readConfig(production).chat).toBeNull();
  expect(readConfig({ ...production, ...chat }).chat).toEqual({
    base_url: "https://api.example.com/v1",
    api_key: null,
    model: "m-1",
    answers_max: 208,
  });
  for (const wrong of [
    { CHAT_MODEL: "" },
    { CHAT_BASE_URL: "" },
    ...[
      "http://10.0.0.7/v1",
      "http://169.254.169.254/",
      "https://u:hunter2@a.example/",
      "https://a.example/?x",
    ].map((CHAT_BASE_URL) => ({ CHAT_BASE_URL })),
    { CHAT_API_KEY: "hunter2 hunter2" },
  ]) {
    const problems = problemsOf({ ...production, ...chat, ...wrong });
    expect(problems).toHaveLength(1);
    if ("CHAT_API_KEY" in wrong) expect(problems.join()).not.toContain("hunter2");
  }
  for (const url of ["http://127.0.0.1:11434/v1", "http://localhost/v1", "http://[::1]/v1"])
    expect(problemsOf({ ...production, ...chat, CHAT_BASE_URL: url })).toEqual([]);
});

describe("mail", () => {
  const smtp = {
    OTP_DELIVERY: "smtp",
    SMTP_URL: "smtp://codes:hunter2@mail.example.com:587",
    SMTP_FROM: "codes@example.com",
  };

  test("takes all codes, or those to e-mail addresses beside a webhook", () => {
    const { otp } = readConfig({ ...production, ...smtp });
    expect(otp).toEqual({
      delivery: "smtp",
      webhook: null,
      smtp: { url: smtp.SMTP_URL, from: smtp.SMTP_FROM },
      channels: ["email"],
    });
    const webhook = {
      OTP_DELIVERY: "webhook",
      OTP_WEBHOOK_URL: "https://codes.example.com/x",
      OTP_WEBHOOK_SECRET: `whsec_${Buffer.alloc(24, 1).toString("base64")}`,
    };
    const both = readConfig({ ...production, ...smtp, ...webhook }).otp;
    expect([both.webhook?.url, both.smtp?.from, both.channels]).toEqual([
      webhook.OTP_WEBHOOK_URL,
      smtp.SMTP_FROM,
      ["sms", "email"],
    ]);
    expect(
      readConfig({ ...production, SMTP_URL: smtp.SMTP_URL, SMTP_FROM: smtp.SMTP_FROM }).otp.smtp,
    ).toBeNull();
  });

  test("needs a server and a sender, and its password is never shown", () => {
    expect(problemsOf({ ...production, OTP_DELIVERY: "smtp" })).toHaveLength(1);
    expect(problemsOf({ ...production, ...smtp, SMTP_FROM: "" })).toHaveLength(1);
    for (const SMTP_URL of [
      "https://codes:hunter2@mail.example.com",
      "smtp://codes:hunter2@mail.example.com/path",
      "smtps://codes:hunter2@mail.example.com?secure=false",
      "smtp:hunter2",
    ]) {
      const problems = problemsOf({ ...production, ...smtp, SMTP_URL });
      expect(problems).toHaveLength(1);
      expect(problems.join()).not.toContain("hunter2");
    }
    for (const SMTP_FROM of [
      "codes",
      "a@b.com, c@d.com",
      "Codes <codes@example.com>",
      "a@b.com\nBcc: c@d.com",
    ])
      expect(problemsOf({ ...production, ...smtp, SMTP_FROM })).toHaveLength(1);
  });
});

describe("online payments", () => {
  const secret = "sk_live_0123456789abcdef";
  const payments = (WEBHOOK_SECRETS: string, CHECKOUT_URLS = "") =>
    readConfig({ ...embedded, WEBHOOK_SECRETS, CHECKOUT_URLS }).payments;

  test("have the secrets of providers, of one business or of all, several while one is replaced", () => {
    expect(payments("")).toEqual({ webhook_secrets: [], checkouts: [] });
    expect(
      payments(`paystack=${secret}, paystack=${secret}=2, other@DEMO=${secret}`).webhook_secrets,
    ).toEqual([
      { provider: "paystack", business_code: null, secret },
      { provider: "paystack", business_code: null, secret: `${secret}=2` },
      { provider: "other", business_code: "DEMO", secret },
    ]);
  });

  test.each([
    "paystack",
    "paystack=",
    `paystack=short`,
    `Paystack=${secret}`,
    `unapplied=${secret}`,
    `p@demo=${secret}`,
  ])("%p is no secret of a provider, and is not shown", (item) => {
    const problems = problemsOf({ ...embedded, WEBHOOK_SECRETS: item });
    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain(secret);
  });

  test("have one checkout a method, at a provider that can confirm it", () => {
    const url = "https://pay.example.com/{reference}?amount={amount}&currency={currency}&of={business}";
    expect(payments(`paystack=${secret}`, `card:paystack=${url}`).checkouts).toEqual([
      { method: "card", provider: "paystack", url },
    ]);
    for (const CHECKOUT_URLS of [
      `cash:paystack=${url}`,
      `cheque:paystack=${url}`,
      "card:paystack=https://pay.example.com/",
      "card:paystack=https://pay.example.com/{reference}?{secret}",
      "card:paystack=javascript:{reference}",
      `card:other=${url}`,
      `card:paystack=${url},card:paystack=${url}&again`,
    ]) {
      const env = { ...embedded, WEBHOOK_SECRETS: `paystack=${secret}`, CHECKOUT_URLS };
      expect([CHECKOUT_URLS, problemsOf(env).length]).toEqual([CHECKOUT_URLS, 1]);
    }
  });

  test("a file of secrets may be empty", () => {
    const file = join(folder, "webhook-secrets");
    writeFileSync(file, "");
    expect(readConfig({ ...embedded, WEBHOOK_SECRETS_FILE: file }).payments.webhook_secrets).toEqual([]);
  });
});

test("two variables that contradict each other are a mistake", () => {
  expect(problemsOf({ ...embedded, PORT: "9000" })[0]).toContain("ADMIN_PORT");
  expect(
    problemsOf({ ...embedded, REFRESH_IDLE_TTL_S: "7200", REFRESH_ABSOLUTE_TTL_S: "3600" }),
  ).toHaveLength(1);
  expect(problemsOf({ ...embedded, DATABASE_REPLICA_URL: "postgres://db/app" })).toHaveLength(1);
  const redis = { REDIS_URL: "redis://cache", REDIS_CLUSTER_URLS: "redis://cache-1" };
  expect(problemsOf({ ...embedded, ...redis })[0]).toContain("REDIS_CLUSTER_URLS");
});

test(".env.example documents every variable with its default and unit", () => {
  const committed = readFileSync(join(import.meta.dir, "../../.env.example"), "utf8");
  expect(committed, "write it with: bun src/platform/variables.ts > .env.example").toBe(describeVariables());
});
