-- Approves or rejects a document. No row: not there, stale, or in a state that does not allow it.
-- $1 act: who acts, and the idempotency key
-- $2 document_id: which one
-- $3 version (nullable): the version that If-Match named; null for any
-- $4 to_status: approved or rejected
-- $5 code (nullable): why it is rejected
-- $6 note (nullable): what the sender should know of it
-- nullable: location
with act as materialized (select * from core.begin_act($1::text::jsonb)),
reviewed as (
  select (d ->> 'version')::int as version, d::text as body
  from act, bank.review_kyc_document(act.business_id, act.user_id, $2::uuid, $3::int, $4::bank.document_status,
    $5::bank.document_rejection_code, $6::text) d
  where d is not null)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from reviewed;
