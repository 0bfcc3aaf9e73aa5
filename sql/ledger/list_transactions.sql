-- A page of transactions of the ledger, newest first: ids are in the order of time.
-- $1 business_id: the tenant
-- $2 reference (nullable): with this reference
-- $3 source_type (nullable): of this kind of record
-- $4 source_id (nullable): of this record; a record of the same id needs no words
-- $5 after (nullable): keyset of the last row seen: its id, as a JSON array
-- $6 limit_rows: rows a page
-- nullable: last_key
-- index: transactions_pk, ltx_reference_uq, ltx_source_ix
with page as materialized (
  select t as transaction, t.id from ledger.transactions t
  where t.business_id = $1
    and ($2::text is null or t.reference = $2)
    and ($3::text is null or t.source_type = $3 and t.source_id is not null)
    and ($4::uuid is null or t.source_id = $4 or t.id = $4)
    and ($5::text is null or t.id < ($5::jsonb ->> 0)::uuid)
  order by t.id desc limit $6::int + 1),
numbered as (select p.*, row_number() over (order by p.id desc) as position from page p),
shown as (select * from numbered where position <= $6)
select coalesce((select json_agg(ledger.transaction_body(transaction) order by position) from shown),
         '[]')::text as data,
       (select count(*) > $6 from numbered) as has_more,
       (select json_build_array(id)::text from shown order by position desc limit 1) as last_key;
