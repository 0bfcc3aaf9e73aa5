import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage } from "../http/pagination.ts";
import type { MachineStatus } from "../platform/enums.ts";
import { getMachine, listMachines } from "./statements.ts";
import { jobsTag, machinesTag, processesTag, stepsTag, timeTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business" } as const;
const ttl_ms = 60_000;

export type MachinePageParts = {
  business_id: string;
  is_active: boolean;
  status: MachineStatus | null;
  process_id: string | null;
  after: string | null;
  limit_rows: number;
};

/** They show what a machine can do, what it runs now, for which jobs, and whether it is down. */
const tagsOf = ({ business_id: b }: { business_id: string }) => [
  machinesTag(b),
  processesTag(b),
  stepsTag(b),
  jobsTag(b),
  timeTag(b),
];

/** Machines, what they can do and are doing now. */
export const machineCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<MachinePageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.machines.page",
      ttl_ms,
      tags: tagsOf,
      load: async (parts, context) => (await db.report.query(listMachines, parts, context))[0] ?? emptyPage,
    },
  ),
  machine: cache.endpoint<{ business_id: string; machine_id: string }>({
    ...bounded,
    name: "shop.machine",
    ttl_ms,
    tags: tagsOf,
    load: async (parts, context) => (await db.fast.query(getMachine, parts, context))[0] ?? null,
  }),
});
