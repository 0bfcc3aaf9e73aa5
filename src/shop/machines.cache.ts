import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage } from "../http/pagination.ts";
import type { MachineStatus } from "../platform/enums.ts";
import { getMachine, listMachines, listProcesses } from "./statements.ts";
import { jobsTag, machinesTag, processesTag, stepsTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business" } as const;
const minute_ms = 60_000;

export type MachinePageParts = {
  business_id: string;
  status: MachineStatus | null;
  process_id: string | null;
  after: string | null;
  limit_rows: number;
};

export type ProcessPageParts = {
  business_id: string;
  is_active: boolean | null;
  after: string | null;
  limit_rows: number;
};

/** Machines, what they can do and are doing now; processes. */
export const machineCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<MachinePageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.machines.page",
      ttl_ms: minute_ms,
      tags: ({ business_id: b }) => [machinesTag(b), stepsTag(b), processesTag(b)],
      load: async (parts, context) => (await db.report.query(listMachines, parts, context))[0] ?? emptyPage,
    },
  ),
  machine: cache.endpoint<{ business_id: string; machine_id: string }>({
    ...bounded,
    name: "shop.machine",
    ttl_ms: minute_ms,
    // It names the jobs that it is running.
    tags: ({ business_id: b }) => [machinesTag(b), stepsTag(b), processesTag(b), jobsTag(b)],
    load: async (parts, context) => (await db.fast.query(getMachine, parts, context))[0] ?? null,
  }),
  processes: cachePages<ProcessPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.processes.page",
      ttl_ms: 10 * minute_ms,
      // Each with the number of machines that can do it.
      tags: ({ business_id: b }) => [processesTag(b), machinesTag(b)],
      load: async (parts, context) => (await db.report.query(listProcesses, parts, context))[0] ?? emptyPage,
    },
  ),
});
