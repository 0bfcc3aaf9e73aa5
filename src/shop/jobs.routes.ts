import { Elysia, t } from "elysia";
import { answered, cachedBytes } from "../http/cached.ts";
import { csvResponse, wantsCsv } from "../http/csv.ts";
import type { Deps } from "../http/deps.ts";
import { edge } from "../http/edge.ts";
import { operation } from "../http/operation.ts";
import { BusinessDate, IdParams, listParameters, ListOf, strict, Uuid, OneOf } from "../http/schema.ts";
import { createToday } from "../platform/calendar.ts";
import { jobPriorities, jobStatuses } from "../platform/enums.ts";
import { jobCache } from "./jobs.cache.ts";
import { jobColumns, jobPage, jobRecords } from "./jobs.ts";
import { Job, JobListItem } from "./shapes.routes.ts";
import { viewerOf } from "./viewer.ts";

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
export const jobRoutes = (deps: Deps) => {
  const cached = jobCache(deps);
  const todayIn = createToday(deps.clock);
  return new Elysia({ name: "shop.jobs", prefix: "/api/v1", normalize: false })
    .use(edge)
    .get(
      "/jobs",
      async ({ caller, scope, query }) => {
        const today = todayIn(caller.timezone);
        if (!wantsCsv(scope.request.headers.get("accept")))
          return cached.page.answer(scope, query.cursor, jobPage(caller, query, today));
        const rows = jobRecords(deps, caller, query, today);
        return csvResponse(jobColumns, rows, { filename: "jobs.csv", signal: scope.signal });
      },
      {
        query: JobFilters,
        response: { 200: ListOf(JobListItem) },
        detail: operation({
          id: "listJobs",
          cache: "shop.jobs.page",
          permission: "shop.read",
          tag: "Shop: jobs",
          limit: "search",
          produces: ["application/json", "text/csv"],
          summary: "List or search jobs",
          description:
            "Newest first unless `sort` says otherwise; every sort is by keyset, so page 50,000 costs what page 1 costs. " +
            "A search text with a digit that begins a job number searches numbers only, highest first. " +
            "Dates are days of the business's calendar, both bounds included. A job without a due date sorts as due last. " +
            "With `Accept: text/csv` all that match come as one file, whatever `limit` and `cursor` say.",
          errors: ["invalid_cursor"],
        }),
      },
    )
    .get(
      "/jobs/:id",
      ({ caller, scope, params }) => {
        const { business_id, timezone } = caller;
        const parts = {
          business_id,
          role: viewerOf(caller),
          today: todayIn(timezone),
          job_id: params.id.toLowerCase(),
        };
        return answered(scope, cached.job, parts, cachedBytes);
      },
      {
        params: IdParams,
        response: { 200: Job },
        detail: operation({
          id: "getJob",
          cache: "shop.job",
          permission: "shop.read",
          tag: "Shop: jobs",
          summary: "One job with its steps",
          description:
            "Steps in their order, each with its process, machine, member, quantities and what it waits for: those whose process " +
            "the role may view. The `ETag` holds the version: send it as `If-Match` with a change.",
          errors: ["not_found"],
        }),
      },
    );
};
