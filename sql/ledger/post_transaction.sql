-- Posts one transaction, or refuses it as ledger.post_batch does, or with account_owned.
-- $1 act: who acts, and the idempotency key
-- $2 item: the transaction as ledger.post_items takes it, as JSON
-- nullable: version
with act as materialized (select * from core.begin_act($1::text::jsonb)),
posted as (select ledger.post_item(act.business_id, $2::text::jsonb) as body from act)
select 201 as status, null::int as version, '/api/v1/ledger/transactions/' || ($2::text::jsonb ->> 'id') as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/ledger/transactions/' || ($2::text::jsonb ->> 'id')) as body
from posted;
