import { afterAll, beforeAll, expect, test } from "bun:test";
import { requireStepUp } from "../../src/core/step-up.ts";
import type { Deps } from "../../src/http/deps.ts";
import { Problem, problemResponse } from "../../src/http/problem.ts";
import { refusalOf } from "../../src/http/refusals.ts";
import type { Caller } from "../../src/http/scope.ts";
import type { DatabaseError } from "../../src/platform/db/errors.ts";
import type { Statement } from "../../src/platform/db/statement.ts";
import { startTestApp, type TestApp } from "../helpers/app.ts";
import { makeSession } from "../helpers/fixtures.ts";
import { expectProblem } from "../helpers/problem.ts";

let api: TestApp;
let session_id: string;
let other_id: string;

beforeAll(async () => {
  api = await startTestApp();
  session_id = await makeSession(api.sql, api.alpha.people.owner, api.alpha.id);
  other_id = await makeSession(api.sql, api.alpha.people.owner, api.alpha.id);
});
afterAll(() => api.stop());

/** What a statement that moves money does, in plpgsql. */
const guarded: Statement<{ session_id: string }, { done: string }> = {
  name: "test/require_step_up",
  text: "select core.require_step_up($1::uuid)::text as done",
  parameters: ["session_id"],
};

/** How each of the three ways to ask decides: null when it lets the session pass. */
async function refusalsOf(session_id: string, max_age_s?: number): Promise<(Problem | null)[]> {
  const caller = { session_id, timings: { auth_ms: 0, cache_ms: 0, db_ms: 0 } } as unknown as Caller;
  const byService = await requireStepUp(api.deps as Deps, caller, max_age_s).then(
    () => null,
    (error: Problem) => error,
  );
  const byStatement = await api.deps.db.write.query(guarded, { session_id }).then(
    () => null,
    (error: unknown) => refusalOf(error as DatabaseError),
  );
  return [byService, byStatement];
}

const stepUpAt = (ago_s: number) =>
  api.sql`update core.sessions set step_up_at = now() - make_interval(secs => ${ago_s}) where id = ${session_id}`;

const answerOf = (problem: Problem | null | undefined): Response => {
  if (!(problem instanceof Problem)) throw new Error("it was let pass");
  const response = problemResponse(problem, { path: "/api/v1/wire-transfers", request_id: "r1" });
  response.headers.set("x-request-id", "r1");
  return response;
};

test("who never stepped up is told how, in the words of RFC 9470", async () => {
  for (const problem of await refusalsOf(session_id)) {
    const answer = answerOf(problem);
    expect(answer.headers.get("www-authenticate")).toBe(
      'Bearer realm="countinghouse", error="insufficient_user_authentication", ' +
        'error_description="A fresh one-time code is required", max_age=300',
    );
    await expectProblem(answer, "step_up_required");
  }
});

test("a code of the last five minutes counts in its session, and in no other", async () => {
  await stepUpAt(295);
  expect(await refusalsOf(session_id)).toEqual([null, null]);
  expect((await refusalsOf(other_id)).map((problem) => problem?.code)).toEqual([
    "step_up_required",
    "step_up_required",
  ]);
  await stepUpAt(301);
  expect((await refusalsOf(session_id)).map((problem) => problem?.code)).toEqual([
    "step_up_required",
    "step_up_required",
  ]);
});

test("a service may ask for a fresher one, and says how fresh", async () => {
  await stepUpAt(61);
  const [refused] = await refusalsOf(session_id, 60);
  expect(answerOf(refused).headers.get("www-authenticate")).toEndWith("max_age=60");
  expect((await refusalsOf(session_id, 62))[0]).toBeNull();
});

test("a session that has ended is not stepped up any more", async () => {
  await stepUpAt(1);
  await api.sql`update core.sessions set revoked_at = now(), revoke_reason = 'revoked' where id = ${session_id}`;
  expect((await refusalsOf(session_id)).map((problem) => problem?.code)).toEqual([
    "step_up_required",
    "step_up_required",
  ]);
});

test("whoever sets it by hand leaves an audit row, who sets something else does not", async () => {
  await api.sql`update core.sessions set step_up_at = now() where id = ${other_id}`;
  await api.sql`update core.sessions set last_seen_at = now(), step_up_at = step_up_at where id = ${other_id}`;
  const rows = await api.sql`select action, actor_user_id, after ->> 'step_up_at' is not null as is_told
    from core.audit_log where entity_id = ${other_id}`;
  expect([...rows]).toEqual([{ action: "session.updated", actor_user_id: null, is_told: true }]);
});
