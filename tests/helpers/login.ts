import { expect } from "bun:test";
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

/**
 * Milliseconds until the last request that was accepted had begun; 0 when none was. What a busy machine needs to carry
 * the first refusal back is not counted. Fails when the token is still good after two seconds.
 */
export async function timeUntilRefused(api: TestApp, token: string): Promise<number> {
  const started = performance.now();
  let accepted_ms = 0;
  while (performance.now() - started < 2_000) {
    const began_ms = performance.now() - started;
    const response = await api.send("GET", "/api/v1/me", { token });
    if (response.status === 401) return accepted_ms;
    accepted_ms = began_ms;
    await Bun.sleep(20);
  }
  throw new Error("the token is still good");
}
