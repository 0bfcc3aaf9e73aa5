import type { PaymentRequestStatus } from "../platform/enums.ts";
import type { Account } from "./accounts.ts";
import type { Line } from "./books.ts";
import { instantText } from "./local-time.ts";
import type { Value } from "./rows.ts";
import type { SavingsAccount } from "./savings-accounts.ts";
import type { Desk } from "./savings-desk.ts";
import type { Settled } from "./savings-terms.ts";
import { correspondents } from "./vocabulary.ts";

/** A payment request, with the lines of its hold. Minor units. */
export type Request = Settled & {
  readonly id: string;
  readonly account: SavingsAccount;
  readonly made_ms: number;
  readonly requested_by: string;
  readonly method: "cash" | "bank" | "wallet";
  readonly destination_id: string | null;
  readonly agent_amount: number;
  readonly parent_amount: number;
  readonly reference: string;
  status: PaymentRequestStatus;
  decided: Readonly<{ by: string; at_ms: number }> | null;
  paid: Readonly<{ by: string; at_ms: number | null }> | null;
  reason: string | null;
  failure_code: string | null;
  provider_ref: string | null;
  ledger_id: string | null;
  version: number;
  updated_ms: number;
  updated_by: string | null;
  lines: readonly Line[];
};

const at = (at_ms: number | null | undefined): string | null =>
  at_ms === null || at_ms === undefined ? null : instantText(at_ms);

/** A row of savings.payment_requests. */
export function requestRow({ business }: Desk, request: Request): Value[] {
  const { account, decided, paid } = request;
  const { agent } = account;
  return [
    business.id,
    request.id,
    account.account_id,
    account.customer_id,
    agent.member_id,
    business.units[0] ?? null,
    request.requested_by,
    request.method,
    request.destination_id,
    request.gross,
    request.commission,
    request.fees,
    request.net,
    account.currency,
    request.agent_amount,
    agent.parent_id,
    request.parent_amount,
    request.status,
    request.reference,
    decided?.by ?? null,
    at(decided?.at_ms),
    paid?.by ?? null,
    at(paid?.at_ms),
    request.reason,
    request.failure_code,
    null,
    request.provider_ref,
    request.ledger_id,
    request.version,
    at(request.made_ms),
    at(request.updated_ms),
    request.requested_by,
    request.updated_by ?? request.requested_by,
  ];
}

/** A row of savings.payment_destinations: a wallet of ours, or an account at another bank. */
export function destinationRow(
  { business, random }: Desk,
  of: { id: string; account: SavingsAccount; wallet: Account | null; at_ms: number },
): Value[] {
  const { account, wallet } = of;
  const number = String(account.customer + 1).padStart(6, "0");
  const bank = wallet === null ? random.pick(correspondents) : null;
  const made = instantText(of.at_ms);
  const by = account.agent.user_id;
  return [
    business.id,
    of.id,
    account.customer_id,
    bank?.bank ?? null,
    bank?.bic ?? null,
    bank === null ? null : `0030${number}`,
    bank === null ? null : `Customer C-${number}`,
    wallet?.account_id ?? null,
    made,
    made,
    by,
    by,
  ];
}
