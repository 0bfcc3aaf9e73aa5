/** Rows of each table of savings: enough that reading all of one is the dearest way. */
const rows = 6_000;
const parts = 50;

/**
 * Savings of as many customers of the largest business, among fifty agents. `a` and `b` are accounts and the business, as in
 * populate.ts. Most accounts were paid; some are active, some wait to be paid.
 */
export const savingsGrowth = `
  insert into savings.products (business_id, id, name, currency)
    select business_id, md5('product')::uuid, 'Grown', 'NGN' from b;
  create temp table sa as
    select a.business_id, a.customer_id, a.g, md5('savings' || g)::uuid as id, md5('member' || 8 * (1 + g % ${parts}))::uuid as agent_id,
      now() - g * interval '10 minutes' as at,
      case when g % 20 = 7 then 'active' when g % ${parts} = 1 then 'closed_early' else 'paid_out' end::savings.account_status as status
    from a where g <= ${rows};
  insert into ledger.accounts (business_id, id, code, kind, currency, owner_type, owner_id)
    select business_id, id, 'savings:account:' || id, 'liability', 'NGN', 'savings.account', customer_id from sa
    union all
    select distinct business_id, md5('commission' || agent_id)::uuid, 'agent:' || agent_id || ':commission', 'liability'::ledger.account_kind,
      'NGN', 'savings.agent', agent_id from sa;
  insert into ledger.balances (business_id, account_id, normal_side, posted_credit, overdraft_limit)
    select business_id, id, 'credit'::ledger.side, case when status = 'paid_out' then 0 else 50000 end, 0 from sa
    union all
    select distinct business_id, md5('commission' || agent_id)::uuid, 'credit'::ledger.side, 100000000, 0 from sa;
  insert into savings.agents (business_id, id, agent_no, cash_id, receivable_id, commission_id)
    select business_id, agent_id, row_number() over (order by agent_id) + (
        select coalesce(max(agent_no), 0) from savings.agents where business_id = g.business_id), md5('commission' || agent_id)::uuid,
      md5('commission' || agent_id)::uuid, md5('commission' || agent_id)::uuid
    from (select distinct business_id, agent_id from sa) g;
  insert into savings.accounts (business_id, id, customer_id, agent_id, product_id, tracking_number, marking_amount, currency,
      markings_total, starts_on, ends_on, period_days, cycle_markings, calendar_month, flexible_amount, min_marking_amount,
      auto_renew, backdate_days, commission_rule, commission_bps, commission_flat, agent_share_bps, parent_share_bps,
      early_fee_bps, early_fee_months, min_markings_before_payment, status, markings_paid, collected, closed_at, created_at)
    select business_id, id, customer_id, agent_id, md5('product')::uuid, 1000000000 + g, 10000, 'NGN', 31, at::date,
      at::date + 30, 1, 31, false, false, 1, false, 3, 'one_marking_per_cycle', 0, 0, 5000, 0, 0, 0, 2, status, 5, 50000,
      case when status <> 'active' then at end, at
    from sa;
  insert into savings.payment_destinations (business_id, id, customer_id, bank_name, account_number, account_name)
    select business_id, md5('destination' || g)::uuid, customer_id, 'Bank', 1000000000 + g, 'Person' from sa;
  insert into savings.payment_requests (business_id, id, savings_account_id, customer_id, agent_id, requested_by, method,
      destination_id, gross, commission, fees, net, currency, agent_amount, parent_amount, status, reference, reason,
      ledger_transaction_id, created_at)
    select business_id, md5('request' || g)::uuid, id, customer_id, agent_id, (select user_id from b), 'bank',
      md5('destination' || g)::uuid, 50000, 10000, 0, 40000, 'NGN', 5000, 0,
      case when g % 20 = 7 then 'rejected' when status = 'paid_out' then 'paid' else 'pending' end
        ::savings.payment_request_status,
      'PR-' || g, 'Sample', case when g % 20 <> 7 and status = 'paid_out' then md5('payment' || g)::uuid end, at
    from sa;
  insert into savings.commissions (business_id, savings_account_id, payment_request_id, agent_id, amount, agent_amount,
      house_amount, currency, ledger_transaction_id, earned_on)
    select business_id, id, md5('request' || g)::uuid, agent_id, 10000, 5000, 5000, 'NGN', md5('payment' || g)::uuid, at::date
    from sa;
  insert into savings.remittances (business_id, id, agent_id, business_date, no, status, expected, declared, counted,
      confirmed_by, confirmed_at)
    select business_id, md5('remittance' || g)::uuid, agent_id, at::date, g, status, 50000,
      case when status <> 'open' then 50000 end, case when status = 'confirmed' then 50000 end,
      case when status = 'confirmed' then md5('member480')::uuid end, case when status = 'confirmed' then at end
    from (select *, case when g % 300 = 7 then 'open' when g % 50 = 1 then 'submitted' else 'confirmed' end
      ::savings.remittance_status as status from (select business_id, agent_id, g, at from sa) s) s;
  insert into savings.expenses (business_id, id, member_id, category, amount, currency, paid_from, status, spent_on,
      ledger_transaction_id, decided_by, decided_at)
    select business_id, md5('expense' || g)::uuid, agent_id, 'transport', 100, 'NGN', 'agent_cash',
      case when waits then 'recorded' else 'approved' end::savings.expense_status, at::date,
      case when not waits then md5('spent' || g)::uuid end, case when not waits then md5('member480')::uuid end,
      case when not waits then at end
    from (select *, g % 50 = 1 as waits from sa) s;
  insert into savings.collections (business_id, id, savings_account_id, agent_id, amount, currency, markings, method, status,
      client_ref, content_hash, collected_at, business_date, receipt_no, confirmed_at)
    select business_id, md5('collection' || g)::uuid, id, agent_id, 50000, 'NGN', 5, 'cash', 'confirmed', md5('ref' || g)::uuid,
      sha256('x'), at, at::date, 'R-' || g, at
    from sa;
  insert into savings.markings (business_id, savings_account_id, collection_id, position, for_date, amount)
    select business_id, id, md5('collection' || g)::uuid, p, at::date + p - 1, 10000
    from sa cross join generate_series(1, 5) p;`;

/**
 * An active account, one that could be paid, their product, a request of another that waits, where a third is paid, an agent,
 * and a remittance and an expense that wait for a decision.
 */
export const savingsIds = `md5('savings7')::uuid::text as savings_account_id,
  md5('savings1')::uuid::text as savings_ended_id, md5('product')::uuid::text as savings_product_id,
  md5('request1')::uuid::text as payment_request_id, md5('destination2')::uuid::text as destination_id,
  md5('member' || 80)::uuid::text as agent_id, md5('remittance51')::uuid::text as remittance_id,
  md5('expense51')::uuid::text as expense_id,
  md5('collection7')::uuid::text as collection_id`;

/** Tables of savings that grow without bound. */
export const savingsGrowing =
  "savings.accounts savings.collections savings.markings savings.payment_destinations savings.payment_requests " +
  "savings.commissions savings.remittances savings.expenses";
