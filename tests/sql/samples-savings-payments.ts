import { paymentRequestMoves } from "../../src/savings/payment-request-moves.ts";
import type { Populated } from "./populate.ts";
import type { Samples, Values } from "./samples.ts";

const id = "0191e7a0-0000-7000-8000-00000000abcd";
const json = JSON.stringify;

/** Values for the statements of payments and commissions. */
export function ofSavingsPayments(rows: Populated): Samples["statements"] {
  const { savings_account_id, payment_request_id, destination_id, agent_id, customer_id, user_id } = rows;
  const all: Values = { own_user_id: null, own_agent_id: null };
  const whose: Values[] = [all, { ...all, own_user_id: user_id }, { ...all, own_agent_id: agent_id }];
  const request: Values = { payment_request_id };
  const destination: Values = { own_user_id: null, destination_id };
  const days: Values = { from_date: null, to_date: null };
  const requests: Values = { ...all, ...days, statuses: null, timezone: "UTC" };
  const commissions: Values = { ...days, own_agent_id: null, agent_id: null };
  const bank = { customer_id, bank_name: "Bank", account_number: "998877", account_name: "Sample" };
  return {
    "savings/create_payment_destination": [
      { own_user_id: null, destination_id: id, destination: json(bank) },
    ],
    "savings/create_payment_request": [
      { ...all, payment_request_id: id, request: json({ savings_account_id, method: "cash" }) },
    ],
    "savings/delete_payment_destination": [destination],
    "savings/find_payment_destination": [destination, { ...destination, own_user_id: user_id }],
    "savings/find_payment_request_accounts": whose.map((own) => ({ ...own, ...request })),
    "savings/get_payment_request": whose.map((own) => ({ ...own, ...request })),
    "savings/list_commissions": [
      commissions,
      { ...commissions, after: json(["2026-01-01", id]) },
      { ...commissions, agent_id },
      { ...commissions, own_agent_id: agent_id },
      { ...commissions, from_date: "2026-01-01", to_date: "2026-01-31" },
    ],
    "savings/list_payment_destinations": [
      { own_user_id: null, customer_id: null },
      { own_user_id: null, customer_id: null, after: json([id]) },
      { own_user_id: null, customer_id },
      { own_user_id: user_id, customer_id: null },
    ],
    "savings/list_payment_requests": [
      ...whose.map((own) => ({ ...requests, ...own })),
      { ...requests, statuses: ["pending", "failed"] },
      { ...requests, from_date: "2026-01-01", to_date: "2026-01-31" },
      { ...requests, after: json(["2026-01-01T00:00:00.000Z", id]) },
    ],
    "savings/move_payment_request": [
      {
        ...all,
        ...request,
        role: "owner",
        action: "approve",
        moves: json(paymentRequestMoves),
        given: "{}",
        next_id: id,
      },
    ],
    "savings/settle_commissions": [{ settlement_id: id, agent_id, until: "2999-12-31" }],
  };
}
