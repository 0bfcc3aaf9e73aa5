-- The bank: what it adds to the ledger. Owners, numbers, limits, beneficiaries, wires and their review, KYC, statements.
-- An account of the bank and its ledger account have the same id.
create schema bank;

create type bank.account_type as enum ('checking', 'savings', 'investment', 'business');
create type bank.account_status as enum ('pending', 'active', 'frozen', 'dormant', 'closed');
create type bank.transfer_kind as enum ('deposit', 'withdrawal', 'internal', 'wire', 'fee', 'interest');
create type bank.transfer_status as enum ('pending', 'posted', 'failed', 'cancelled', 'reversed');
create type bank.wire_status as enum ('pending_approval', 'compliance_review', 'on_hold', 'approved', 'submitted',
  'completed', 'rejected', 'cancelled', 'returned');
create type bank.kyc_status as enum ('not_started', 'pending', 'in_review', 'approved', 'rejected', 'expired');
create type bank.kyc_risk as enum ('low', 'medium', 'high');
create type bank.document_type as enum
  ('passport', 'national_id', 'drivers_license', 'utility_bill', 'bank_statement', 'selfie');
create type bank.document_status as enum ('uploaded', 'in_review', 'approved', 'rejected', 'expired', 'superseded');
create type bank.document_rejection_code as enum
  ('unreadable', 'incomplete', 'wrong_document', 'name_mismatch', 'outdated', 'suspected_forgery', 'other');

-- The value of a setting as it holds, read by the statement that decides by it: the business's own, else the
-- installation's; null where nobody has said anything.
create function bank.setting(p_business uuid, p_key text) returns jsonb language sql stable parallel safe
return (select nullif(s.value, 'null') from core.settings s
  where s.key = p_key and (s.business_id = p_business or s.business_id is null) order by s.business_id nulls last limit 1);

------------------------------------------------------------------------------------------------------------ accounts
create table bank.accounts (
  business_id uuid not null constraint accounts_business_fk references core.businesses,
  id uuid not null,                                      -- of its ledger account, too
  customer_id uuid not null,
  account_number text not null constraint accounts_number_ck check (account_number ~ '^[0-9]{10}$'),
  type bank.account_type not null,
  currency char(3) not null constraint accounts_currency_fk references core.currencies,
  status bank.account_status not null default 'pending',
  nickname text constraint accounts_nickname_ck check (length(nickname) between 1 and 100),
  -- outgoing money in a day and in a month of the business's calendar, minor units, fees not counted
  daily_limit bigint not null constraint accounts_daily_limit_ck check (daily_limit >= 0),
  monthly_limit bigint not null,
  has_own_limits boolean not null default false,         -- staff set them lower: another KYC level does not raise them
  overdraft_limit bigint not null default 0              -- the same figure as in ledger.balances
    constraint accounts_overdraft_ck check (overdraft_limit >= 0),
  interest_bps int not null default 0 constraint accounts_interest_ck check (interest_bps between 0 and 100000),
  overdraft_bps int not null default 0 constraint accounts_overdraft_bps_ck check (overdraft_bps between 0 and 100000),
  frozen_reason text, unfrozen_reason text, closed_reason text,   -- of the last freezing, its end, and the closing
  opened_at timestamptz not null default now(), activated_at timestamptz, closed_at timestamptz,
  version int not null default 1,
  constraint accounts_pk primary key (business_id, id),
  constraint accounts_customer_fk foreign key (business_id, customer_id) references core.customers,
  constraint accounts_ledger_fk foreign key (business_id, id) references ledger.accounts,
  constraint accounts_number_uq unique (business_id, account_number),
  constraint accounts_monthly_limit_ck check (monthly_limit >= daily_limit),
  constraint accounts_frozen_ck check ((status = 'frozen') = (frozen_reason is not null)),
  constraint accounts_closed_ck check ((status = 'closed') = (closed_at is not null))
);
select core.keep_record('bank.accounts');
select core.keep_audit('bank.accounts', 'bank_account');
create index bacc_customer_ix on bank.accounts (business_id, customer_id, opened_at desc, id desc);
-- which customers a person with a login is
create index customers_user_ix on core.customers (business_id, user_id) where user_id is not null;
create index bacc_page_ix on bank.accounts (business_id, opened_at desc, id desc);
create index bacc_status_ix on bank.accounts (business_id, status, opened_at desc, id desc);

----------------------------------------------------------------------------------------------------------- transfers
-- One movement of money is one row with one reference and two ends. The ledger transaction that moves it has the same id
-- (a wire's hold too); later ones (post, void, reversal, return) name it as their source. Rows are written by functions that
-- hold the accounts' locks, and name them without a foreign key, as entries do.
create table bank.transfers (
  business_id uuid not null, id uuid not null,
  kind bank.transfer_kind not null, status bank.transfer_status not null,
  from_account_id uuid, to_account_id uuid,              -- null: the house (the counter, another bank)
  amount bigint not null constraint transfers_amount_ck check (amount > 0),
  fee bigint not null default 0 constraint transfers_fee_ck check (fee >= 0),
  currency char(3) not null,
  reference text not null constraint transfers_reference_ck check (length(reference) between 1 and 200),
  memo text constraint transfers_memo_ck check (length(memo) <= 500),
  category text constraint transfers_category_ck check (length(category) <= 64),
  reversed_by_id uuid,                                   -- the ledger transaction that undid it
  settled_at timestamptz,
  version int not null default 1,
  constraint transfers_pk primary key (business_id, id),
  constraint same_account check (from_account_id is distinct from to_account_id),
  constraint transfers_ends_ck check (num_nonnulls(from_account_id, to_account_id) > 0),
  constraint transfers_reversed_ck check ((status = 'reversed') = (reversed_by_id is not null))
);
select core.keep_record('bank.transfers');
select core.keep_audit('bank.transfers', 'transfer');
-- a transfer without a reference of its own has its id for one
create unique index transfers_reference_uq on bank.transfers (business_id, reference) where reference <> id::text;
create index btr_from_ix on bank.transfers (business_id, from_account_id, id desc) where from_account_id is not null;
create index btr_to_ix on bank.transfers (business_id, to_account_id, id desc) where to_account_id is not null;

-------------------------------------------------------------------------------------------------------------- wires
create table bank.beneficiaries (
  business_id uuid not null constraint beneficiaries_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(), customer_id uuid not null,
  name text not null constraint beneficiaries_name_ck check (length(name) between 1 and 140),
  nickname text constraint beneficiaries_nickname_ck check (length(nickname) between 1 and 100),
  bank_name text not null constraint beneficiaries_bank_name_ck check (length(bank_name) between 1 and 140),
  bic text constraint beneficiaries_bic_ck check (bic ~ '^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$'),
  iban_or_account text not null constraint beneficiaries_account_ck check (iban_or_account ~ '^[A-Z0-9]{4,34}$'),
  country char(2) not null constraint beneficiaries_country_ck check (country ~ '^[A-Z]{2}$'),
  address jsonb not null default '{}' constraint beneficiaries_address_ck check (jsonb_typeof(address) = 'object'),
  deleted_at timestamptz,
  version int not null default 1,
  constraint beneficiaries_pk primary key (business_id, id),
  constraint beneficiaries_customer_fk foreign key (business_id, customer_id) references core.customers
);
select core.keep_record('bank.beneficiaries');
select core.keep_audit('bank.beneficiaries', 'beneficiary');
create unique index beneficiaries_account_uq on bank.beneficiaries
  (business_id, customer_id, iban_or_account, coalesce(bic, '')) where deleted_at is null;
create index beneficiaries_page_ix on bank.beneficiaries (business_id, customer_id, id desc) where deleted_at is null;

create table bank.watchlist (                            -- names that wires are screened against
  id uuid not null default gen_random_uuid() constraint watchlist_pk primary key,
  business_id uuid constraint watchlist_business_fk references core.businesses,   -- null: every business
  name text not null constraint watchlist_name_ck check (length(name) between 1 and 200),
  source text not null constraint watchlist_source_ck check (length(source) between 1 and 100),   -- the list it is from
  is_active boolean not null default true,
  version int not null default 1
);
select core.keep_record('bank.watchlist');
select core.keep_audit('bank.watchlist', 'watchlist_entry');
create unique index watchlist_name_uq on bank.watchlist (business_id, name, source) nulls not distinct where is_active;
create index watchlist_page_ix on bank.watchlist (business_id, id desc) where is_active;

create table bank.wire_transfers (
  business_id uuid not null, transfer_id uuid not null,  -- bank.transfers has amount, fee, account
  customer_id uuid not null, beneficiary_id uuid not null,
  beneficiary_snapshot jsonb not null,
  status bank.wire_status not null default 'pending_approval',
  purpose_code text,
  target_amount bigint not null constraint wire_transfers_target_ck check (target_amount > 0),  -- what the beneficiary gets
  target_currency char(3) not null constraint wire_transfers_currency_fk references core.currencies,
  fx_rate numeric(18, 8),                                -- null: the same currency
  screening_score numeric(5, 4) not null, screening_hits jsonb not null default '[]',
  approved_by uuid, approved_at timestamptz, reviewed_by uuid, reviewed_at timestamptz, submitted_at timestamptz,
  network_ref text constraint wire_transfers_network_ref_ck check (length(network_ref) between 1 and 64),
  rejection_reason text, needs_review boolean not null,
  limit_day date not null,                               -- the day in whose windows its amount is counted
  created_by uuid,
  version int not null default 1,
  constraint wire_transfers_pk primary key (business_id, transfer_id),
  constraint wire_transfers_transfer_fk foreign key (business_id, transfer_id) references bank.transfers,
  constraint wire_transfers_beneficiary_fk foreign key (business_id, beneficiary_id) references bank.beneficiaries,
  constraint wire_transfers_customer_fk foreign key (business_id, customer_id) references core.customers,
  constraint wire_transfers_network_ref_uq unique (business_id, network_ref),
  constraint wire_transfers_rejected_ck check (status <> 'rejected' or rejection_reason is not null),
  -- three people, or two where nobody had to review
  constraint maker_checker check (approved_by <> created_by and reviewed_by <> created_by and approved_by <> reviewed_by)
);
select core.keep_record('bank.wire_transfers');
select core.keep_audit('bank.wire_transfers', 'wire_transfer', '{}', '{}', 'transfer_id');
create index wires_queue_ix on bank.wire_transfers (business_id, status, updated_at, transfer_id)
  where status in ('pending_approval', 'compliance_review', 'on_hold', 'approved', 'submitted');
create index wires_month_ix on bank.wire_transfers (business_id, limit_day);
create index wires_customer_ix on bank.wire_transfers (business_id, customer_id, transfer_id desc);

create table bank.wire_transfer_events (
  business_id uuid not null, id bigint not null generated always as identity, transfer_id uuid not null,
  at timestamptz not null default clock_timestamp(),
  from_status bank.wire_status, to_status bank.wire_status not null, actor_user_id uuid, note text,
  constraint wire_transfer_events_pk primary key (business_id, transfer_id, id),
  constraint wire_transfer_events_transfer_fk foreign key (business_id, transfer_id) references bank.wire_transfers
);
select core.keep_append_only('bank.wire_transfer_events');

----------------------------------------------------------------------------------------------------------------- KYC
create table bank.kyc_profiles (
  business_id uuid not null constraint kyc_profiles_business_fk references core.businesses, customer_id uuid not null,
  status bank.kyc_status not null default 'not_started',
  -- what has been proved of them: 1 who they are, 2 where they live too, 3 looked into by compliance besides
  level smallint not null default 0 constraint kyc_profiles_level_ck check (level between 0 and 3),
  risk bank.kyc_risk not null default 'low',
  enhanced_due_diligence boolean not null default false,
  -- since when something of theirs waits for compliance, a document of an approved profile too; null: nothing does
  submitted_at timestamptz,
  reviewed_by uuid, reviewed_at timestamptz, reason text, expires_on date,
  version int not null default 1,
  constraint kyc_profiles_pk primary key (business_id, customer_id),
  constraint kyc_profiles_customer_fk foreign key (business_id, customer_id) references core.customers,
  constraint kyc_profiles_expires_ck check (status <> 'approved' or expires_on is not null),
  constraint kyc_profiles_approved_ck check ((status = 'approved') = (level > 0)),
  constraint kyc_profiles_submitted_ck check (submitted_at is not null or status not in ('pending', 'in_review'))
);
select core.keep_record('bank.kyc_profiles');
select core.keep_audit('bank.kyc_profiles', 'kyc_profile', '{}', '{}', 'customer_id');
-- the queue of compliance: who has waited longest comes first, whatever happened meanwhile
create index kyc_queue_ix on bank.kyc_profiles (business_id, submitted_at, customer_id) include (status)
  where submitted_at is not null;
create index kyc_expiring_ix on bank.kyc_profiles (expires_on) where status = 'approved';

create table bank.kyc_documents (
  business_id uuid not null constraint kyc_documents_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(), customer_id uuid not null,
  document_type bank.document_type not null, file_id uuid not null,
  status bank.document_status not null default 'uploaded',
  -- whether the level rests on it: from its approval to its last day, or to the approval of a newer one of its type
  is_evidence boolean not null default false,
  rejection_code bank.document_rejection_code, rejection_note text, reviewed_by uuid, reviewed_at timestamptz,
  issued_on date, expires_on date,
  version int not null default 1,
  constraint kyc_documents_pk primary key (business_id, id),
  constraint kyc_documents_customer_fk foreign key (business_id, customer_id) references core.customers,
  constraint kyc_documents_file_fk foreign key (business_id, file_id) references core.files,
  constraint kyc_documents_dates_ck check (expires_on >= issued_on),
  constraint kyc_documents_evidence_ck check (case status when 'approved' then is_evidence
    when 'superseded' then true else not is_evidence end),
  constraint kyc_documents_rejected_ck check ((status = 'rejected') = (rejection_code is not null))
);
select core.keep_record('bank.kyc_documents');
select core.keep_audit('bank.kyc_documents', 'kyc_document');
create unique index kyc_documents_live_uq on bank.kyc_documents (business_id, customer_id, document_type)
  where status in ('uploaded', 'in_review', 'approved');
create index kyc_documents_page_ix on bank.kyc_documents (business_id, customer_id, id desc);
create index kycdoc_expiring_ix on bank.kyc_documents (expires_on) where is_evidence;

---------------------------------------------------------------------------------------------------------- statements
create table bank.statements (
  business_id uuid not null constraint statements_business_fk references core.businesses,
  id uuid not null default gen_random_uuid(), account_id uuid not null,
  period_from date not null, period_to date not null,
  timezone text not null,                                -- of the business then: says when its days began
  opening bigint not null, closing bigint not null, entries int not null,
  through_entry_id bigint not null,                      -- the account's last entry then: later ones are not in it
  sha256 bytea not null constraint statements_sha256_ck check (length(sha256) = 32),   -- of the rows
  version int not null default 1,
  constraint statements_pk primary key (business_id, id),
  constraint statements_account_fk foreign key (business_id, account_id) references bank.accounts,
  constraint statements_period_uq unique (business_id, account_id, period_from, period_to),
  constraint statements_period_ck check (period_to between period_from and period_from + 365)
);
select core.keep_record('bank.statements');
select core.keep_audit('bank.statements', 'statement');
create index statements_page_ix on bank.statements (business_id, account_id, id desc);
