import { afterAll, beforeAll, expect, test } from "bun:test";
import { startTestApp, type TestApp, testSecret } from "../helpers/app.ts";
import { login, type Tokens } from "../helpers/login.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let good: Tokens;

beforeAll(async () => {
  api = await startTestApp();
  good = await login(api, api.alpha.people.owner);
  expect((await ask(good.access_token)).status).toBe(200);
});
afterAll(() => api.stop());

const ask = (token: string) => api.send("GET", "/api/v1/me", { token });

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(
  claims: object,
  options: { header?: object; secret?: string; hash?: "sha256" | "sha512" } = {},
): string {
  const head = `${base64(options.header ?? { alg: "HS256", typ: "JWT" })}.${base64(claims)}`;
  const hash = new Bun.CryptoHasher(options.hash ?? "sha256", options.secret ?? testSecret);
  return `${head}.${hash.update(head).digest("base64url")}`;
}

const claims = () => JSON.parse(Buffer.from(good.access_token.split(".")[1] ?? "", "base64url").toString());
const without = (name: string) =>
  Object.fromEntries(Object.entries(claims()).filter(([key]) => key !== name));
const now_s = () => Math.floor(Date.now() / 1000);

test("a token that is signed as ours are is good: the others differ in one thing only", async () => {
  expect((await ask(sign(claims()))).status).toBe(200);
});

const bad: Readonly<Record<string, () => string>> = {
  "another spelling of the signature": () => {
    const { access_token } = good;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // Of the last of 43 characters two bits mean nothing.
    return `${access_token.slice(0, -1)}${alphabet[alphabet.indexOf(access_token.at(-1) ?? "") ^ 1]}`;
  },
  "a padded signature": () => `${good.access_token}=`,
  "no signature": () => `${good.access_token.split(".").slice(0, 2).join(".")}.`,
  "alg none": () => `${base64({ alg: "none", typ: "JWT" })}.${base64(claims())}.`,
  "alg none with our signature": () => sign(claims(), { header: { alg: "none" } }),
  "alg HS512": () => sign(claims(), { header: { alg: "HS512", typ: "JWT" }, hash: "sha512" }),
  "HS512 said to be HS256": () => sign(claims(), { hash: "sha512" }),
  "another secret": () => sign(claims(), { secret: "another-secret-of-more-than-32-bytes-of-text" }),
  "an empty secret": () => sign(claims(), { secret: "" }),
  "a critical extension": () => sign(claims(), { header: { alg: "HS256", crit: ["x"], x: 1 } }),
  "an array of claims": () => sign([claims()]),
  "no sub": () => sign(without("sub")),
  "no sid": () => sign(without("sid")),
  "no bid": () => sign(without("bid")),
  "no exp": () => sign(without("exp")),
  "no iat": () => sign(without("iat")),
  "no iss": () => sign(without("iss")),
  "no aud": () => sign(without("aud")),
  "another issuer": () => sign({ ...claims(), iss: "somebody" }),
  "another audience": () => sign({ ...claims(), aud: "somebody" }),
  "not valid yet": () => sign({ ...claims(), nbf: now_s() + 600 }),
  "sub as a number": () => sign({ ...claims(), sub: 7 }),
  "exp as text": () => sign({ ...claims(), exp: "tomorrow" }),
  "the refresh token": () => good.refresh_token,
  "too long": () => sign({ ...claims(), padding: "x".repeat(4_000) }),
  "not a token": () => "abc",
};

test.each(Object.keys(bad))("%s is refused", async (name) => {
  await expectProblem(ask((bad[name] as () => string)()), "invalid_token");
});

test.each([
  ["session", "sid"],
  ["person", "sub"],
  ["business", "bid"],
])("a %s of nobody is refused", async (_, claim) => {
  await expectProblem(ask(sign({ ...claims(), [claim]: crypto.randomUUID() })), "session_revoked");
});

test.each(["sub", "sid", "bid"])(
  "a %s that is no UUID is a bad token, not a failure of the server",
  async (claim) => {
    const response = await ask(sign({ ...claims(), [claim]: "x'; drop table" }));
    expect(response.status).toBe(401);
  },
);

test("an expired token is told to be expired", async () => {
  await expectProblem(ask(sign({ ...claims(), iat: now_s() - 1_000, exp: now_s() - 1 })), "token_expired");
});

test("a good token with one character changed anywhere is refused, also while the good one is remembered", async () => {
  const { access_token } = good;
  const unnoticed: number[] = [];
  // The last character of a part may hold bits that are not used.
  for (let at = 0; at < access_token.length - 1; at += 7) {
    const flipped = access_token[at] === "A" ? "B" : "A";
    if (access_token[at] === "." || access_token[at + 1] === ".") continue;
    const response = await ask(access_token.slice(0, at) + flipped + access_token.slice(at + 1));
    if (response.status !== 401) unnoticed.push(at);
  }
  expect(unnoticed).toEqual([]);
  expect((await ask(access_token)).status).toBe(200);
});

test.each(["Basic YTpi", "Bearer", "Bearer  ", "bearer a b", "Token abc"])(
  "Authorization: %s is refused",
  async (value) => {
    const response = await api.send("GET", "/api/v1/me", { headers: { authorization: value } });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toStartWith("Bearer ");
  },
);
