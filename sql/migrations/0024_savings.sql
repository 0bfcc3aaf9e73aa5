-- Savings: products, accounts that are filled day by day, what agents collect and hand over, and how it is paid back.
-- An account and its ledger account have the same id; so have a collection and the ledger transaction that books it, and a
-- payment request and its hold. Whoever collects is an agent here, whatever their role is.
create schema savings;

create type savings.product_kind as enum ('daily', 'weekly', 'target');
create type savings.commission_rule as enum
  ('none', 'one_marking_per_cycle', 'average_marking', 'percent', 'flat_per_cycle');
create type savings.account_status as enum ('active', 'completed', 'closed_early', 'paid_out', 'cancelled');
create type savings.collection_method as enum ('cash', 'transfer', 'card', 'mobile_money');
create type savings.collection_status as enum ('recorded', 'confirmed', 'reversed');
create type savings.remittance_status as enum ('open', 'submitted', 'disputed', 'confirmed');
create type savings.payment_method as enum ('bank', 'cash', 'wallet');
create type savings.payment_request_status as enum
  ('pending', 'approved', 'paying', 'paid', 'failed', 'rejected', 'cancelled');
create type savings.expense_status as enum ('recorded', 'approved', 'rejected');
create type savings.expense_source as enum ('vault', 'agent_cash');
-- What became of a provider's event: `parked` money stands in clearing:unapplied; of `unassigned` money nobody can tell whose
-- it is, so it stands in no books.
create type savings.event_result as enum ('confirmed', 'parked', 'unassigned', 'ignored');
create type savings.event_reason as enum ('reference_unknown', 'amount_differs', 'collection_reversed',
  'already_confirmed', 'account_closed', 'account_full', 'currency_unknown');

-- The value of a setting as it holds, read by the statement that decides by it: the business's own, else the
-- installation's; null where nobody has said anything.
create function core.setting(p_business uuid, p_key text) returns jsonb language sql stable parallel safe
return (select nullif(s.value, 'null') from core.settings s
  where s.key = p_key and (s.business_id = p_business or s.business_id is null) order by s.business_id nulls last limit 1);
create or replace function bank.setting(p_business uuid, p_key text) returns jsonb language sql stable parallel safe
return core.setting(p_business, p_key);

------------------------------------------------------------------------------------------------- products and accounts
-- Terms of a product, which each account takes with it when it is opened: editing a product changes no running account.
create table savings.products (
  business_id uuid not null constraint products_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  name text not null constraint products_name_ck check (length(name) between 1 and 100),
  kind savings.product_kind not null default 'daily',
  currency char(3) not null constraint products_currency_fk references core.currencies,
  period_days smallint not null default 1 constraint products_period_ck check (period_days in (1, 7)),
  -- slots of a cycle; with calendar_month a cycle is a month from starts_on, and has as many slots as days
  cycle_markings smallint not null default 31 constraint products_cycle_ck check (cycle_markings between 1 and 366),
  calendar_month boolean not null default false,
  flexible_amount boolean not null default false,        -- each marking may have an amount of its own
  min_marking_amount bigint not null default 1 constraint products_min_amount_ck check (min_marking_amount > 0),
  max_marking_amount bigint,
  commission_rule savings.commission_rule not null default 'one_marking_per_cycle',
  commission_bps int not null default 0 constraint products_commission_bps_ck check (commission_bps between 0 and 10000),
  commission_flat bigint not null default 0 constraint products_commission_flat_ck check (commission_flat >= 0),
  commission_cap bigint constraint products_commission_cap_ck check (commission_cap >= 0),   -- per cycle; null: none
  agent_share_bps int not null default 10000 constraint products_agent_share_ck check (agent_share_bps between 0 and 10000),
  -- of what a sub-agent's account earns the agents, the part of the agent above
  parent_share_bps int not null default 0 constraint products_parent_share_ck check (parent_share_bps between 0 and 10000),
  early_fee_bps int not null default 0 constraint products_early_fee_ck check (early_fee_bps between 0 and 10000),
  early_fee_months smallint not null default 0 constraint products_early_months_ck check (early_fee_months between 0 and 120),
  min_markings_before_payment smallint not null default 2
    constraint products_min_markings_ck check (min_markings_before_payment between 1 and 366),
  backdate_days smallint not null default 3 constraint products_backdate_ck check (backdate_days between 0 and 366),
  auto_renew boolean not null default false,             -- a full plan grows by one cycle
  is_active boolean not null default true,
  version int not null default 1,
  constraint products_pk primary key (business_id, id),
  constraint products_name_uq unique (business_id, name),
  constraint products_max_amount_ck check (max_marking_amount >= min_marking_amount),
  constraint products_kind_ck check ((kind = 'weekly') = (period_days = 7)),
  constraint products_calendar_ck check (not calendar_month or period_days = 1)
);
select core.keep_record('savings.products');
select core.keep_audit('savings.products', 'savings_product');
create index sprod_page_ix on savings.products (business_id, is_active, name, id);

create table savings.accounts (
  business_id uuid not null constraint savings_accounts_business_fk references core.businesses,
  id uuid not null,                                      -- of its ledger account, too
  unit_id uuid, customer_id uuid not null, agent_id uuid not null, product_id uuid not null,
  -- nine random digits and a check digit (Luhn): printed on the customer's card
  tracking_number text not null constraint savings_accounts_number_ck check (tracking_number ~ '^[0-9]{10}$'),
  run_no int not null default 1 constraint savings_accounts_run_ck check (run_no > 0),   -- +1 at each renewal
  marking_amount bigint not null constraint savings_accounts_amount_ck check (marking_amount > 0),
  currency char(3) not null constraint savings_accounts_currency_fk references core.currencies,
  cycles smallint not null default 1 constraint savings_accounts_cycles_ck check (cycles between 1 and 60),
  markings_total smallint not null constraint savings_accounts_total_ck check (markings_total between 1 and 3660),
  starts_on date not null,
  ends_on date not null,                                 -- the date of the last slot
  -- the product's terms when it was opened
  period_days smallint not null, cycle_markings smallint not null, calendar_month boolean not null,
  flexible_amount boolean not null, min_marking_amount bigint not null, max_marking_amount bigint,
  auto_renew boolean not null, backdate_days smallint not null,
  commission_rule savings.commission_rule not null, commission_bps int not null, commission_flat bigint not null,
  commission_cap bigint, agent_share_bps int not null, parent_share_bps int not null, early_fee_bps int not null,
  early_fee_months smallint not null, min_markings_before_payment smallint not null,
  status savings.account_status not null default 'active',
  markings_paid smallint not null default 0,             -- slots that are paid
  collected bigint not null default 0                    -- what they come to
    constraint savings_accounts_collected_ck check (collected >= 0),
  closed_at timestamptz, close_reason text constraint savings_accounts_reason_ck check (length(close_reason) <= 500),
  version int not null default 1,
  constraint savings_accounts_pk primary key (business_id, id),
  constraint savings_accounts_unit_fk foreign key (business_id, unit_id) references core.units,
  constraint savings_accounts_customer_fk foreign key (business_id, customer_id) references core.customers,
  constraint savings_accounts_agent_fk foreign key (business_id, agent_id) references core.memberships,
  constraint savings_accounts_product_fk foreign key (business_id, product_id) references savings.products,
  constraint savings_accounts_ledger_fk foreign key (business_id, id) references ledger.accounts,
  constraint savings_accounts_number_uq unique (business_id, tracking_number),
  constraint savings_accounts_run_uq unique (business_id, customer_id, product_id, run_no),
  constraint savings_accounts_ends_ck check (ends_on >= starts_on),
  constraint savings_accounts_paid_ck check (markings_paid between 0 and markings_total),
  constraint savings_accounts_completed_ck check (status <> 'completed' or markings_paid = markings_total),
  constraint savings_accounts_cancelled_ck check (status <> 'cancelled' or markings_paid = 0)
);
-- what is collected is no change of the record: a visit is one row of its own
select core.keep_record('savings.accounts', '{markings_paid,collected}');
select core.keep_audit('savings.accounts', 'savings_account', '{}', '{markings_paid,collected}');
create unique index active_account_exists on savings.accounts (business_id, customer_id, product_id) where status = 'active';
create index sacc_customer_ix on savings.accounts (business_id, customer_id, created_at desc, id desc);
create index sacc_agent_ix on savings.accounts (business_id, agent_id, status, starts_on);
create index sacc_page_ix on savings.accounts (business_id, created_at desc, id desc);
create index sacc_status_ix on savings.accounts (business_id, status, created_at desc, id desc);
create index sacc_payable_ix on savings.accounts (business_id, created_at desc, id desc)
  where status in ('completed', 'closed_early');
create index sacc_unit_ix on savings.accounts (business_id, unit_id, status) where unit_id is not null;

---------------------------------------------------------------------------------------------------------------- agents
-- A member who has collected, with the ledger accounts that say what they hold, owe and have earned. Receipts count per
-- agent, so that agents never wait for one another.
create table savings.agents (
  business_id uuid not null, id uuid not null,           -- of the member
  agent_no int not null constraint agents_no_ck check (agent_no > 0),
  receipts int not null default 0 constraint agents_receipts_ck check (receipts >= 0),   -- given so far
  cash_id uuid not null, receivable_id uuid not null, commission_id uuid not null,   -- ledger accounts
  constraint agents_pk primary key (business_id, id),
  constraint agents_member_fk foreign key (business_id, id) references core.memberships,
  constraint agents_no_uq unique (business_id, agent_no)
);

-- What an agent hands over, of a day of the business's calendar; `no` counts those of one day.
create table savings.remittances (
  business_id uuid not null constraint remittances_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  agent_id uuid not null, business_date date not null, no smallint not null default 1,
  status savings.remittance_status not null default 'open',
  -- confirmed cash that belongs to it, less expenses that were paid from it; settled when it is confirmed
  expected bigint not null default 0 constraint remittances_expected_ck check (expected >= 0),
  declared bigint constraint remittances_declared_ck check (declared >= 0),
  counted bigint constraint remittances_counted_ck check (counted >= 0),
  variance bigint generated always as (counted - expected) stored,
  submitted_at timestamptz, confirmed_by uuid, confirmed_at timestamptz,
  ledger_transaction_id uuid,                            -- null where nothing was to be moved
  note text constraint remittances_note_ck check (length(note) <= 500),
  version int not null default 1,
  constraint remittances_pk primary key (business_id, id),
  constraint remittances_agent_fk foreign key (business_id, agent_id) references core.memberships,
  constraint remittances_confirmed_by_fk foreign key (business_id, confirmed_by) references core.memberships,
  constraint remittances_no_uq unique (business_id, agent_id, business_date, no),
  constraint remittances_maker_checker check (confirmed_by <> agent_id),
  constraint remittances_declared_set_ck check ((status = 'open') = (declared is null)),
  constraint remittances_confirmed_ck check (status <> 'confirmed' or num_nulls(counted, confirmed_by, confirmed_at) = 0)
);
-- expected grows with every visit
select core.keep_record('savings.remittances', '{expected,variance}');
select core.keep_audit('savings.remittances', 'remittance', '{}', '{expected,variance}');
create unique index remittances_open_uq on savings.remittances (business_id, agent_id, business_date) where status = 'open';
create index remit_open_ix on savings.remittances (business_id, business_date desc, id desc) where status <> 'confirmed';
create index remit_agent_ix on savings.remittances (business_id, agent_id, business_date desc, id desc);
create index remit_page_ix on savings.remittances (business_id, business_date desc, id desc);

----------------------------------------------------------------------------------------------------------- collections
-- One visit is one receipt for so many markings. `client_ref` is made on the device, so that what is sent again is known.
-- Cash is confirmed at once; everything else when the provider says so, and only then it fills slots.
create table savings.collections (
  business_id uuid not null constraint collections_business_fk references core.businesses,
  id uuid not null,                                      -- of the ledger transaction that books it, too
  unit_id uuid, savings_account_id uuid not null,
  agent_id uuid not null,                                -- who collected; of an online payment the account's agent
  amount bigint not null constraint collections_amount_ck check (amount > 0),
  currency char(3) not null,
  markings smallint not null constraint collections_markings_ck check (markings > 0),
  -- amounts of its markings in order, where they differ; null: each is the account's
  amounts bigint[],
  method savings.collection_method not null, status savings.collection_status not null,
  client_ref uuid not null,
  content_hash bytea not null,                           -- of what was sent, to tell a repetition from another visit
  collected_at timestamptz not null, business_date date not null,
  receipt_no text not null,
  remittance_id uuid,                                    -- of confirmed cash
  provider text, provider_ref text, checkout_url text,   -- of an online payment; provider_ref is its id there
  confirmed_at timestamptz,
  reversed_by uuid, reversed_at timestamptz, reversal_id uuid,   -- reversal_id: ledger transaction; null: was not confirmed
  reversal_reason text constraint collections_reason_ck check (length(reversal_reason) between 1 and 500),
  version int not null default 1,
  constraint collections_pk primary key (business_id, id),
  constraint collections_client_ref_uq unique (business_id, agent_id, client_ref),
  constraint collections_receipt_uq unique (business_id, receipt_no),
  constraint collections_amounts_ck check (cardinality(amounts) = markings),
  constraint collections_confirmed_ck check ((confirmed_at is not null) >= (status = 'confirmed')),
  constraint collections_reversed_ck check ((status = 'reversed') = (reversal_reason is not null)),
  constraint collections_remittance_ck check (remittance_id is null or method = 'cash')
);
select core.keep_record('savings.collections');
select core.keep_audit('savings.collections', 'collection', '{content_hash}');
-- an event of a provider names nothing else, its business neither
create unique index coll_provider_uq on savings.collections (provider, provider_ref) where provider_ref is not null;
create index coll_agent_day_ix on savings.collections (business_id, agent_id, business_date desc, id desc);
create index coll_page_ix on savings.collections (business_id, business_date desc, id desc);
create index coll_account_ix on savings.collections (business_id, savings_account_id, business_date desc, id desc);
create index coll_unit_ix on savings.collections (business_id, unit_id, business_date desc, id desc) where unit_id is not null;
create index coll_remit_ix on savings.collections (business_id, remittance_id) where remittance_id is not null;

-- A row for each paid slot; what was missed is derived. Rows are written by functions that hold the account's lock.
create table savings.markings (
  business_id uuid not null, savings_account_id uuid not null, collection_id uuid not null,
  position smallint not null constraint markings_position_ck check (position > 0),
  for_date date not null,                                -- of the slot, not of the visit
  amount bigint not null constraint markings_amount_ck check (amount > 0),
  reversed_at timestamptz,
  constraint markings_pk primary key (business_id, savings_account_id, collection_id, position)
);
create unique index markings_position_uq on savings.markings (business_id, savings_account_id, position)
  include (amount, collection_id) where reversed_at is null;

------------------------------------------------------------------------------------------------------- what is paid back
-- Where a customer wants to be paid: an account at another bank, or one of ours (a wallet).
create table savings.payment_destinations (
  business_id uuid not null constraint destinations_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(), customer_id uuid not null,
  bank_name text constraint destinations_bank_name_ck check (length(bank_name) between 1 and 140),
  bank_code text constraint destinations_bank_code_ck check (bank_code ~ '^[A-Za-z0-9]{2,20}$'),
  account_number text constraint destinations_number_ck check (account_number ~ '^[A-Z0-9]{4,34}$'),
  account_name text constraint destinations_account_name_ck check (length(account_name) between 1 and 140),
  bank_account_id uuid,                                  -- a wallet: an account of the bank, of the same customer
  deleted_at timestamptz,
  version int not null default 1,
  constraint destinations_pk primary key (business_id, id),
  constraint destinations_customer_fk foreign key (business_id, customer_id) references core.customers,
  constraint destinations_wallet_fk foreign key (business_id, bank_account_id) references ledger.accounts,
  constraint destinations_kind_ck check (case when bank_account_id is null
    then num_nulls(bank_name, account_number, account_name) = 0
    else num_nonnulls(bank_name, bank_code, account_number, account_name) = 0 end)
);
select core.keep_record('savings.payment_destinations');
select core.keep_audit('savings.payment_destinations', 'payment_destination');
create unique index destinations_account_uq on savings.payment_destinations
  (business_id, customer_id, account_number, coalesce(bank_code, ''), bank_name)
  where deleted_at is null and bank_account_id is null;
create unique index destinations_wallet_uq on savings.payment_destinations (business_id, customer_id, bank_account_id)
  where deleted_at is null and bank_account_id is not null;
create index dest_page_ix on savings.payment_destinations (business_id, customer_id, id desc) where deleted_at is null;

create table savings.payment_requests (
  business_id uuid not null constraint payment_requests_business_fk references core.businesses,
  id uuid not null,                                      -- of its hold, too, while it is the first
  savings_account_id uuid not null, customer_id uuid not null,
  agent_id uuid not null,                                -- found by the server, never sent by the caller
  unit_id uuid,
  requested_by uuid not null constraint payment_requests_requested_fk references core.users,
  method savings.payment_method not null, destination_id uuid,
  gross bigint not null constraint payment_requests_gross_ck check (gross > 0),
  commission bigint not null constraint payment_requests_commission_ck check (commission >= 0),
  fees bigint not null constraint payment_requests_fees_ck check (fees >= 0),
  net bigint not null, currency char(3) not null,
  -- shares of the commission, fixed with the hold; the rest is the house's
  agent_amount bigint not null, parent_agent_id uuid, parent_amount bigint not null,
  status savings.payment_request_status not null default 'pending',
  reference text not null,
  decided_by uuid constraint payment_requests_decided_fk references core.users, decided_at timestamptz,
  paid_by uuid constraint payment_requests_paid_fk references core.users, paid_at timestamptz,
  reason text constraint payment_requests_reason_ck check (length(reason) <= 500),
  failure_code text constraint payment_requests_failure_ck check (length(failure_code) <= 64),
  provider text, provider_ref text constraint payment_requests_provider_ref_ck check (length(provider_ref) between 1 and 200),
  ledger_transaction_id uuid,                            -- of the payment, when it is paid
  version int not null default 1,
  constraint payment_requests_pk primary key (business_id, id),
  constraint payment_requests_account_fk foreign key (business_id, savings_account_id) references savings.accounts,
  constraint payment_requests_customer_fk foreign key (business_id, customer_id) references core.customers,
  constraint payment_requests_agent_fk foreign key (business_id, agent_id) references core.memberships,
  constraint payment_requests_parent_fk foreign key (business_id, parent_agent_id) references core.memberships,
  constraint payment_requests_destination_fk foreign key (business_id, destination_id)
    references savings.payment_destinations,
  constraint payment_requests_reference_uq unique (business_id, reference),
  constraint nothing_to_pay check (net > 0),
  constraint payment_requests_net_ck check (net = gross - commission - fees),
  constraint payment_requests_shares_ck check (least(agent_amount, parent_amount) >= 0
    and agent_amount + parent_amount <= commission and (parent_agent_id is not null or parent_amount = 0)),
  constraint destination_required check (method = 'cash' or destination_id is not null),
  constraint payment_requests_maker_checker check (decided_by <> requested_by and paid_by <> requested_by),
  constraint payment_requests_rejected_ck check (status <> 'rejected' or reason is not null),
  constraint payment_requests_failed_ck check (status <> 'failed' or failure_code is not null),
  constraint payment_requests_settled_ck check ((status = 'paid') = (ledger_transaction_id is not null))
);
select core.keep_record('savings.payment_requests');
select core.keep_audit('savings.payment_requests', 'payment_request');
create unique index payment_request_exists on savings.payment_requests (business_id, savings_account_id)
  where status in ('pending', 'approved', 'paying', 'failed', 'paid');
create index payreq_queue_ix on savings.payment_requests (business_id, status, created_at, id);
create index payreq_page_ix on savings.payment_requests (business_id, created_at desc, id desc);
create index payreq_agent_ix on savings.payment_requests (business_id, agent_id, created_at desc, id desc);
create index payreq_customer_ix on savings.payment_requests (business_id, customer_id, created_at desc, id desc);

-- Earned when a request is paid, never when it is made.
create table savings.commissions (
  business_id uuid not null constraint commissions_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(),
  savings_account_id uuid not null, payment_request_id uuid not null, agent_id uuid not null, parent_agent_id uuid,
  amount bigint not null constraint commissions_amount_ck check (amount > 0),
  agent_amount bigint not null constraint commissions_agent_ck check (agent_amount >= 0),
  parent_amount bigint not null default 0 constraint commissions_parent_ck check (parent_amount >= 0),
  house_amount bigint not null constraint commissions_house_ck check (house_amount >= 0),
  currency char(3) not null, ledger_transaction_id uuid not null, earned_on date not null,
  -- the ledger transactions that paid out the two shares
  agent_settlement_id uuid, parent_settlement_id uuid,
  constraint commissions_pk primary key (business_id, id),
  constraint commissions_account_uq unique (business_id, savings_account_id),
  constraint commissions_request_fk foreign key (business_id, payment_request_id) references savings.payment_requests,
  constraint commissions_request_uq unique (business_id, payment_request_id),
  constraint commissions_sum_ck check (amount = agent_amount + parent_amount + house_amount)
);
select core.keep_record('savings.commissions');
select core.keep_audit('savings.commissions', 'commission');
create index comm_agent_ix on savings.commissions (business_id, agent_id, earned_on desc, id desc);
create index comm_parent_ix on savings.commissions (business_id, parent_agent_id, earned_on desc, id desc)
  where parent_agent_id is not null;
create index comm_page_ix on savings.commissions (business_id, earned_on desc, id desc);

create table savings.expenses (
  business_id uuid not null constraint expenses_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(), unit_id uuid,
  member_id uuid not null,                               -- who spent it
  category text not null constraint expenses_category_ck check (category ~ '^[a-z][a-z0-9_]{0,39}$'),
  amount bigint not null constraint expenses_amount_ck check (amount > 0), currency char(3) not null,
  paid_from savings.expense_source not null default 'vault',
  status savings.expense_status not null default 'recorded',
  spent_on date not null,
  description text constraint expenses_description_ck check (length(description) <= 500),
  file_id uuid, remittance_id uuid,                      -- remittance_id: whose cash it was paid from
  ledger_transaction_id uuid, decided_by uuid, decided_at timestamptz,
  reason text constraint expenses_reason_ck check (length(reason) <= 500),
  version int not null default 1,
  constraint expenses_pk primary key (business_id, id),
  constraint expenses_unit_fk foreign key (business_id, unit_id) references core.units,
  constraint expenses_member_fk foreign key (business_id, member_id) references core.memberships,
  constraint expenses_file_fk foreign key (business_id, file_id) references core.files,
  constraint expenses_decided_fk foreign key (business_id, decided_by) references core.memberships,
  constraint expenses_maker_checker check (decided_by <> member_id),
  constraint expenses_approved_ck check ((status = 'approved') = (ledger_transaction_id is not null)),
  constraint expenses_rejected_ck check (status <> 'rejected' or reason is not null)
);
select core.keep_record('savings.expenses');
select core.keep_audit('savings.expenses', 'expense');
create index exp_page_ix on savings.expenses (business_id, spent_on desc, id desc);
create index exp_queue_ix on savings.expenses (business_id, spent_on desc, id desc) where status = 'recorded';
create unique index expenses_file_uq on savings.expenses (business_id, file_id) where file_id is not null;
create index exp_unit_ix on savings.expenses (business_id, unit_id, spent_on desc, id desc) where unit_id is not null;
create index exp_member_ix on savings.expenses (business_id, member_id, spent_on desc, id desc);

-- Events of payment providers, each taken once: first kept, then worked on, so that none is lost between the two. Providers
-- count events across businesses, so keys do not begin with one. `amount`, `currency` and `paid_at` are the provider's word.
create table savings.webhook_events (
  provider text not null constraint webhook_events_provider_ck check (provider ~ '^[a-z][a-z0-9_]{0,39}$'),
  event_id text not null constraint webhook_events_event_ck check (length(event_id) between 1 and 200),
  is_payment boolean not null,                           -- that money has come; other events are kept, and nothing follows
  reference text constraint webhook_events_reference_ck check (length(reference) <= 200),
  amount bigint constraint webhook_events_amount_ck check (amount > 0),
  currency char(3), paid_at timestamptz,
  body text not null,                                    -- as it was signed
  -- whose secret signed it, or whose collection it names; null: nobody can tell
  business_id uuid constraint webhook_events_business_fk references core.businesses,
  collection_id uuid, ledger_transaction_id uuid,
  received_at timestamptz not null default now(), handled_at timestamptz,
  result savings.event_result, reason savings.event_reason,   -- what became of it; null: still to be done
  attempts smallint not null default 0, next_attempt_at timestamptz not null default now(), last_error text,
  constraint webhook_events_pk primary key (provider, event_id),
  constraint webhook_events_payment_ck check (not is_payment or num_nulls(reference, amount, currency) = 0),
  constraint webhook_events_handled_ck check ((handled_at is null) = (result is null)),
  constraint webhook_events_reason_ck check ((result in ('parked', 'unassigned')) = (reason is not null)),
  constraint webhook_events_booked_ck check ((result in ('confirmed', 'parked')) = (ledger_transaction_id is not null))
);
create index webhook_events_waiting_ix on savings.webhook_events (next_attempt_at) where handled_at is null;
