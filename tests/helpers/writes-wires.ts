import type { Write } from "./every-write.ts";
import type { BankThings } from "./things-bank.ts";
import { watchedName } from "./wires.ts";

type Send = (method: string, path: string, sent?: { body?: unknown }) => Promise<Response>;

/** Who sends, each under a new key. */
type Senders = Readonly<{ owner: Send; manager: Send; compliance: Send }>;

const shown = ["bank.overview.business", "bank.wires.page", "bank.wires.stats"] as const;
/** What is available, as soon as it is held. */
const moved = ["bank.balance", "bank.overview.customer", "bank.transfers.page", ...shown] as const;

/** Every write about beneficiaries, the watchlist and wires: see every-write.ts. */
export function ofWires(by: Senders, things: BankThings & { customer_id: string }): Write[] {
  return [...ofBeneficiaries(by, things), ...ofOneWire(by, things), ...ofReview(by, things)];
}

const keepId = async (made: { id: string }, sent: Promise<Response>): Promise<Response> => {
  const response = await sent;
  Object.assign(made, await response.clone().json());
  return response;
};

function ofBeneficiaries(
  { owner, compliance }: Senders,
  { customer_id, beneficiary_id }: BankThings & { customer_id: string },
): Write[] {
  const made = { id: "" };
  const entry = { id: "" };
  const blau = { customer_id, name: "Blau", bank_name: "Bank", iban_or_account: "99887766", country: "DE" };
  return [
    {
      route: "POST /beneficiaries",
      send: () => keepId(made, owner("POST", "/beneficiaries", { body: blau })),
      changes: ["bank.beneficiaries.page"],
    },
    {
      route: "PATCH /beneficiaries/{id}",
      send: () => owner("PATCH", `/beneficiaries/${beneficiary_id}`, { body: { nickname: "Them" } }),
      changes: ["bank.beneficiaries.page", "bank.beneficiary"],
    },
    {
      route: "DELETE /beneficiaries/{id}",
      send: () => owner("DELETE", `/beneficiaries/${made.id.toUpperCase()}`),
      changes: ["bank.beneficiaries.page"],
    },
    {
      route: "POST /watchlist",
      send: () =>
        keepId(entry, compliance("POST", "/watchlist", { body: { name: watchedName, source: "us" } })),
      changes: [],
    },
    {
      route: "DELETE /watchlist/{id}",
      send: () => compliance("DELETE", `/watchlist/${entry.id}`),
      changes: [],
    },
  ];
}

function ofOneWire({ owner, manager }: Senders, things: BankThings): Write[] {
  const { account_id, beneficiary_id, wire_transfer_id } = things;
  const made = { id: "" };
  const body = { account_id, beneficiary_id, amount: 700, currency: "NGN" };
  const move = (action: string, sent?: object) =>
    manager(
      "POST",
      `/wire-transfers/${wire_transfer_id}/${action}`,
      sent === undefined ? {} : { body: sent },
    );
  const one = ["bank.wire", ...shown] as const;
  const entries = ["bank.account.transactions", "bank.transactions"] as const;
  const settled = ["bank.wire", ...entries, ...moved] as const;
  return [
    {
      route: "POST /wire-transfers",
      send: () => keepId(made, owner("POST", "/wire-transfers", { body })),
      changes: moved,
    },
    {
      route: "POST /wire-transfers/{id}/cancel",
      send: () => owner("POST", `/wire-transfers/${made.id.toUpperCase()}/cancel`),
      changes: moved,
    },
    { route: "POST /wire-transfers/{id}/approve", send: () => move("approve"), changes: one },
    { route: "POST /wire-transfers/{id}/submit", send: () => move("submit"), changes: one },
    { route: "POST /wire-transfers/{id}/complete", send: () => move("complete"), changes: settled },
    {
      route: "POST /wire-transfers/{id}/return",
      send: () => move("return", { reason: "Closed" }),
      changes: settled,
    },
  ];
}

function ofReview(by: Senders, { account_id, beneficiary_id }: BankThings): Write[] {
  const made = { id: "" };
  const watched = { id: "" };
  const decide = (action: string) =>
    by.compliance("POST", `/wire-transfers/${made.id}/${action}`, { body: { reason: "Looked at" } });
  const prepare = async () => {
    // The beneficiary's name, which no wire that is screened from now on is better than.
    const name = await by.owner("GET", `/beneficiaries/${beneficiary_id}`);
    const entry = { ...((await name.json()) as { name: string }), source: "us" };
    await keepId(
      watched,
      by.compliance("POST", "/watchlist", { body: { name: entry.name, source: entry.source } }),
    );
    const body = { account_id, beneficiary_id, amount: 800, currency: "NGN" };
    await keepId(made, by.owner("POST", "/wire-transfers", { body }));
    await by.manager("POST", `/wire-transfers/${made.id}/approve`);
  };
  return [
    { route: "POST /wire-transfers/{id}/hold", prepare, send: () => decide("hold"), changes: shown },
    { route: "POST /wire-transfers/{id}/release", send: () => decide("release"), changes: shown },
    { route: "POST /wire-transfers/{id}/reject", send: () => decide("reject"), changes: moved },
  ];
}
