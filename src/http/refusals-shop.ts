import type { Refusal } from "./refusal.ts";

/** The names of the shop: see refusals.ts. */
export const shopRefusals: Readonly<Record<string, Refusal>> = {
  operator_overlap: { code: "operator_overlap" },
  machine_overlap: { code: "machine_overlap" },
  machine_unavailable: { code: "machine_unavailable" },
  machine_process_mismatch: { code: "machine_process_mismatch" },
  over_production: { code: "over_production" },
  process_not_permitted: { code: "process_not_permitted" },
  dependency_cycle: { code: "dependency_cycle" },
  dependent_started: { code: "dependent_started" },
  job_steps_process_fk: {
    code: "reference_not_found",
    pointer: "/process_id",
    detail: "There is no such process, or it is archived",
  },
  job_steps_machine_fk: {
    code: "reference_not_found",
    pointer: "/machine_id",
    detail: "There is no such machine, or it is archived",
  },
  job_steps_assigned_fk: {
    code: "reference_not_found",
    pointer: "/member_id",
    detail: "There is no such member, or they do not work in the shop",
  },
  job_steps_assigned_role: {
    code: "validation",
    pointer: "/member_id",
    detail: "The member's role may not work on this process",
  },
  production_reports_quantity_ck: {
    code: "validation",
    pointer: "/qty_good",
    detail: "A report is of something, good or scrap",
  },
  job_steps_depends_on: {
    code: "validation",
    pointer: "/depends_on",
    detail: "Names a step that is not one of this job, or the step itself",
  },
  job_steps_position: {
    code: "validation",
    pointer: "/position",
    detail: "Further than one behind the last step",
  },
  job_steps_order: { code: "validation", detail: "Not every step of the job, each once" },
  job_steps_planned_ck: {
    code: "validation",
    pointer: "/planned_end",
    detail: "Not later than planned_start",
  },
  step_in_use: { code: "in_use", detail: "The step was started or has ended, and stays" },
  jobs_in_use: {
    code: "in_use",
    detail: "Only a draft is deleted; a job that is no longer wanted is cancelled",
  },
  jobs_customer_fk: {
    code: "reference_not_found",
    pointer: "/customer_id",
    detail: "There is no such customer, or they are archived",
  },
  jobs_currency_fk: {
    code: "reference_not_found",
    pointer: "/price/currency",
    detail: "There is no such currency",
  },
  jobs_routing: {
    code: "reference_not_found",
    pointer: "/routing_id",
    detail: "There is no such routing, or it is archived",
  },
  job_revisions_nothing: {
    code: "validation",
    pointer: "/changes",
    detail: "The job is like that already",
  },
  job_steps_count: { code: "validation", pointer: "/steps", detail: "A job has 200 steps at most" },
  machines_code_uq: {
    code: "already_exists",
    pointer: "/code",
    detail: "There is a machine of this code",
  },
  machine_processes_process_fk: {
    code: "reference_not_found",
    pointer: "/process_ids",
    detail: "Names a process that is not there",
  },
  time_logs_downtime_uq: { code: "machine_overlap", detail: "The machine is down already" },
  processes_code_uq: {
    code: "already_exists",
    pointer: "/code",
    detail: "There is a process of this code",
  },
  routings_name_uq: {
    code: "already_exists",
    pointer: "/name",
    detail: "There is a routing of this name",
  },
  routing_steps_depends_ck: {
    code: "dependency_cycle",
    pointer: "/steps",
    detail: "A step waits only for steps before it",
  },
  role_process_permissions_process_fk: {
    code: "reference_not_found",
    pointer: "/items",
    detail: "Names a process that is not there",
  },
  role_process_permissions_twice: {
    code: "validation",
    pointer: "/items",
    detail: "Names a role and a process twice",
  },
};
