-- Moves an account to another state. No row: not there, stale, or in a state that does not lead there.
-- $1 act: who acts, and the idempotency key
-- $2 account_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 from_statuses: states that lead there
-- $5 to_status: the state
-- $6 reason (nullable): why, where somebody has to say it
-- nullable: location
-- index: accounts_pk, balances_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
moved as materialized (
  select bank.move_account(act.business_id, $2, $4::bank.account_status[], $5::bank.account_status, $6, $3::int) as account
  from act),
shown as (
  select (account).version, bank.account_body(account)::text as body from moved where (account).id is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from shown;
