import { expect } from "bun:test";
import type { ProblemCode } from "../../src/http/problem.ts";
import type { MemberRole } from "../../src/platform/enums.ts";
import { permissionsTag, stepTags } from "../../src/shop/tags.ts";
import type { TestApp } from "./app.ts";
import { expectProblem } from "./problem.ts";
import { makeJob, makeProcess, type StepOptions, type TestJob } from "./shop.ts";

/** A step as answers show it. */
export type Step = {
  id: string;
  position: number;
  status: string;
  assigned_to: string | null;
  machine: { id: string } | null;
  process: { id: string };
  depends_on: string[];
  qty_target: number | null;
  allowance_bps: number;
  est_minutes: number | null;
  version: number;
};
/** What is sent, and by whom; the owner unless said otherwise. */
export type Sent = Readonly<{ body?: unknown; by?: MemberRole; headers?: Record<string, string> }>;

/** What tests of planning steps need: everybody's token, a process, and ways to send and to look. */
export async function openDesk(api: TestApp) {
  const people = Object.values(api.alpha.people);
  const tokens: Readonly<Record<string, string>> = Object.fromEntries(
    await Promise.all(people.map(async (person) => [person.role, await api.token(person)] as const)),
  );
  const process_id = await makeProcess(api.sql, api.alpha, { default_minutes: 30 });

  const send = (
    method: string,
    path: string,
    { body, by = "owner", headers }: Sent = {},
  ): Promise<Response> =>
    api.send(method, `/api/v1${path}`, {
      token: tokens[by] ?? "",
      headers: { ...(method === "GET" || method === "POST" ? {} : { "if-match": "*" }), ...headers },
      ...(body === undefined ? {} : { body }),
    });

  async function sent<T = Step>(method: string, path: string, options?: Sent): Promise<T> {
    const response = await send(method, path, options);
    const text = await response.text();
    expect(`${path} ${response.status < 300 ? "" : text}`).toBe(`${path} `);
    return (text === "" ? null : JSON.parse(text)) as T;
  }

  const jobOf = (steps: readonly Partial<StepOptions>[], options?: Parameters<typeof makeJob>[3]) =>
    makeJob(
      api.sql,
      api.alpha,
      steps.map((step) => ({ process_id, ...step })),
      options,
    );

  /** Every step of a job in its order: its place among `ids`, its status, and after < what it waits for. */
  async function look({ job_id }: TestJob, ids: readonly string[]): Promise<string> {
    const { steps } = await sent<{ steps: Step[] }>("GET", `/jobs/${job_id}`);
    expect(steps.map(({ position }) => position)).toEqual(steps.map((_, index) => index + 1));
    const no = (id: string) => ids.indexOf(id) + 1;
    return steps
      .map(
        (step) =>
          `${no(step.id)} ${step.status}${step.depends_on
            .map((id) => ` <${no(id)}`)
            .toSorted()
            .join("")}`,
      )
      .join(", ");
  }

  /** A refusal that names the member to blame, where one is. */
  async function expectRefusal(
    answer: Promise<Response>,
    code: ProblemCode,
    pointer?: string,
  ): Promise<void> {
    const { errors } = await expectProblem(answer, code);
    if (pointer !== undefined) expect(errors).toMatchObject([{ pointer }]);
  }

  /** What happens to steps elsewhere: puts one straight into a status. */
  async function put(id: string, status: string): Promise<void> {
    await api.sql`update shop.job_steps set status = ${status}, started_at = case when ${status} <> 'skipped' then now() end,
      completed_at = case when ${status} = 'completed' then now() end where id = ${id}`;
    const [{ job_id }] =
      await api.sql`select job_id, shop.settle_job(business_id, job_id) from shop.job_steps where id = ${id}`;
    await api.deps.cache.invalidate(stepTags(api.alpha.id, job_id), { outbox_ids: [] });
  }

  /** A process with rows that say who may what; the cached answers hear of it as they would from the API. */
  async function makeClosed(rows: Readonly<Partial<Record<MemberRole, string>>>): Promise<string> {
    const id = await makeProcess(api.sql, api.alpha);
    for (const [role, may] of Object.entries(rows))
      await api.sql`insert into shop.role_process_permissions (business_id, process_id, role, can_view, can_work, can_assign)
        values (${api.alpha.id}, ${id}, ${role}, ${may.includes("view")}, ${may.includes("work")}, ${may.includes("assign")})`;
    await api.deps.cache.invalidate([permissionsTag(api.alpha.id)], { outbox_ids: [] });
    return id;
  }

  return { process_id, tokens, send, sent, jobOf, look, expectRefusal, put, makeClosed };
}
export type Desk = Awaited<ReturnType<typeof openDesk>>;

/** The step of a job that stands at a place, from 1. */
export const at = ({ steps }: TestJob, index: number): string => steps[index - 1] ?? "";
