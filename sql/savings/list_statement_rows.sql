-- Some rows of a statement of a savings account, in the order of the days to which they belong.
-- $1 business_id: the tenant
-- $2 account_id: which one
-- $3 timezone: IANA zone of the business, whose days these are
-- $4 from_date: first day
-- $5 to_date: last day
-- $6 through_entry_id: the last entry that the statement knows; what came later is not in it
-- $7 after (nullable): keyset of the last row seen: its time and its entry, as a JSON array
-- $8 limit_rows: rows a page
-- nullable: last_key
-- index: lent_asof_ix, transactions_pk, collections_pk
with page as materialized (
  select e.effective_at, e.id, e.side, e.amount, t.kind, t.id as transaction_id, t.description, c.business_date, c.receipt_no,
    c.method, c.markings
  from ledger.entries e
  join ledger.transactions t on t.business_id = e.business_id and t.id = e.transaction_id
  -- its own visit, or that which it takes back
  left join savings.collections c on c.business_id = e.business_id and c.id in (t.id, t.reverses_id, t.source_id)
  where e.business_id = $1 and e.account_id = $2 and e.phase in ('single', 'post')
    and e.effective_at >= $4::text::date::timestamp at time zone $3::text
    and e.effective_at < ($5::text::date + 1)::timestamp at time zone $3
    and e.id <= $6::text::bigint
    and ($7::text is null or (e.effective_at, e.id) > (($7::jsonb ->> 0)::timestamptz, ($7::jsonb ->> 1)::bigint))
  order by e.effective_at, e.id limit $8::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $8)
select coalesce((
         select json_agg(json_build_object('date', (effective_at at time zone $3)::date,
           'effective_at', core.iso(effective_at), 'kind', kind, 'transaction_id', transaction_id,
           'business_date', business_date, 'receipt_no', receipt_no, 'method', method, 'markings', markings,
           'description', description, 'side', side, 'amount', amount) order by position) from shown), '[]')::text as data,
       (select count(*) > $8 from numbered) as has_more,
       (select json_build_array(effective_at::text, id::text)::text from shown order by position desc limit 1) as last_key;
