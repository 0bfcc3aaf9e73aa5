import { expect } from "bun:test";
import { problems } from "../../src/http/problem.ts";

/** Asserts that an answer is a problem with this code, with nothing internal in it. @returns its members */
export async function expectProblem(
  response: Response,
  code: keyof typeof problems,
): Promise<Record<string, unknown>> {
  const text = await response.text();
  expect(`${response.status} ${response.headers.get("content-type")} ${text}`).toStartWith(
    `${problems[code][0]} application/problem+json {"type":"/docs/errors#${code}"`,
  );
  expect(text).not.toMatch(/select |insert into|at .*\.ts:\d+|postgres/i);
  return JSON.parse(text) as Record<string, unknown>;
}
