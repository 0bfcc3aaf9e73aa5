-- Opens an account of a customer, with the account of the ledger that holds its money.
-- $1 act: who acts, and the idempotency key
-- $2 account_id: id of the new account
-- $3 account: the members of the request body, as JSON
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
opened as (
  select bank.open_account(act.business_id, $2::uuid, p.customer_id, p.type, p.currency, p.nickname) as account
  from act, jsonb_to_record($3::text::jsonb) as p (customer_id uuid, type bank.account_type, currency char(3),
    nickname text)),
shown as (select (account).version, bank.account_body(account)::text as body from opened)
select 201 as status, version, '/api/v1/accounts/' || $2 as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/accounts/' || $2, version) as body
from shown;
