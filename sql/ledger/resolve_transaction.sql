-- Ends a hold. Refuses what ledger.resolve refuses, and account_owned.
-- $1 act: who acts, and the idempotency key
-- $2 resolution_id: id of the transaction that ends it
-- $3 transaction_id: the hold
-- $4 phase: post, void
-- $5 amount (nullable): so much of it, minor units; null: all
-- nullable: version
with act as materialized (select * from core.begin_act($1::text::jsonb)),
posted as (select ledger.resolve_by_hand(act.business_id, $2, $3, $4, $5::text::bigint) as body from act)
select 201 as status, null::int as version, '/api/v1/ledger/transactions/' || $2::text as location,
       core.end_act($1::text::jsonb, 201, body, '/api/v1/ledger/transactions/' || $2::text) as body
from posted;
