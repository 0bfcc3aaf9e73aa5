-- Creates an account that no module owns.
-- $1 act: who acts, and the idempotency key
-- $2 account_id: id of the new account
-- $3 account: the members of the request body, as JSON
-- nullable: version, location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
asked as (
  select act.business_id, p.* from act, jsonb_to_record($3::text::jsonb) as p (code text, kind ledger.account_kind,
    currency text, overdraft_limit bigint, max_balance bigint)),
created as (
  select ledger.open_account(business_id, $2, code, kind, currency, overdraft_limit, max_balance) as body from asked)
select 201 as status, null::int as version, '/api/v1/ledger/accounts/' || $2::text as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/ledger/accounts/' || $2::text) as body
from created;
