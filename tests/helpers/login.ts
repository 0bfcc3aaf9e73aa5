import { expect } from "bun:test";
import { type ProblemCode, problems } from "../../src/http/problem.ts";
import type { TestApp } from "./app.ts";
import type { Person } from "./fixtures.ts";

/** What a login and a refresh answer, as far as tests look into it. */
export type Tokens = {
  access_token: string;
  token_type: string;
  expires_in: number;
  refresh_token: string;
  user: { id: string; username: string; full_name: string };
  business: { id: string; code: string };
};

/** Logs in over HTTP, which must succeed. */
export async function login(api: TestApp, person: Pick<Person, "username" | "password">): Promise<Tokens> {
  const { username, password } = person;
  const response = await api.send("POST", "/api/v1/auth/login", { body: { username, password } });
  expect(response.status).toBe(200);
  return (await response.json()) as Tokens;
}

/** The body of an answer, taken for what the test expects it to be. */
export async function read<T>(answer: Response | Promise<Response>): Promise<T> {
  return (await (await answer).json()) as T;
}

export type Page<T> = { data: T[]; meta: { next_cursor: string | null; has_more: boolean } };

export type Problem = {
  code: string;
  detail: string;
  errors?: { pointer: string; detail: string }[];
} & Record<string, unknown>;

/** The body of a refusal, which must be a problem with this code and its status. */
export async function refusal(answer: Response | Promise<Response>, code: ProblemCode): Promise<Problem> {
  const response = await answer;
  const body = (await response.json()) as Problem;
  expect(`${response.status} ${body.code}`).toBe(`${problems[code][0]} ${code}`);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  if (response.status === 401) expect(response.headers.get("www-authenticate")).toStartWith("Bearer ");
  return body;
}

/** Milliseconds until a token is refused; fails after two seconds. */
export async function timeUntilRefused(api: TestApp, token: string): Promise<number> {
  const started = performance.now();
  while (performance.now() - started < 2_000) {
    const response = await api.send("GET", "/api/v1/me", { token });
    if (response.status === 401) return performance.now() - started;
    await Bun.sleep(20);
  }
  throw new Error("the token is still good");
}
