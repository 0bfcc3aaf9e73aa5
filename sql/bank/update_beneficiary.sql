-- Changes the members that the patch names: JSON Merge Patch (RFC 7396), null clears. No row: not there, or stale.
-- $1 act: who acts
-- $2 own_user_id (nullable): whose customers are meant; null for all
-- $3 beneficiary_id: which one
-- $4 version (nullable): the version that If-Match named; null for any
-- $5 patch: the members to change, as JSON
-- nullable: location
-- index: beneficiaries_pk, customers_pk
with act as materialized (select * from core.begin_act($1::text::jsonb)),
patch as (select $5::text::jsonb as p),
changed as (
  update bank.beneficiaries b set
    name            = case when p ? 'name' then p ->> 'name' else b.name end,
    nickname        = case when p ? 'nickname' then p ->> 'nickname' else b.nickname end,
    bank_name       = case when p ? 'bank_name' then p ->> 'bank_name' else b.bank_name end,
    bic             = case when p ? 'bic' then bank.electronic(p ->> 'bic') else b.bic end,
    iban_or_account = case when p ? 'iban_or_account' then bank.electronic(p ->> 'iban_or_account') else b.iban_or_account end,
    country         = case when p ? 'country' then upper(p ->> 'country') else b.country end,
    address         = case when p ? 'address' then coalesce(nullif(p -> 'address', 'null'), '{}') else b.address end
  from act, patch
  where b.business_id = act.business_id and b.id = $3 and b.deleted_at is null and ($4::int is null or b.version = $4)
    and ($2::uuid is null or exists (
      select from core.customers o where o.business_id = b.business_id and o.id = b.customer_id and o.user_id = $2))
  returning b.version, bank.beneficiary_body(b)::text as body)
select 200 as status, version, null::text as location, core.end_act($1::text::jsonb, 200, body, null, version) as body
from changed;
