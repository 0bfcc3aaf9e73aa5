import { expect } from "bun:test";
import { type ProblemCode, type ProblemError, problems } from "../../src/http/problem.ts";

/** The body of a refusal. */
export type ProblemBody = {
  detail: string;
  instance: string;
  errors?: (ProblemError & Record<string, unknown>)[];
} & Record<string, unknown>;

/**
 * Asserts that an answer is a problem with this code, with all that every problem has and nothing internal.
 *
 * @returns its members
 */
export async function expectProblem(
  answer: Response | Promise<Response>,
  code: ProblemCode,
): Promise<ProblemBody> {
  const response = await answer;
  const { headers } = response;
  const text = await response.text();
  const [status, title] = problems[code];
  expect(`${response.status} ${headers.get("content-type")} ${text}`).toStartWith(
    `${status} application/problem+json {"type":"/docs/errors#${code}"`,
  );
  expect(text).not.toMatch(/select |insert into|at .*\.ts:\d+|postgres/i);
  const body = JSON.parse(text) as ProblemBody;
  expect(body).toMatchObject({ status, title, code, request_id: headers.get("x-request-id") });
  if (status === 401) {
    const scheme = code === "bad_signature" ? "HMAC-SHA512 " : "Bearer ";
    expect(headers.get("www-authenticate")).toStartWith(scheme);
  }
  return body;
}
