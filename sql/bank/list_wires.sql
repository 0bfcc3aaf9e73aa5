-- A page of wires by the order in which they were made. Open ones are found in the queue, which is short.
-- $1 business_id: the tenant
-- $2 own_user_id (nullable): whose customers' wires are meant; null for all
-- $3 customer_id (nullable): of this customer
-- $4 statuses (nullable): any of these
-- $5 sort: -created_at, created_at
-- $6 after (nullable): keyset of the last row seen: its id, as a JSON array
-- $7 limit_rows: rows a page
-- nullable: last_key
-- index: wire_transfers_pk, wires_queue_ix, wires_customer_ix, customers_user_ix, transfers_pk
with page as materialized (
  select bank.wire_body(w, t, $2::uuid is not null) as body, w.transfer_id as id
  from bank.wire_transfers w join bank.transfers t on t.business_id = w.business_id and t.id = w.transfer_id
  where w.business_id = $1
    and ($2 is null or w.customer_id = any (array(
      select o.id from core.customers o where o.business_id = $1 and o.user_id = $2)))
    and ($3::uuid is null or w.customer_id = $3)
    and ($4::bank.wire_status[] is null or w.status = any ($4))
    and ($6::text is null or case $5::text when '-created_at' then w.transfer_id < ($6::jsonb ->> 0)::uuid
      else w.transfer_id > ($6::jsonb ->> 0)::uuid end)
  order by case when $5 = '-created_at' then w.transfer_id end desc, case when $5 = 'created_at' then w.transfer_id end
  limit $7::int + 1),
numbered as (select *, row_number() over () as position from page),
shown as (select * from numbered where position <= $7)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $7 from numbered) as has_more,
       (select json_build_array(id)::text from shown order by position desc limit 1) as last_key;
