import { businessTags, type Tag } from "../platform/cache/index.ts";

// What a change in the shop makes wrong. Ids come from paths too, in whatever case PostgreSQL takes them.
const small = (id: string): string => id.toLowerCase();

const jobs = businessTags("shop_jobs");
const steps = businessTags("shop_steps");
const machines = businessTags("shop_machines");
const processes = businessTags("shop_processes");

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
