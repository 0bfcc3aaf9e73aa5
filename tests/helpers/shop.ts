import type { SQL } from "bun";
import type { JobStatus } from "../../src/platform/enums.ts";
import type { Business } from "./fixtures.ts";

/** Makes a process straight in the database. */
export async function makeProcess(
  sql: SQL,
  { id: business_id }: Pick<Business, "id">,
  options: Readonly<{ code?: string; default_minutes?: number | null; is_active?: boolean }> = {},
): Promise<string> {
  const id = Bun.randomUUIDv7();
  const code = options.code ?? `P-${id}`;
  await sql`insert into shop.processes ${sql({ code, name: `Process ${code}`, ...options, business_id, id })}`;
  return id;
}

/** Makes a machine that can do these processes. */
export async function makeMachine(
  sql: SQL,
  { id: business_id }: Pick<Business, "id">,
  processes: readonly string[],
  options: Readonly<{ code?: string; capacity?: number; status?: string; weekly_minutes?: number }> = {},
): Promise<string> {
  const id = Bun.randomUUIDv7();
  const code = options.code ?? `M-${id}`;
  await sql`insert into shop.machines ${sql({ code, name: `Machine ${code}`, ...options, business_id, id })}`;
  for (const process_id of processes)
    await sql`insert into shop.machine_processes ${sql({ business_id, machine_id: id, process_id })}`;
  return id;
}

/** A step of a job of a test; all but its process has a default. `depends_on`: indexes in the list, from 1. */
export type StepOptions = Readonly<{
  process_id: string;
  machine_id?: string | null;
  assigned_to?: string | null;
  est_minutes?: number | null;
  due_at?: string | null;
  qty_target?: number | null;
  allowance_bps?: number;
  depends_on?: readonly number[] | null;
}>;

export type TestJob = Readonly<{ job_id: string; steps: readonly string[] }>;

/** Makes a job with steps by the functions that the API uses; active unless said otherwise. */
export async function makeJob(
  sql: SQL,
  { id: business_id }: Pick<Business, "id">,
  steps: readonly StepOptions[],
  options: Readonly<{
    status?: Extract<JobStatus, "draft" | "active">;
    title?: string;
    due_on?: string | null;
  }> = {},
): Promise<TestJob> {
  const id = Bun.randomUUIDv7();
  const listed = steps.map((step) => ({ id: Bun.randomUUIDv7(), ...step }));
  await sql`with made as (
      insert into shop.jobs (business_id, id, job_number, title, status, due_on)
      values (${business_id}, ${id}, shop.next_job_number(${business_id}), ${options.title ?? `Job ${id}`},
        ${options.status ?? "active"}, ${options.due_on ?? null}) returning jobs)
    select shop.add_steps(made.jobs, ${JSON.stringify(listed)}::text::jsonb) from made`;
  await sql`select shop.settle_job(${business_id}, ${id})`;
  return { job_id: id, steps: listed.map((step) => step.id) };
}
