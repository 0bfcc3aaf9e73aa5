import type { TestApp } from "./app.ts";
import type { Write } from "./every-write.ts";
import { deliver, eventOf, type Recorded, recordPayment } from "./webhooks.ts";

/** What payment providers write: see every-write.ts. The server needs `webhookEnvironment`. */
export function ofSavingsOnline(api: TestApp): Write[] {
  let payment: Recorded = { savings_account_id: "", collection_id: "", amount: 0 };
  const pay = (more: number) => {
    const { collection_id, amount } = payment;
    return deliver(api, eventOf({ reference: collection_id, amount: amount + more }));
  };
  return [
    {
      route: "POST /webhooks/{provider}",
      prepare: async () => {
        payment = await recordPayment(api);
        await api.forget();
      },
      send: () => pay(0),
      changes: ["savings.accounts.page", "savings.collections.page", "savings.metrics.business"],
    },
    { route: "POST /webhooks/{provider}", what: "of money that is parked", send: () => pay(1), changes: [] },
  ];
}
