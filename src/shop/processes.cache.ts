import { cachePages } from "../http/cached-pages.ts";
import type { Deps } from "../http/deps.ts";
import { emptyPage } from "../http/pagination.ts";
import { getProcess, listProcesses } from "./statements.ts";
import { machinesTag, processesTag } from "./tags.ts";

export type ProcessPageParts = {
  business_id: string;
  is_active: boolean;
  after: string | null;
  limit_rows: number;
};

const bounded = { class: "bounded", scope: "business", ttl_ms: 600_000 } as const;
/** Each shows the number of machines that can do it. */
const tags = ({ business_id: b }: { business_id: string }) => [processesTag(b), machinesTag(b)];

/** Processes: few, in many forms, seldom changed. */
export const processCache = ({ cache, cursors, db }: Pick<Deps, "cache" | "cursors" | "db">) => ({
  page: cachePages<ProcessPageParts>(
    { cache, cursors },
    {
      ...bounded,
      name: "shop.processes.page",
      tags,
      load: async (parts, context) => (await db.report.query(listProcesses, parts, context))[0] ?? emptyPage,
    },
  ),
  process: cache.endpoint<{ business_id: string; process_id: string }>({
    ...bounded,
    name: "shop.process",
    tags,
    load: async (parts, context) => (await db.fast.query(getProcess, parts, context))[0] ?? null,
  }),
});
