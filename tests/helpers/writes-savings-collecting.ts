import type { Write } from "./every-write.ts";
import type { SavingsThings } from "./things-savings.ts";

type Send = (method: string, path: string, sent?: { body?: unknown }) => Promise<Response>;

const visitOf = (visit: object = {}) => ({
  count: 1,
  method: "cash",
  client_ref: crypto.randomUUID(),
  collected_at: new Date(Date.now() - 1_000).toISOString(),
  ...visit,
});

/** What shows a visit beside its receipt: what was collected and is saved, what there is to hand over, and figures. */
const shown = [
  "savings.accounts.page",
  "savings.collections.page",
  "savings.metrics.business",
  "savings.remittances.page",
] as const;

/** Every write of collecting, each under a new key: see every-write.ts. */
export function ofCollecting({ owner }: { owner: Send }, { visited }: SavingsThings): Write[] {
  const { savings_account_id, tracking_number, collection_id } = visited;
  return [
    {
      route: "POST /savings/{id}/markings",
      send: () => owner("POST", `/savings/${savings_account_id.toUpperCase()}/markings`, { body: visitOf() }),
      changes: shown,
    },
    {
      route: "POST /collections/batch",
      send: () =>
        owner("POST", "/collections/batch", {
          body: {
            atomic: false,
            items: [visitOf({ tracking_number }), visitOf({ savings_account_id, count: 2 })],
          },
        }),
      changes: shown,
    },
    {
      route: "POST /collections/{id}/reverse",
      send: () =>
        owner("POST", `/collections/${collection_id.toUpperCase()}/reverse`, { body: { reason: "Twice" } }),
      changes: ["savings.collection", ...shown],
    },
  ];
}
