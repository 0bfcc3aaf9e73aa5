import type { Write } from "./every-write.ts";

type Send = (method: string, path: string, sent?: { body?: unknown }) => Promise<Response>;

/**
 * Every write of the ledger: see every-write.ts. None changes what is cached: accounts that may be posted to by hand are
 * no module's. `by` sends as the owner, under a new key.
 */
export function ofLedger(by: Send): Write[] {
  const accounts: string[] = [];
  const made = { hold: "", posted: "" };
  const path = "/ledger/transactions";
  const lines = () => [
    { account_id: accounts[0], side: "debit", amount: 100 },
    { account_id: accounts[1], side: "credit", amount: 100 },
  ];
  const post = async (as: keyof typeof made, body: object): Promise<Response> => {
    const response = await by("POST", path, { body: { lines: lines(), ...body } });
    made[as] = ((await response.clone().json()) as { id: string }).id;
    return response;
  };
  const open = async (code: string): Promise<Response> => {
    const body = { code, kind: "equity", currency: "NGN" };
    const response = await by("POST", "/ledger/accounts", { body });
    accounts.push(((await response.clone().json()) as { id: string }).id);
    return response;
  };
  const none = { changes: [] } as const;
  return [
    { route: "POST /ledger/accounts", send: () => open("equity:a"), ...none },
    { route: "POST /ledger/accounts", what: "another one", send: () => open("equity:b"), ...none },
    { route: "POST /ledger/transactions", send: () => post("hold", { phase: "pending" }), ...none },
    {
      route: "POST /ledger/transactions/{id}/post",
      send: () => by("POST", `${path}/${made.hold}/post`, { body: { amount: 60 } }),
      ...none,
    },
    {
      route: "POST /ledger/transactions",
      what: "again",
      send: () => post("hold", { phase: "pending" }),
      ...none,
    },
    {
      route: "POST /ledger/transactions/{id}/void",
      send: () => by("POST", `${path}/${made.hold}/void`),
      ...none,
    },
    { route: "POST /ledger/transactions", what: "at once", send: () => post("posted", {}), ...none },
    {
      route: "POST /ledger/transactions/{id}/reverse",
      send: () => by("POST", `${path}/${made.posted}/reverse`, { body: {} }),
      ...none,
    },
    {
      route: "POST /ledger/transactions/bulk",
      send: () => by("POST", `${path}/bulk`, { body: { mode: "atomic", items: [{ lines: lines() }] } }),
      ...none,
    },
  ];
}
