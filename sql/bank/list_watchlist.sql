-- A page of the names that wires of a business are screened against, its own and those of the installation, newest first.
-- $1 business_id: the tenant
-- $2 after (nullable): keyset of the last row seen: its id, as a JSON array
-- $3 limit_rows: rows a page
-- nullable: last_key
-- index: watchlist_page_ix
with page as materialized (
  (select bank.watchlist_body(w) as body, w.id from bank.watchlist w
   where w.business_id = $1 and w.is_active and ($2::text is null or w.id < ($2::jsonb ->> 0)::uuid)
   order by w.id desc limit $3::int + 1)
  union all
  (select bank.watchlist_body(w), w.id from bank.watchlist w
   where w.business_id is null and w.is_active and ($2::text is null or w.id < ($2::jsonb ->> 0)::uuid)
   order by w.id desc limit $3 + 1)),
numbered as (select *, row_number() over (order by id desc) as position from page),
shown as (select * from numbered where position <= $3)
select coalesce((select json_agg(body order by position) from shown), '[]')::text as data,
       (select count(*) > $3 from numbered) as has_more,
       (select json_build_array(id)::text from shown order by position desc limit 1) as last_key;
