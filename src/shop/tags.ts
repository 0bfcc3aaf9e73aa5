import { businessTags, type Tag } from "../platform/cache/index.ts";

// What a change in the shop makes wrong. Ids come from paths too, in whatever case PostgreSQL takes them.
const small = (id: string): string => id.toLowerCase();

const jobs = businessTags("shop_jobs");
const steps = businessTags("shop_steps");
const machines = businessTags("shop_machines");
const processes = businessTags("shop_processes");
const routings = businessTags("shop_routings");
const permissions = businessTags("shop_permissions", { awaited: true });
const time = businessTags("shop_time");

/** Any job of a business: lists, counts, charts. */
export const jobsTag = (business_id: string): Tag => jobs(small(business_id));
/** One job with its steps. */
export const jobTag = (business_id: string, job_id: string): Tag => jobs(small(business_id), small(job_id));
/** Any step: queues, and what machines are doing. */
export const stepsTag = (business_id: string): Tag => steps(small(business_id));
/** Any machine, and which processes it can do. */
export const machinesTag = (business_id: string): Tag => machines(small(business_id));
/** Any process. */
export const processesTag = (business_id: string): Tag => processes(small(business_id));
/** Any routing. */
export const routingsTag = (business_id: string): Tag => routings(small(business_id));
/** Which roles may view, work on and assign steps of which process. */
export const permissionsTag = (business_id: string): Tag => permissions(small(business_id));
/** Time that was worked or lost. */
export const timeTag = (business_id: string): Tag => time(small(business_id));

/** What a change of a job makes wrong. */
export const jobTags = (business_id: string, job_id: string): Tag[] => [
  jobsTag(business_id),
  jobTag(business_id, job_id),
];
/** What a change of a step makes wrong: other steps of the job may be ready by it, and the job completed. */
export const stepTags = (business_id: string, job_id: string): Tag[] => [
  ...jobTags(business_id, job_id),
  stepsTag(business_id),
];
