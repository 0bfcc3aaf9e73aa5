import { type MemberRole, memberRoles, type StepStatus } from "../../src/platform/enums.ts";
import { stepTags, timeTag } from "../../src/shop/tags.ts";
import type { TestApp } from "./app.ts";
import { makeJob, makeProcess, type StepOptions, type TestJob } from "./shop.ts";

/** Who works in the shop of a test, and on what. */
export type Floor = Readonly<{
  api: TestApp;
  token: Readonly<Record<MemberRole, string>>;
  /** A process that is open to everyone. */
  process_id: string;
}>;

/** Members of a step that tests look at. */
export type StepSeen = Readonly<{
  id: string;
  job_id: string;
  status: StepStatus;
  assigned_to: string | null;
  machine: { id: string } | null;
  qty_good: number;
  qty_scrap: number;
  worked_minutes: number;
  block_reason: string | null;
  started_at: string | null;
  completed_at: string | null;
  version: number;
}>;

export async function openFloor(api: TestApp): Promise<Floor> {
  const token: Partial<Record<MemberRole, string>> = {};
  for (const role of memberRoles) token[role] = await api.token(api.alpha.people[role]);
  return {
    api,
    token: token as Record<MemberRole, string>,
    process_id: await makeProcess(api.sql, api.alpha, { default_minutes: 30 }),
  };
}

/** Sends something about a step. */
export const toStep = (
  { api, token }: Floor,
  step_id: string,
  action: string,
  { by = "owner", body, headers }: { by?: MemberRole; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Response> =>
  api.send("POST", `/api/v1/job-steps/${step_id}/${action}`, {
    token: token[by],
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
  });

/** Moves a step, or fails. */
export async function moved(...asked: Parameters<typeof toStep>): Promise<StepSeen> {
  const response = await toStep(...asked);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${asked[2]}: ${response.status} ${text}`);
  return JSON.parse(text) as StepSeen;
}

/** An active job with steps of the open process, where nothing else is said. */
export const stepsOf = (
  { api, process_id }: Floor,
  steps: readonly Partial<StepOptions>[] = [{}],
): Promise<TestJob> =>
  makeJob(
    api.sql,
    api.alpha,
    steps.map((step) => ({ process_id, ...step })),
  );

/** One step of a job of its own. */
export const oneStep = async (floor: Floor, step: Partial<StepOptions> = {}): Promise<string> =>
  (await stepsOf(floor, [step])).steps[0] ?? "";

/** A step as the database has it, and what its job says of itself. */
export async function lookAt(
  { api: { sql } }: Floor,
  step_id: string,
): Promise<{ status: StepStatus; job: string; open_logs: number }> {
  const [row] = await sql`select s.status, j.status as job, (select count(*)::int from shop.time_logs l
      where l.step_id = s.id and l.ended_at is null) as open_logs
    from shop.job_steps s join shop.jobs j on j.business_id = s.business_id and j.id = s.job_id where s.id = ${step_id}`;
  return row;
}

/** Puts a step into a state straight in the database, without its time. */
export async function putStep({ api: { sql } }: Floor, step_id: string, status: StepStatus): Promise<void> {
  await sql`update shop.job_steps set status = ${status},
      block_reason = case when ${status} = 'blocked' then 'Why' end,
      status_before_block = case when ${status} = 'blocked' then 'ready'::shop.step_status end,
      completed_at = case when ${status} = 'completed' then now() end where id = ${step_id}`;
}

/** Says what operators may: several steps at the same time, or one. */
export async function allowParallelWork({ api: { sql, alpha } }: Floor, value: boolean): Promise<void> {
  await sql`delete from core.settings where business_id = ${alpha.id} and key = 'shop.parallel_work'`;
  await sql`insert into core.settings (business_id, key, value)
    values (${alpha.id}, 'shop.parallel_work', to_jsonb(${value}::boolean))`;
}

/** Lets the server forget what a test changed behind its back. */
export const told = ({ api: { deps, alpha } }: Floor, job_id: string) =>
  deps.cache.invalidate([...stepTags(alpha.id, job_id), timeTag(alpha.id)], { outbox_ids: [] });
