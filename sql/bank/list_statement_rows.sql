-- Rows of a statement, as they are hashed, in their order (effective_at, id), a page at a time. What was posted after the
-- statement was prepared is not among them.
-- $1 business_id: the tenant
-- $2 account_id: of the statement
-- $3 from_date: its first day
-- $4 to_date: its last day
-- $5 timezone: IANA zone that its days are of
-- $6 through_entry_id: the last entry of the account when it was prepared
-- $7 after (nullable): keyset of the last row seen: effective_at and id, as a JSON array
-- $8 limit_rows: rows a page
-- nullable: last_key
-- index: lent_asof_ix, transactions_pk
with page as materialized (
  select e as entry, e.business_id, e.transaction_id, e.effective_at, e.id,
    row_number() over (order by e.effective_at, e.id) as position
  from ledger.entries e
  where e.business_id = $1 and e.account_id = $2::uuid and e.phase in ('single', 'post') and e.id <= $6::text::bigint
    and e.effective_at >= ($3::text::timestamp at time zone $5::text)
    and e.effective_at < (($4::text::date + 1)::timestamp at time zone $5::text)
    and ($7::text is null or (e.effective_at, e.id) > (($7::jsonb ->> 0)::timestamptz, ($7::jsonb ->> 1)::bigint))
  order by e.effective_at, e.id limit $8::int + 1)
select '[' || coalesce((
    select string_agg(bank.statement_line(p.entry, t, h), ',' order by p.position)
    from page p
    join ledger.transactions t on t.business_id = p.business_id and t.id = p.transaction_id
    left join ledger.transactions h on h.business_id = t.business_id and h.id = t.pending_id
    where p.position <= $8), '') || ']' as data,
  (select count(*) > $8 from page) as has_more,
  (select json_build_array(effective_at::text, id::text)::text from page where position <= $8 order by position desc limit 1)
    as last_key;
