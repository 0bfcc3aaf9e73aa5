import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage } from "../http/pagination.ts";
import type { Role } from "../http/policy.ts";
import { getMachineBoard, getMachineOee, listMachineQueue } from "./statements.ts";
import { jobsTag, machinesTag, permissionsTag, processesTag, stepsTag, timeTag } from "./tags.ts";

/** They go by the clock: what runs, what is late. */
const figures = { class: "bounded", scope: "business", ttl_ms: 15_000, moves: true } as const;

export type BoardParts = { business_id: string; days: number; after: string | null; limit_rows: number };

/** Days of the business's calendar, both included. */
export type OeeParts = {
  business_id: string;
  timezone: string;
  machine_id: string;
  from: string;
  to: string;
};

const figureTags = ({ business_id: b }: { business_id: string }) => [
  machinesTag(b),
  stepsTag(b),
  jobsTag(b),
  timeTag(b),
];

/** How machines do, and what waits for them. `role`: see `viewerOf`. */
export const machineFigureCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  board: cachePages<BoardParts>(
    { cache, cursors },
    {
      ...figures,
      name: "shop.machines.board",
      warm: true,
      tags: figureTags,
      load: async (parts, context) =>
        (await db.report.query(getMachineBoard, parts, context))[0] ?? emptyPage,
    },
  ),
  queue: cache.endpoint<{ business_id: string; machine_id: string; role: Role | null }>({
    ...figures,
    name: "shop.machine.queue",
    tags: (parts) => [
      ...figureTags(parts),
      processesTag(parts.business_id),
      permissionsTag(parts.business_id),
    ],
    load: async (parts, context) => (await db.fast.query(listMachineQueue, parts, context))[0]?.body ?? null,
  }),
  oee: cache.endpoint<OeeParts>({
    ...figures,
    name: "shop.machine.oee",
    tags: figureTags,
    load: async (parts, context) => (await db.report.query(getMachineOee, parts, context))[0]?.body ?? null,
  }),
});
