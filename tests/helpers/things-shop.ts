import type { SQL } from "bun";
import type { Business } from "./fixtures.ts";

/** What the shop has of a business: see things.ts. */
export type ShopThings = Readonly<{
  process_id: string;
  machine_id: string;
  routing_id: string;
  /** Active, with one step. */
  job_id: string;
  /** Ready, the operator's, on the machine. */
  step_id: string;
  /** By the path before `/{id}`. */
  byPath: Readonly<Record<string, string>>;
}>;

/** Tables whose rows are the business's. */
export const shopTables = [
  "shop.processes",
  "shop.role_process_permissions",
  "shop.machines",
  "shop.machine_processes",
  "shop.routings",
  "shop.routing_steps",
  "shop.jobs",
  "shop.job_steps",
  "shop.step_dependencies",
  "shop.time_logs",
  "shop.production_reports",
  "shop.job_revisions",
  "shop.step_notes",
] as const;

/** Makes one of everything of the shop, straight in the database; `canary` stands in what can be read. */
export async function makeShopThings(
  sql: SQL,
  { id: b, people }: Business,
  { customer_id, canary }: { customer_id: string; canary: string },
): Promise<ShopThings> {
  const [process_id = "", machine_id = "", routing_id = "", job_id = "", step_id = ""] = Array.from(
    { length: 5 },
    () => Bun.randomUUIDv7(),
  );
  await sql`insert into shop.processes (business_id, id, code, name) values (${b}, ${process_id}, 'P1', ${canary})`;
  await sql`insert into shop.machines (business_id, id, code, name) values (${b}, ${machine_id}, 'M1', ${canary})`;
  await sql`insert into shop.machine_processes (business_id, machine_id, process_id)
    values (${b}, ${machine_id}, ${process_id})`;
  await sql`insert into shop.routings (business_id, id, name) values (${b}, ${routing_id}, ${canary})`;
  await sql`insert into shop.routing_steps (business_id, routing_id, position, process_id, machine_id, instructions)
    values (${b}, ${routing_id}, 1, ${process_id}, ${machine_id}, ${canary})`;
  await sql`insert into shop.jobs (business_id, id, job_number, customer_id, title, status, steps_total)
    values (${b}, ${job_id}, 'JOB-CANARY', ${customer_id}, ${canary}, 'active', 1)`;
  await sql`insert into shop.job_steps (business_id, id, job_id, process_id, position, status, assigned_to, machine_id)
    values (${b}, ${step_id}, ${job_id}, ${process_id}, 1, 'ready', ${people.operator.member_id}, ${machine_id})`;
  await sql`insert into shop.step_notes (business_id, step_id, author_id, note)
    values (${b}, ${step_id}, ${people.operator.member_id}, ${canary})`;
  return {
    process_id,
    machine_id,
    routing_id,
    job_id,
    step_id,
    byPath: {
      "/api/v1/processes": process_id,
      "/api/v1/machines": machine_id,
      "/api/v1/routings": routing_id,
      "/api/v1/jobs": job_id,
      "/api/v1/job-steps": step_id,
      "/api/v1/operators": people.operator.member_id,
    },
  };
}
