import { membersTag } from "../core/tags.ts";
import type { Deps } from "../http/deps.ts";
import type { Role } from "../http/policy.ts";
import { Problem } from "../http/problem.ts";
import type { Resource } from "../http/respond.ts";
import { getJobStep } from "./statements.ts";
import { machinesTag, permissionsTag, processesTag, stepsTag } from "./tags.ts";

const bounded = { class: "bounded", scope: "business", ttl_ms: 15_000 } as const;

/** Steps, for whoever may view their process. `role`: see `viewerOf`. */
export const jobStepCache = ({ cache, db }: Pick<Deps, "cache" | "db">) => ({
  step: cache.query<{ business_id: string; role: Role | null; step_id: string }, Resource>({
    ...bounded,
    name: "shop.step",
    // Worked minutes, and what is overdue.
    moves: true,
    tags: ({ business_id: b }) => [
      stepsTag(b),
      membersTag(b),
      machinesTag(b),
      processesTag(b),
      permissionsTag(b),
    ],
    async load(parts, context) {
      const [step] = await db.fast.query(getJobStep, parts, context);
      if (step === undefined) return null;
      if (!step.may_view) throw new Problem("process_not_permitted");
      return { body: step.body, version: step.version };
    },
  }),
});
