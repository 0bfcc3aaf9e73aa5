import { Elysia, t } from "elysia";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { list, resource } from "../http/respond.ts";
import { BusinessDate, IdParams, listParameters, ListOf, strict, Uuid, OneOf } from "../http/schema.ts";
import { jobPriorities, jobStatuses } from "../platform/enums.ts";
import { getJob, listJobs } from "./jobs.ts";
import { Job, JobListItem } from "./shapes.routes.ts";

const JobFilters = strict({
  ...listParameters,
  status: t.Optional(
    t.Array(OneOf(jobStatuses), { maxItems: 6, description: "Any of these, comma-separated" }),
  ),
  priority: t.Optional(
    t.Array(OneOf(jobPriorities), { maxItems: 4, description: "Any of these, comma-separated" }),
  ),
  customer_id: t.Optional(Uuid),
  assigned_to: t.Optional(t.String({ format: "uuid", description: "Member with a step of the job" })),
  machine_id: t.Optional(t.String({ format: "uuid", description: "Machine with a step of the job" })),
  overdue: t.Optional(t.Boolean({ description: "Due before today and still open" })),
  due_from: t.Optional(BusinessDate),
  due_to: t.Optional(BusinessDate),
  created_from: t.Optional(BusinessDate),
  created_to: t.Optional(BusinessDate),
  q: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 100,
      description: "Beginning of the job number, or part of the title",
    }),
  ),
  sort: t.Optional(OneOf(["-created_at", "created_at", "-due_on", "due_on", "-job_number", "job_number"])),
});

/** Jobs of the shop, for reading. */
export const jobRoutes = (deps: Deps) =>
  new Elysia({ name: "shop.jobs", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get("/jobs", async ({ caller, scope, query }) => list(deps, { caller, scope, query }, listJobs), {
      query: JobFilters,
      response: { 200: ListOf(JobListItem) },
      detail: operation({
        id: "listJobs",
        permission: "shop.read",
        tag: "Shop: jobs",
        limit: "search",
        summary: "List or search jobs",
        description:
          "Newest first unless `sort` says otherwise; every sort is by keyset, so page 50,000 costs what page 1 costs. " +
          "A search text with a digit that begins a job number searches numbers only, highest first. " +
          "Dates are days of the business's calendar, both bounds included. A job without a due date sorts as due last.",
        errors: ["invalid_cursor"],
      }),
    })
    .get("/jobs/:id", async ({ caller, params }) => resource(await getJob(deps, caller, params.id)), {
      params: IdParams,
      response: { 200: Job },
      detail: operation({
        id: "getJob",
        permission: "shop.read",
        tag: "Shop: jobs",
        summary: "One job with its steps",
        description:
          "Steps in their order, each with its process, machine, member, quantities and what it waits for.",
        errors: ["not_found"],
      }),
    });
