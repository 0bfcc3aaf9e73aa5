-- Changes what a transfer is filed under: JSON Merge Patch (RFC 7396), null clears. No row: not there, not the caller's, or
-- stale.
-- $1 act: who acts
-- $2 transfer_id: which one
-- $3 own_user_id (nullable): the person who must have paid it (or been paid it by the house); null: anybody
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 patch: the members to change, as JSON
-- nullable: location
-- index: transfers_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
patch as (select $5::text::jsonb as p),
changed as (
  update bank.transfers t set
    memo     = case when p ? 'memo' then p ->> 'memo' else t.memo end,
    category = case when p ? 'category' then p ->> 'category' else t.category end
  from act, patch
  where t.business_id = act.business_id and t.id = $2 and ($4::int is null or t.version = $4)
    and ($3::uuid is null or bank.is_own(t.business_id, $3, coalesce(t.from_account_id, t.to_account_id), null))
  returning t.version, bank.transfer_body(t)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
