-- Gives a savings account another agent or unit. No row: not there.
-- $1 act: who acts
-- $2 account_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 patch: the members to change, as JSON
-- nullable: location
-- index: savings_accounts_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
changed as materialized (
  select savings.update_account(act.business_id, $2, $4::text::jsonb, $3::int) as account from act),
shown as (
  select (account).version, savings.account_body(account)::text as body from changed where (account).id is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from shown;
