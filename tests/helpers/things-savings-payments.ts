import type { SQL } from "bun";
import type { Business } from "./fixtures.ts";
import { collect, openSavings } from "./savings.ts";

/** What is paid back in a business: see things.ts. */
export type PaymentThings = Readonly<{
  destination_id: string;
  /** Pending, asked for by the agent. */
  payment_request_id: string;
  /** Of the same customer, with two markings and no request. */
  payable_account_id: string;
}>;

/** A destination, a request to it that waits, and an account that could be paid. */
export async function makePaymentThings(
  sql: SQL,
  business: Business,
  { customer_id, canary }: { customer_id: string; canary: string },
): Promise<PaymentThings> {
  const [destination_id, payment_request_id] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  await sql`insert into savings.payment_destinations (business_id, id, customer_id, bank_name, account_number, account_name)
    values (${business.id}, ${destination_id}, ${customer_id}, ${canary}, '0123456789', 'Theirs')`;
  const { savings_account_id } = await openSavings(sql, business, { customer_id });
  const payable = await openSavings(sql, business, { customer_id });
  const visits = [savings_account_id, payable.savings_account_id].map((id) => ({
    savings_account_id: id,
    count: 2,
  }));
  // Not by the agent, whose cash belongs to the remittance of other things.
  await collect(sql, business, visits, business.people.manager);
  const given = JSON.stringify({ savings_account_id, method: "bank", destination_id });
  await sql`select savings.request_payment(${business.id}, ${business.people.agent.user_id}, null, null,
    ${payment_request_id}, ${given}::text::jsonb)`;
  return { destination_id, payment_request_id, payable_account_id: payable.savings_account_id };
}
