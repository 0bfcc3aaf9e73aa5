-- A page of accounts of the ledger with their balances, by code.
-- $1 business_id: the tenant
-- $2 code (nullable): beginning of the code
-- $3 owner_type (nullable): kind of record that owns it
-- $4 owner_id (nullable): record that owns it
-- $5 currency (nullable): in this currency
-- $6 after (nullable): keyset of the last row seen: its code, as a JSON array
-- $7 limit_rows: rows a page
-- nullable: last_key
-- index: ledger_accounts_code_uq, lacc_owner_ix
with page as materialized (
  select a as account, a.code from ledger.accounts a
  where a.business_id = $1
    and ($2::text is null or a.code >= $2 and a.code < $2 || '~')
    and ($3::text is null or a.owner_type = $3)
    and ($4::uuid is null or a.owner_id = $4)
    and ($5::text is null or a.currency = $5)
    and ($6::text is null or a.code > ($6::jsonb ->> 0))
  order by a.code limit $7::int + 1),
numbered as (select p.*, row_number() over (order by p.code) as position from page p),
shown as (select * from numbered where position <= $7)
select coalesce((select json_agg(ledger.account_body(account) order by position) from shown), '[]')::text
         as data,
       (select count(*) > $7 from numbered) as has_more,
       (select json_build_array(code)::text from shown order by position desc limit 1) as last_key;
