-- A page of payment requests, newest first. Runs on the lane `report`: a filter that is null disappears from the plan.
-- $1 business_id: the tenant
-- $2 timezone: IANA zone of the business, whose days $6 and $7 are
-- $3 own_user_id (nullable): whose customers' requests are meant; null for all
-- $4 own_agent_id (nullable): only requests of this agent and of their sub-agents
-- $5 statuses (nullable): any of these
-- $6 from_date (nullable): asked for on this day or later
-- $7 to_date (nullable): on this day at the latest
-- $8 after (nullable): keyset of the last row seen: its time and its id, as a JSON array
-- $9 limit_rows: rows a page
-- nullable: last_key
-- index: payment_requests_pk, savings_accounts_pk, destinations_pk, payreq_page_ix, payreq_queue_ix, payreq_agent_ix, payreq_customer_ix, customers_user_ix
-- Of agents each has its own place in an index, newest first, which is read as far as the page needs.
with page as materialized (
  select p.r from unnest(case when $4::uuid is null then array[null::uuid] else savings.agents_of($1, $4) end) g (agent_id)
  cross join lateral (
    select r from savings.payment_requests r
    where r.business_id = $1 and ($4 is null or r.agent_id = g.agent_id)
      and ($3::uuid is null or r.customer_id = any (array(
        select o.id from core.customers o where o.business_id = $1 and o.user_id = $3)))
      and ($5::savings.payment_request_status[] is null or r.status = any ($5))
      and ($6::date is null or r.created_at >= $6::date::timestamp at time zone $2::text)
      and ($7::date is null or r.created_at < ($7::date + 1)::timestamp at time zone $2::text)
      and ($8::text is null or (r.created_at, r.id) < (($8::jsonb ->> 0)::timestamptz, ($8::jsonb ->> 1)::uuid))
    order by r.created_at desc, r.id desc limit $9::int + 1) p
  order by (p.r).created_at desc, (p.r).id desc limit $9 + 1),
numbered as (select r, row_number() over (order by (r).created_at desc, (r).id desc) as position from page),
shown as (select * from numbered where position <= $9)
select coalesce((
         select json_agg(savings.payment_request_body(s.r, a, d, $3 is not null) order by s.position)
         from shown s join savings.accounts a on a.business_id = $1 and a.id = (s.r).savings_account_id
         left join savings.payment_destinations d on d.business_id = $1 and d.id = (s.r).destination_id), '[]')::text as data,
       (select count(*) > $9 from numbered) as has_more,
       (select json_build_array((r).created_at::text, (r).id)::text from shown order by position desc limit 1) as last_key;
